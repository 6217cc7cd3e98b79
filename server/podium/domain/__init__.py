"""Pure values and decisions: no clock, no input or output, no event loop."""

"""The outside world, one module or package for each part of it."""

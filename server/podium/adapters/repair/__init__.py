"""builtin/repair: the embedded default model."""

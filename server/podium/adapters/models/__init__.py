"""The model process: language models and built-in programs, hosted outside the LSP process."""

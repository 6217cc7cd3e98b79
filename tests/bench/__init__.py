"""Benchmarks that anyone can run: `python -m tests.bench` lists them, `python -m tests.bench NAME` runs one.

Each is a module with `run()`, which prints what it does for a person and returns its figures; they are
printed as one last line of JSON. Figures are for comparing within one run: machines are noisy.
"""

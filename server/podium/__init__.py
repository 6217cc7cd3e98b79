"""Podium: a language server that conducts a team of coding agents and verifies every change."""

__version__ = "0.1.0"

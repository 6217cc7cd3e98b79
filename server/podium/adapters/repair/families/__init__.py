"""Families of changes: each proposes small slips of one sort, put right."""

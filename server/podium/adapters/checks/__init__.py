"""Checks on candidate trees: finding them, giving them a tree, confining them, reading what they say."""

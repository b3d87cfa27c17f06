"""Verbs of graphs that follow events."""

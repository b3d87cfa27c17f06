"""Verbs of `graphlab train` that need no graph: encoders."""

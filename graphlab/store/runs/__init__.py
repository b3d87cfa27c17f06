"""Runs: what was computed from what, kept results, and their agreement with a rerun.

Imports the folder.
"""

"""Everyday verbs of the command line: neurons and their connections, paths, parts, comparisons, sets.

Imports the command line's options; graphs are opened inside the verbs.
"""

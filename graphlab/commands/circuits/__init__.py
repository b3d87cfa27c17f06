"""Verbs of the command line about circuits.

Imports the command line's options; graphs are opened inside the verbs.
"""

"""Files of a graph on disk: paths from checked names, locks, whole replacements, checksums, sweeping.

Imports nothing of the store outside this folder.
"""

"""Files of a graph on disk: paths from checked names, locks, checksums, sweeping.

Imports nothing of the store outside this folder.
"""

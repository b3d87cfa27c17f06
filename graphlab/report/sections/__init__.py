"""The sections of a report, one file each.

Imports charts, and reads the graph.
"""

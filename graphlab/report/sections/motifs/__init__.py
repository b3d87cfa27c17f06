"""Sections about motifs: censuses, null tests, mining, instances.

Imports charts, and reads the graph.
"""

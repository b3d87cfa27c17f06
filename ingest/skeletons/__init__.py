"""Skeletons: SWC, precomputed, navis, or made from segments by kimimaro; as values and as a table.

Imports the schema, readers of packed files and, to make skeletons, volumes.
"""

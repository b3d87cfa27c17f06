"""Graphs of networkx and igraph: objects in memory, and GraphML.

Imports readers' parts of ``ingest.tables`` (``assemble``, ``files``, ``types``) and what lies below.
"""

"""A source out of the graph: what depends on it, and the tables made again from the other sources.

Imports everything of the store.
"""

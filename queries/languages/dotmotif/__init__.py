"""DotMotif: motifs as lines of edges.

Imports the shared grammar tools and the intermediate representation.
"""

"""Typed motifs and the instances of a motif.

Imports nulls and the census.
"""

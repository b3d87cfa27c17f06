"""Null models of wiring and what they say about a count.

Imports the census and the kernels.
"""

"""Contracts of the seams, for tests of packages that offer an implementation.

May import everything; pytest is needed.
"""

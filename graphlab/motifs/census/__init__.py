"""Exact counts: dyads, triads, tetrads, orbits, signs, weights.

Imports the kernels.
"""

"""Compiled loops over the rows of a wiring.

Imports the random numbers of ``graphlab.motifs.kernels`` alone.
"""

"""Compiled loops of the CSR engine: arrays in, arrays out.

Imports numba and numpy alone.
"""

"""Compiled loops of counts and of swap chains: arrays in, arrays out.

Imports numba and numpy alone.
"""

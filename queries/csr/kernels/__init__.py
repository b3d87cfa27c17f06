"""Compiled loops of the CSR engine: arrays in, arrays out; called through ``kept``.

Imports numba, numpy and what keeps machine code.
"""

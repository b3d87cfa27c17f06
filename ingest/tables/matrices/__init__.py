"""Matrices of numbers: NumPy's and scipy's, from files and in memory, and MATLAB's.

Imports readers' parts of ``ingest.tables`` (``assemble``, ``files``, ``matrix``, ``types``) and what lies below.
"""

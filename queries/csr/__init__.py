"""The CSR engine: patterns by worst-case-optimal joins over adjacency lists.

Imports planning, the DuckDB engine for what is left over, and its own kernels.
"""

"""The DuckDB engine: patterns written as SQL, run read-only within limits.

Imports planning, SQL text tools and the intermediate representation.
"""

"""SQL/PGQ: GRAPH_TABLE in DuckDB SQL, and CREATE PROPERTY GRAPH.

Imports the shared grammar tools and the intermediate representation.
"""

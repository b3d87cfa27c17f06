"""Parquet, Feather, Arrow and Avro files, opened without taking more memory than is given to a source.

Imports nothing of ours but the schema.
"""

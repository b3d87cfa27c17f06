"""The types of columns that a source does not type itself.

Imports the schema.
"""

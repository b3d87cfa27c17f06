"""The query languages, one folder each, and the grammar tools they share.

Imports the intermediate representation and SQL text tools.
"""

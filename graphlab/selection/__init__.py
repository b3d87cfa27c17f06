"""Which neurons are meant, wherever a verb takes neurons: ids, names, types, saved sets, criteria, lists of those.

Imports the store, the query engine and the schema.
"""

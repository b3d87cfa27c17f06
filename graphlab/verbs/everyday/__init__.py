"""Everyday questions in one line: neurons, connections, partners, synapses, sets, parts of a graph, comparisons.

Every verb takes neurons as ``graphlab.selection.resolve`` reads them: ids, names, types, sets,
criteria, lists of those.
"""

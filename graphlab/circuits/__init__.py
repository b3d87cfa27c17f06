"""What a whole wiring diagram does: how signals flow through it, and what its numbers say.

Every analysis starts from ``weights``: one order of pairs, threshold and autapses, one denominator, named signs.
Imports the store, motifs and their nulls, statistics and charts; the verbs of ``graph.circuits`` stand above.
"""

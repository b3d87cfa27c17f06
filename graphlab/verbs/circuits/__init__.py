"""The verbs of ``graph.circuits``, a file for each group of them.

Imports ``graphlab.circuits`` and the verbs of one graph.
"""

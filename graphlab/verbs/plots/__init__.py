"""``graph.plot``: figures of a graph and of its results.

Imports the verbs that give the rows, and ``graphlab.charts.plots`` that draws them.
"""

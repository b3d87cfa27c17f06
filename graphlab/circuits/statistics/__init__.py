"""Statistics of a wiring: one file a family, one seam for all, each beside any null model.

Imports the motifs (kernels, nulls) and ``graphlab.statistics``; knows snapshots, no folder.
"""

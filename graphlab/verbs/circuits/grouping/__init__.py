"""The verbs that put neurons together: communities, spectral coordinates, clusters of like partners.

Imports ``graphlab.circuits`` and what the verbs of ``graph.circuits`` share.
"""

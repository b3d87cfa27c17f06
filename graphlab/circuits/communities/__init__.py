"""Which neurons belong together by their wiring: communities, blocks, and clusters of like partners.

Imports ``graphlab.statistics`` and the snapshot; arrays in, arrays out.
"""

"""The weights that every circuit analysis starts from: pair totals, threshold, autapses, denominator, signs.

Imports the store and the words of ``ingest``.
"""

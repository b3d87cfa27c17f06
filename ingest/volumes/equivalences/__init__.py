"""Ids that are one: disjoint sets of them, and the text files that say so.

Imports labels and the schema.
"""

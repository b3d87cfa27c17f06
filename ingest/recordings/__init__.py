"""Recordings of activity and behaviour: one reader a format, one door in ``readers``.

Imports tables, the reader seam and the schema.
"""

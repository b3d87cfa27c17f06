"""Paths over a snapshot: reach, shortest, weighed, k best.

Imports the snapshot alone.
"""

"""Recordings and behaviour kept in a graph.

Imports the folder and runs.
"""

"""Embedding files of a graph, and how they join neurons and synapses.

Imports the folder, runs and tables.
"""

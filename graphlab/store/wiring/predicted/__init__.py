"""Compartments of synapses that a model predicted: kept, told apart from those of sources and skeletons, forgotten.

Imports the folder, runs and what makes connections.
"""

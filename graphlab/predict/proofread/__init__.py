"""Saved models and embeddings put to use: cables that are two cells, pairs that are one, synapses with compartments;
whether doubt knows types that nobody taught.

Imports asking of models, and tasks.
"""

"""Embeddings computed for a graph: from volumes, and means along skeletons.

Imports the store and ``gpu_embed``.
"""

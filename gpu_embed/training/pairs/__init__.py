"""Pairs of places to train on: two of one neuron, or of two neurons that are as far apart and as thick.

Imports skeletons and volumes of ``ingest``, and the crops of ``cutouts`` to look which nodes lie in their segment.
"""

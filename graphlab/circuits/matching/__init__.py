"""Neurons of one side, or one brain, that are those of the other.

Imports the weights of a graph and ``graphlab.statistics``.
"""

"""Classifiers on windows of embeddings: residual networks, spectral normalisation, a Gaussian process as last layer.

Imports inputs, evaluation and the training loop; torch only where it is fitted or asked.
"""

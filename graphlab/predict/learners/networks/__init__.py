"""Graph networks of nodes and of pairs, and the rate model.

Imports inputs and training.
"""

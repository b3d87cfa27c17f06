"""Kernels of random graphs: swaps, annealing, and the sets and classes of pairs that they keep."""

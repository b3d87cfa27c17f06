"""Kernels of four neurons: tetrads of a graph, and the places that each neuron takes in them."""

"""Loops over compressed sparse rows: triangles at every neuron, mutual pairs, searches from pivots."""

"""Skeletons in the graph: nodes brought in, synapses placed on them, cable and synapses measured.

Imports wiring, runs and incoming rows.
"""

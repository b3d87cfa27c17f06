"""Neurons, synapses, connections, their recipe and signs, and the snapshots made of them.

Imports the folder, runs and incoming rows.
"""

"""Verbs that put models and embeddings to use: queues of possible errors, compartments of synapses."""

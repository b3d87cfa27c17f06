"""Training of flood-filling networks: where to look, crops around it, moves of the field of view, the loss.

Imports the network, its settings and movement, and ``gpu_embed.training``.
"""

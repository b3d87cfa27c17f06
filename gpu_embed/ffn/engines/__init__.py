"""What computes fields of view: the seam, PyTorch, OpenVINO, and the choice between them.

Imports the network's own words (``gpu_embed.ffn`` beside it).
"""

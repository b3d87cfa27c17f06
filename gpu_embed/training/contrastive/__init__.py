"""SegCLR: encoders trained on pairs of crops of one neuron.

Imports the trainer, pairs, the encoder and its checkpoints, the crops of ``cutouts``.
"""

"""One trainer for networks on volumes: encoders, segmenters.

``trainer.train`` takes a network, an objective (a batch into losses) and batches by step.
Imports the encoder, its checkpoints and the crops of ``cutouts``.
"""

"""Encoders on disk: safetensors with a card, and TensorFlow checkpoints.

Imports the encoder.
"""

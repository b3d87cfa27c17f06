"""What computes embeddings of crops: PyTorch, OpenVINO, ONNX Runtime, and the choice among them.

Imports the encoder.
"""

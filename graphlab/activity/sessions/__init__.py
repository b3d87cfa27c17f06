"""One animal's recording, prepared: segments, blocks, drift, time scales.

Imports the store.
"""

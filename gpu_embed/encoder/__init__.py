"""The SegCLR networks: architectures, weights by name, the folded form that engines run.

Imports nothing of ours but the schema.
"""

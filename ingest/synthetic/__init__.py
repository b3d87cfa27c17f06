"""A made connectome whose truth is known: neurons, wiring, embeddings, activity, responses.

Imports writers of SegCLR shards and the schema.
"""

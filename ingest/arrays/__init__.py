"""Arrays that NumPy saved, opened without pickles: sizes are seen before memory is given.

Imports ``ingest.schema``, and nothing else of graphlab.
"""

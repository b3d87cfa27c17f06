"""How work runs: files written whole, Ctrl-C held back, progress told, tasks handed to workers.

May import ``ingest.schema`` and nothing else of the four packages.
"""

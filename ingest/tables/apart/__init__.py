"""Libraries that a damaged file can crash, run in a process of their own.

Imports nothing of ours but the schema.
"""

"""The words of the project: tables and columns, ids, units, values, transmitters, errors.

Imports nothing of ours outside this folder.
"""

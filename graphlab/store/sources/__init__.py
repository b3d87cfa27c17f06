"""Which sources a graph has, and what is kept of each so that it can be taken back.

Imports the database and the folder.
"""

"""openCypher, the part that reads.

Imports the shared grammar tools and the intermediate representation.
"""

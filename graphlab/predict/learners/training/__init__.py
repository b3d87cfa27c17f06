"""The training loop, neighbour sampling and the journal.

Imports inputs.
"""

"""The loop that follows one object at a time: seeds, moves, the fields that a step works on, many sub-volumes at once.

Imports engines and the network's own words.
"""

"""Flood-filling networks: the network, its weights, engines, and the loop that follows one object at a time.

Source: Januszewski et al., Nature Methods 15:605 (2018); google/ffn. Imports checkpoints, encoder words and journal.
"""

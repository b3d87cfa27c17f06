"""Crops around nodes, cut from blocks that are read once, on the host or on a device.

Imports volumes of ``ingest`` and the engine seam.
"""

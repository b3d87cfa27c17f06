"""Segmentations compared and put together: contingency tables, their scores, run lengths, sub-volumes made one.

Arrays and volumes in, numbers and labels out; no network is imported here. Imports ``ingest``.
"""

"""What neurons say about behaviour: tuning, drivers, decoding, encoding, and their nulls.

Imports sessions.
"""

"""Activity against wiring: functional edges, structure and function, enrichment.

Imports sessions and behavior.
"""

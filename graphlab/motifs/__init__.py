"""Exact circuit-motif censuses over a Snapshot."""

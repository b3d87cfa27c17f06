"""Spikes and rates of a whole brain from its wiring."""

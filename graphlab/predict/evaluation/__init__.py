"""Splits, leaks, scores and their uncertainty.

Imports inputs.
"""

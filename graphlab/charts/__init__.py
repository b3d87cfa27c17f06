"""Figures as SVG text.

Imports nothing of ours.
"""

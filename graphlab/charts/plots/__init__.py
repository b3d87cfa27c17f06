"""Figures as data: each is drawn as SVG, and said to Altair, from the same rows.

Imports the drawings of ``graphlab.charts``; Altair where a notebook asks for it.
"""

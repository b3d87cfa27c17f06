"""Verbs about segmentations.

Imports ``graphlab.commands`` beside it, and what each verb runs.
"""

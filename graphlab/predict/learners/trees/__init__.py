"""Forests and extra trees.

Imports inputs and evaluation.
"""

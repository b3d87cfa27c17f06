"""Splits, leaks and scores: what makes a figure honest."""

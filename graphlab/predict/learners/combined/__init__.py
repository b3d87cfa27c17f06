"""Predictors made of other predictors.

Imports trees and networks.
"""

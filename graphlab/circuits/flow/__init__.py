"""Signals through a wiring: direction, layers, cascades, effective connectivity, influence, and maximal flow.

Imports ``circuits.weights``; arrays in, arrays out.
"""

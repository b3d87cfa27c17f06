"""Verbs that stay: they serve graphs until they are told to end. May import what commands may."""

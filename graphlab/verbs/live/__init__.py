"""The verbs of a graph that follows events."""

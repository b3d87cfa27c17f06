"""Label volumes: renaming, components, growth, adjacency, equivalences; the calls of Google's ``segmentation.labels``.

Imports the schema.
"""

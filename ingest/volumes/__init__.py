"""EM and segmentation volumes: where their voxels lie, their scale, Google's JSON about them.

Imports the reader seam and the schema.
"""

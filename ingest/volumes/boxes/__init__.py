"""Boxes of voxels, XYZ: one of them, and the overlapping ones that a volume is worked through in.

The same classes, results and JSON as Google's ``bounding_box`` and ``box_generator``; imports the schema.
"""

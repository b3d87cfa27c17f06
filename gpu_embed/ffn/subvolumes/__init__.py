"""A volume cut into sub-volumes that overlap: their files, the run over all of them, the one segmentation they make.

Imports the loop, and what makes one segmentation of pieces.
"""

"""Volumes worked through box by box: sub-volumes, what is done to each (contrast, filters, objects), the run over all.

The same classes and results as Google's ``volume.subvolume_processor`` and ``volume.processor``. Imports boxes,
labels and the readers of volumes.
"""

"""Labels eaten away and grown: ``erode``, ``watershed_expand``, ``create_boundary_mask_volume``.

The same calls and voxels as ``connectomics.segmentation.labels``; where they differ stands in ``docs/google.md``.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError, SchemaError
from ingest.volumes.labels.label_arrays import Labels, checked_labels
from ingest.volumes.labels.relabeling import make_contiguous, relabel, sizes

Mask = npt.NDArray[np.bool_]
Distances = npt.NDArray[np.float32]


def erode(labels: npt.ArrayLike, radius: int = 2, min_size: int = 50) -> Labels:
    """Empty space between segments: 2 * ``radius`` + 1 voxels, except around small segments, which stay whole.

    Between two segments that touch a voxel is emptied first, so that what is left of a segment is what lies further
    than ``radius`` from every empty voxel: one distance transform in place of a filter.

    Args:
        labels: [z, y, x] or [y, x]; none below 0.
        radius: in voxels; 0 empties the voxel between segments only.
        min_size: segments of so many voxels or fewer are kept as they are.
    """
    array = checked_labels(labels, (2, 3))
    if array.size and array.min() < 0:
        raise SchemaError(f"label {array.min()} is below 0, where an eroded segment would grow; wanted ids from 0")
    if radius != int(radius):
        raise SchemaError(f"radius {radius} is no whole number of voxels")
    if not np.any(array):
        return array.copy()
    eroded = np.array(array, order="C")
    for axis in reversed(range(array.ndim)):
        before, after = _halves(eroded, axis)
        after[(before != after) & (before != 0)] = 0
    if radius > 0:
        edt = _edt()
        # Squared distances of whole voxels are whole numbers, exact in float32 up to 4,096 voxels.
        near = edt.edtsq(np.ascontiguousarray(eroded != 0), black_border=False) <= float(radius) ** 2
        if not np.all(eroded):  # without any empty voxel there is none to be near to
            eroded[near] = 0
    ids, counts = sizes(array)
    small = ids[counts <= min_size]
    if small.size:
        table = np.isin(ids, small)
        kept = relabel(array, ids, table.astype(np.uint8)).view(np.bool_)
        eroded[kept] = array[kept]
    return eroded


def watershed_expand(
    seg: npt.ArrayLike, voxel_size: Sequence[float], max_distance: float | None = None, mask: Mask | None = None
) -> tuple[Labels, Distances]:
    """Grow segments into empty space, each voxel going to the segment that a flood of distances reaches it from.

    Args:
        seg: [z, y, x].
        voxel_size: nm, XYZ.
        max_distance: nm; empty voxels further away stay empty.
        mask: [z, y, x] where to grow; everywhere if None. It is not changed.

    Returns:
        the grown labels; distance of each voxel to the nearest segment before, float32 nm.
    """
    volume = checked_labels(seg, (3,), "seg")
    if len(voxel_size) != 3 or not all(size > 0 for size in voxel_size):
        raise SchemaError(f"voxel_size is {voxel_size}; wanted three lengths in nm, XYZ")
    if mask is not None and np.shape(mask) != volume.shape:
        raise SchemaError(f"mask has shape {np.shape(mask)}, seg {volume.shape}; wanted the same")
    if volume.size == 0:
        return volume.astype(_grown_type(volume)), np.empty(volume.shape, np.float32)
    try:
        from skimage import segmentation
    except ImportError:
        raise MissingExtraError("scikit-image", "volumes") from None

    low, pairs = make_contiguous(np.ascontiguousarray(volume))
    distances: Distances = _edt().edt(low == 0, anisotropy=tuple(float(size) for size in voxel_size[::-1]))
    grow: Mask = np.ones(volume.shape, np.bool_) if mask is None else np.array(mask, np.bool_)
    if max_distance is not None:
        grow[distances > max_distance] = False
    flood: Any = segmentation.watershed  # its package is typed, it is not
    grown = flood(distances, low, mask=grow)
    grown[~grow] = low[~grow]
    old = np.array([pair[0] for pair in pairs], dtype=_grown_type(volume))
    return relabel(grown, np.arange(old.size), old), distances


def create_boundary_mask_volume(
    shape: tuple[int, int, int],
    before_xyz: tuple[int, int, int] = (0, 0, 0),
    after_xyz: tuple[int, int, int] = (0, 0, 0),
) -> Mask:
    """True but for so many voxels at the beginning and the end of each dimension, in the order of ``shape``."""
    if not len(shape) == len(before_xyz) == len(after_xyz) == 3:
        raise SchemaError(f"shape {shape}, before {before_xyz}, after {after_xyz}; wanted three numbers in each")
    mask = np.zeros(shape, np.bool_)
    mask[tuple(slice(b, max(b, n - a)) for n, b, a in zip(shape, before_xyz, after_xyz, strict=True))] = True
    return mask


def _halves(array: Labels, axis: int) -> tuple[Labels, Labels]:
    """Every voxel but the last along an axis, and the one after each."""
    before, after = [slice(None)] * array.ndim, [slice(None)] * array.ndim
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return array[tuple(before)], array[tuple(after)]


def _grown_type(volume: Labels) -> np.dtype[Any]:
    return np.dtype(np.int64 if volume.dtype.kind == "i" else np.uint64)


def _edt() -> Any:
    try:
        import edt
    except ImportError:
        raise MissingExtraError("edt", "volumes") from None
    return edt

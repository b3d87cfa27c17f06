"""How full of its own object the neighbourhood of each voxel is: classes that training draws from evenly.

Thin processes fill little of a neighbourhood and thick ones much; drawn voxel by voxel, a network would hardly see thin
ones. The map is that of google/ffn ``compute_partitions.py``.

Tests: tests/gpu_embed/ffn/training/test_fill.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.segmentation.contingency import renumbered, require_labels
from ingest.schema.errors import SchemaError

THRESHOLDS = (0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RADIUS: Zyx = (24, 24, 24)
LEAST_VOXELS = 10_000
OUTSIDE = 255
"""Of voxels whose neighbourhood reaches out of the volume."""
Classes = npt.NDArray[np.uint8]


def fill_classes(
    labels: npt.NDArray[Any],
    radius: Zyx = RADIUS,
    thresholds: Sequence[float] = THRESHOLDS,
    least_voxels: int = LEAST_VOXELS,
) -> Classes:
    """The class of every voxel [Z, Y, X]: 0 unlabelled, k + 1 with k thresholds at or below its fraction, 255 outside.

    The fraction is that of voxels of the same label in the box of ``radius`` around the voxel.

    Args:
        least_voxels: smaller objects count as unlabelled.

    Raises:
        SchemaError: no labels; a volume that no neighbourhood fits into; thresholds that do not rise from 0 to 1.
    """
    require_labels("labels", labels)
    if labels.ndim != 3 or any(n <= 2 * r for n, r in zip(labels.shape, radius, strict=True)):
        raise SchemaError(
            f"labels of {labels.shape} voxels (ZYX); wanted more than twice the radius of neighbourhoods, {radius}, on "
            "each axis. Take a smaller radius or a larger cube"
        )
    steps = np.array(thresholds, dtype=np.float64)
    if not len(steps) or len(steps) > OUTSIDE - 2 or (np.diff(steps) <= 0).any() or steps[0] <= 0 or steps[-1] > 1:
        raise SchemaError(f"thresholds {tuple(thresholds)}; wanted numbers above 0 that rise to 1 at most")
    from scipy.ndimage import find_objects

    dense, names = renumbered(labels)
    sizes = np.bincount(dense.ravel(), minlength=len(names))
    classes = np.zeros(labels.shape, dtype=np.uint8)
    for number, box in enumerate(find_objects(dense + 1)):
        if names[number] and sizes[number] >= least_voxels and box is not None:
            there = dense[box] == number
            fraction = _counts(there, radius)[there] / np.prod(2 * np.array(radius) + 1)
            classes[box][there] = np.searchsorted(steps, fraction, side="right") + 1
    inside = tuple(slice(r, n - r) for r, n in zip(radius, labels.shape, strict=True))
    kept = np.full_like(classes, OUTSIDE)
    kept[inside] = classes[inside]
    return kept


def _counts(there: npt.NDArray[np.bool_], radius: Zyx) -> npt.NDArray[np.int64]:
    """True voxels in the box around each voxel: one running sum an axis."""
    counts = there.astype(np.int64)
    for axis, r in enumerate(radius):
        n = counts.shape[axis]
        sums = np.cumsum(counts, axis=axis)
        ends = np.minimum(np.arange(n) + r, n - 1)
        starts = np.arange(n) - r - 1
        before = np.take(sums, np.maximum(starts, 0), axis=axis)
        shape = [1, 1, 1]
        shape[axis] = n
        counts = np.take(sums, ends, axis=axis) - before * (starts >= 0).reshape(shape)
    return counts

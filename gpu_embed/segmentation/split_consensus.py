"""What two segmentations of the same voxels agree on: the consensus that splits wherever one of them splits.

Tests: tests/gpu_embed/segmentation/test_split_consensus.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.segmentation.contingency import Labels, contingency, require_labels, require_one_shape
from ingest.schema.errors import SchemaError

LARGEST = np.iinfo(np.uint64).max


def split_consensus(
    first: npt.NDArray[Any], second: npt.NDArray[Any], least_voxels: int = 0
) -> tuple[Labels, dict[int, int]]:
    """The first segmentation, cut where the second one is, as Google's ``split_segmentation_by_intersection`` does.

    The part of an object that shares most with one object of the second (its label 0 counts as one) keeps its label;
    the others get new labels after the largest. What the first leaves at 0 stays 0.

    Args:
        first, second: whole numbers of one shape, 0 to 2^64-1.
        least_voxels: smaller parts become 0.

    Returns:
        Labels uint64, and for each label in them the label of the first that it is part of.

    Raises:
        SchemaError: different shapes, no whole numbers, no labels left after the largest.
    """
    require_labels("the first segmentation", first)
    require_labels("the second segmentation", second)
    require_one_shape(first=first, second=second)
    if not first.size:
        return np.zeros(first.shape, dtype=np.uint64), {}
    table = contingency(first, second)
    whose, other, voxels = table.truth, table.segmentation, table.voxels
    kept = (voxels >= least_voxels) & (whose > 0)
    # The largest part of each, the one with the lower label of two that are as large.
    largest = np.zeros(len(table), dtype=bool)
    order = np.lexsort((other, -voxels, whose))
    largest[order[np.append(True, np.diff(whose[order]) != 0)]] = True
    new = np.where(kept & largest, whose, np.uint64(0))
    cut = np.flatnonzero(kept & ~largest)
    cut = cut[np.lexsort((whose[cut], other[cut]))]
    if len(cut) > LARGEST - int(first.max()):
        raise SchemaError(f"label {first.max()} leaves no room for {len(cut)} new ones; renumber the segmentation")
    new[cut] = np.uint64(first.max()) + np.arange(1, len(cut) + 1, dtype=np.uint64)
    labels = _looked_up(first, second, whose, other, new)
    return labels, {int(label): int(origin) for label, origin in zip(new, whose, strict=True) if label}


def _looked_up(first: npt.NDArray[Any], second: npt.NDArray[Any], whose: Labels, other: Labels, new: Labels) -> Labels:
    """The new label of every voxel's pair; pairs are in the order of (whose, other)."""
    names, others = np.unique(whose), np.unique(other)
    keys = np.searchsorted(names, whose) * len(others) + np.searchsorted(others, other)
    at = np.searchsorted(names, first.astype(np.uint64)) * len(others) + np.searchsorted(
        others, second.astype(np.uint64)
    )
    found: Labels = new[np.searchsorted(keys, at)]
    return found

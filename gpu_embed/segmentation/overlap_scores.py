"""Variation of information and adapted Rand error of a contingency table, with the mask they are over.

Split is H(segmentation | truth), what one true object is broken into; merge is H(truth | segmentation), both in bits
(Meila 2007). Adapted Rand: precision and recall over pairs of different voxels (Arganda-Carreras et al. 2015).

Tests: tests/gpu_embed/segmentation/test_overlap_scores.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_embed.segmentation.contingency import Contingency, Labels
from ingest.schema.errors import UnknownNameError

MASKS = {
    "segmentation": "voxels that the segmentation labels",
    "both": "voxels that both label",
    "truth": "voxels that the truth labels; what the segmentation leaves unlabelled counts as one segment, 0",
    "all": "all voxels; label 0 counts as one segment, on either side",
}
"""Which voxels a score is over, in words."""


@dataclass(frozen=True, slots=True)
class OverlapScores:
    """Scores over the voxels of one mask; None where there are no voxels (or no pairs of them)."""

    mask: str
    voxels: int
    voi_split: float | None
    voi_merge: float | None
    rand_error: float | None
    rand_precision: float | None
    rand_recall: float | None

    @property
    def voi(self) -> float | None:
        """Bits, split and merge together."""
        if self.voi_split is None or self.voi_merge is None:
            return None
        return self.voi_split + self.voi_merge


@dataclass(frozen=True, slots=True)
class Share:
    """What one object adds to a score: a true object to the split, a segment to the merge."""

    label: int
    bits: float
    voxels: int
    pieces: int
    """Segments of a true object, or true objects of a segment."""


def overlap_scores(table: Contingency, mask: str = "all") -> OverlapScores:
    """Scores of a table over one of ``MASKS``."""
    table = masked(table, mask)
    total = int(table.voxels.sum())
    if not total:
        return OverlapScores(mask, 0, None, None, None, None, None)
    split, merge = (float(bits.sum()) for bits in _bits(table))
    # Squares of counts pass 2^63 in large volumes; as floats they are right to the last digits.
    pairs = _pairs(table.voxels)
    by_truth, by_segment = (_pairs(_sums(labels, table)) for labels in (table.truth, table.segmentation))
    precision, recall = _part(pairs, by_segment), _part(pairs, by_truth)
    f_score = _part(2 * pairs, by_segment + by_truth)
    return OverlapScores(mask, total, split, merge, None if f_score is None else 1 - f_score, precision, recall)


def masked(table: Contingency, mask: str) -> Contingency:
    """The rows that a mask of ``MASKS`` keeps.

    Raises:
        UnknownNameError: no such mask.
    """
    if mask not in MASKS:
        raise UnknownNameError("mask", mask, MASKS)
    kept = np.ones(len(table), dtype=bool)
    if mask in ("segmentation", "both"):
        kept &= table.segmentation > 0
    if mask in ("truth", "both"):
        kept &= table.truth > 0
    return table.where(kept)


def without(table: Contingency, ignored: Sequence[int]) -> Contingency:
    """The table without the voxels of some true labels."""
    return table.where(~np.isin(table.truth, np.array(list(ignored), dtype=np.uint64))) if ignored else table


def coverage(table: Contingency) -> float | None:
    """Part of the voxels that the truth labels which the segmentation labels too."""
    true = masked(table, "truth")
    return _part(float(masked(true, "both").voxels.sum()), float(true.voxels.sum()))


def worst(table: Contingency, mask: str, count: int) -> tuple[list[Share], list[Share]]:
    """The true objects that add most to the split, and the segments that add most to the merge.

    Bits add up to the scores; equal ones come in the order of their labels.
    """
    table = masked(table, mask)
    split, merge = _bits(table)
    return _shares(table.truth, split, table, count), _shares(table.segmentation, merge, table, count)


def _bits(table: Contingency) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What each pair adds to split and merge."""
    voxels = table.voxels.astype(np.float64)
    total = voxels.sum()
    of_truth, of_segment = _sums(table.truth, table, spread=True), _sums(table.segmentation, table, spread=True)
    part = voxels / total if total else voxels
    return part * np.log2(of_truth / voxels), part * np.log2(of_segment / voxels)


def _sums(labels: Labels, table: Contingency, spread: bool = False) -> npt.NDArray[np.float64]:
    """Voxels of each label; ``spread``: of the label of each row."""
    names, at = np.unique(labels, return_inverse=True)
    sums: npt.NDArray[np.float64] = np.bincount(at, weights=table.voxels, minlength=len(names)).astype(np.float64)
    return sums[at] if spread else sums


def _shares(labels: Labels, bits: npt.NDArray[np.float64], table: Contingency, count: int) -> list[Share]:
    names, at, pieces = np.unique(labels, return_inverse=True, return_counts=True)
    added, voxels = np.bincount(at, weights=bits), np.bincount(at, weights=table.voxels)
    first = [k for k in np.argsort(-added, kind="stable")[:count].tolist() if added[k] > 0]
    return [Share(int(names[k]), float(added[k]), int(voxels[k]), int(pieces[k])) for k in first]


def _pairs(counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float:
    """Ordered pairs of different voxels in groups of so many."""
    numbers = counts.astype(np.float64)
    return float((numbers * (numbers - 1)).sum())


def _part(some: float, whole: float) -> float | None:
    return some / whole if whole else None

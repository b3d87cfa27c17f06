"""Held-out blocks of time: contiguous, inside one segment, with a gap on both sides that training never sees.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from graphlab.activity.sessions.session import Floats, stretches
from graphlab.statistics.folds import Fold
from ingest.schema.errors import AnalysisError

Ints = npt.NDArray[np.int64]


def blocked_folds(segment: Ints, folds: int, gap: int) -> list[Fold]:
    """Contiguous test blocks that cover every frame once; training keeps ``gap`` frames away from them.

    A segment's edge needs no gap: nothing was recorded across it. Blocks never cross a segment.

    Raises:
        AnalysisError: blocks no longer than the gap, or folds that leave no training frames.
    """
    frames = len(segment)
    if folds < 2:
        raise AnalysisError(f"folds: found {folds}; wanted at least 2")
    cuts = np.linspace(0, frames, folds + 1).round().astype(np.int64)
    if int(np.diff(cuts).min()) <= gap:
        raise AnalysisError(
            f"blocks of {int(np.diff(cuts).min()):,} frames with gaps of {gap:,}: nothing independent is left; wanted "
            f"blocks longer than a gap, so at most {max(1, frames // (gap + 1))} folds"
        )
    number = np.arange(frames)
    result = []
    for first, last in pairwise(cuts):
        near = np.zeros(frames, dtype=bool)
        for begin, end in stretches(segment):
            low, high = max(first, begin), min(last, end)
            if low < high:
                near[max(begin, low - gap) : min(end, high + gap)] = True
        train = number[~near]
        if not len(train):
            raise AnalysisError(
                f"{folds} folds with gaps of {gap:,} frames leave no frame to train on; use fewer folds"
            )
        result.append(Fold(train, number[first:last]))
    return result


def scores(truth: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """(R^2, r) per column of [frames, k]; R^2 against the truth's own mean, r NaN where a side is constant."""
    truth, predicted = np.atleast_2d(truth.T).T, np.atleast_2d(predicted.T).T
    centred = truth - truth.mean(axis=0)
    total = (centred**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(total > 0, 1.0 - ((truth - predicted) ** 2).sum(axis=0) / total, np.nan)
        other = predicted - predicted.mean(axis=0)
        r = (centred * other).sum(axis=0) / np.sqrt(total * (other**2).sum(axis=0))
    return r2, r

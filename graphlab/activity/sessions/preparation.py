"""Traces made comparable: holes filled, slow drift taken out within each segment, unit length.

Drift is what a few slow cosines describe (the first vectors of the discrete cosine transform of a segment, periods
longer than ``detrend_s``); the constant of each segment always goes. Correlation is then a dot product.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.activity.sessions.session import Bools, Floats, TraceRows, Traces, stretches

LARGEST_HOLES = 0.1
"""A trace that misses more of its frames than this is left out."""
BLOCK_BYTES = 1 << 26


def drift_basis(segment: npt.NDArray[np.int64], step_s: float, detrend_s: float | None) -> Traces:
    """Orthonormal rows [k, frames]: one constant a segment, and cosines slower than ``detrend_s``."""
    rows = []
    for first, last in stretches(segment):
        length = last - first
        # Cosine k of a segment has the period 2 length / k frames.
        slow = 0 if detrend_s is None else int(np.floor(2.0 * length * step_s / detrend_s))
        angle = np.pi * (np.arange(length) + 0.5) / length
        for k in range(min(slow, length - 1) + 1):
            row = np.zeros(len(segment))
            wave = np.cos(k * angle)
            row[first:last] = wave / np.linalg.norm(wave)
            rows.append(row)
    return np.asarray(rows, dtype=np.float32)


def standardised(block: npt.NDArray[np.floating], basis: Traces) -> Traces:
    """Rows without drift and of length 1; a row that has nothing else becomes zeros."""
    values = np.asarray(block, dtype=np.float32)
    # A constant first, in double precision: traces ride on baselines much larger than their changes.
    centred = (values - values.mean(axis=1, dtype=np.float64, keepdims=True)).astype(np.float32)
    scale = np.linalg.norm(centred, axis=1)
    centred -= (centred @ basis.T) @ basis
    length = np.linalg.norm(centred, axis=1)
    whole = np.linalg.norm(values, axis=1)
    alive = (length > 1e-5 * np.maximum(scale, 1e-30)) & (scale > 1e-6 * np.maximum(whole, 1e-30))
    centred[~alive] = 0.0
    centred[alive] /= length[alive, None]
    return np.asarray(centred)


def filled(block: Traces, segment: npt.NDArray[np.int64]) -> tuple[Traces, Bools]:
    """Holes interpolated inside their segment; (traces, which of them can be used).

    Unusable traces (more than a tenth missing, or a whole segment) become zeros.
    """
    holes = np.isnan(block)
    if not holes.any():
        return block, np.ones(len(block), dtype=bool)
    result = block.copy()
    usable = holes.mean(axis=1) <= LARGEST_HOLES
    for row in np.flatnonzero(holes.any(axis=1)):
        for first, last in stretches(segment):
            missing = holes[row, first:last]
            if missing.all():
                usable[row] = False
                break
            if missing.any():
                at = np.arange(last - first)
                there = ~missing
                result[row, first:last][missing] = np.interp(at[missing], at[there], block[row, first:last][there])
        if not usable[row]:
            result[row] = 0.0
    return result, usable


def block_rows(frames: int, bytes_: int = BLOCK_BYTES) -> int:
    """Traces that fit ``bytes_``."""
    return max(1, bytes_ // (4 * max(1, frames)))


def prepared(rows: TraceRows, segment: npt.NDArray[np.int64], basis: Traces, keep: Bools | None = None) -> Traces:
    """All traces standardised, in memory, at the kept frames (``segment`` and ``basis`` are of those)."""
    result = np.empty((rows.shape[0], len(segment)), dtype=np.float32)
    step = block_rows(rows.shape[1])
    for first in range(0, rows.shape[0], step):
        block = rows[first : first + step]
        block = block if keep is None or keep.all() else block[:, keep]
        result[first : first + step] = standardised(filled(block, segment)[0], basis)
    return result


def unit(values: Floats, basis: Traces) -> Traces:
    """One or several rows of behaviour as ``standardised`` makes them."""
    return standardised(np.atleast_2d(values), basis)

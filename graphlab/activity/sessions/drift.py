"""Slow drift described by training frames alone, and taken out of all frames: held-out blocks say nothing about it.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.activity.sessions.preparation import drift_basis
from graphlab.activity.sessions.session import Floats, stretches
from ingest.schema.errors import AnalysisError

Ints = npt.NDArray[np.int64]
WAVES_PER_HOLE = 4
"""A cosine has to be this many times as long as the longest stretch that training does not see: least squares would
let a faster one swing freely in there."""


class Drift:
    """What ``detrend_s`` calls drift, for blocks of one recording."""

    def __init__(self, segment: Ints, step_s: float, detrend_s: float | None) -> None:
        """None takes nothing out.

        Raises:
            AnalysisError: ``detrend_s`` is no positive number of seconds.
        """
        if detrend_s is not None and not detrend_s > 0:
            raise AnalysisError(f"detrend_s: found {detrend_s:g}; wanted a positive number of seconds")
        self._segment, self._step_s, self._detrend_s = segment, step_s, detrend_s

    def without(self, values: Floats, train: Ints) -> Floats:
        """``values`` [frames, k] less the drift that their training frames show, each segment by itself.

        The waves are those of ``preparation.drift_basis`` slower than ``detrend_s``, fitted by least squares to the
        training frames and continued over the others. The constant of a segment goes, too; a segment without any
        training frame loses the mean of all training frames, since nothing else is known about it.
        """
        if self._detrend_s is None:
            return values
        seen = np.zeros(len(self._segment), dtype=bool)
        seen[train] = True
        result = np.empty_like(values)
        for first, last in stretches(self._segment):
            part, known = values[first:last], seen[first:last]
            if not known.any():
                result[first:last] = part - values[train].mean(axis=0)
                continue
            hole = max((end - begin for begin, end in stretches(known.astype(np.int64)) if not known[begin]), default=0)
            slow = max(self._detrend_s, WAVES_PER_HOLE * hole * self._step_s)
            waves = drift_basis(self._segment[first:last], self._step_s, slow).astype(np.float64).T
            weights = np.linalg.lstsq(waves[known], part[known], rcond=None)[0]
            result[first:last] = part - waves @ weights
        return result

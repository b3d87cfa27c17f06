"""Mutual information between a trace and a behaviour by nearest neighbours (Kraskov et al. 2004, Ross 2014).

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.activity.behavior.measures import Tuning, TuningOptions
from graphlab.activity.behavior.nulls import Null
from graphlab.activity.sessions.preparation import drift_basis, prepared
from graphlab.activity.sessions.session import Floats, Session
from ingest.schema.errors import MissingExtraError

NEIGHBOURS = 3
LARGEST_SURROGATES = 99
"""To either side: each is a full estimate of every trace: more would take minutes an animal."""


def information(
    session: Session,
    behavior: str,
    keep: npt.NDArray[np.bool_],
    segment: npt.NDArray[np.int64],
    time: float,
    options: TuningOptions,
    null: Null | None,
    reason: str,
) -> Tuning:
    """Nats of mutual information of every trace; ``value`` is what is left above the median of the null's candidates.

    Without a null nothing can be taken off: small samples alone give some information.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    basis = drift_basis(segment, session.step_s, options.detrend_s)
    traces = prepared(session.rows, segment, basis, keep)
    unknown = ~(np.abs(traces).max(axis=1) > 0)
    signal = session.behavior(behavior)[keep]
    nothing = np.full(len(traces), np.nan)
    shown = (session.animal, behavior, "mutual_information")
    if null is None:
        value = np.where(unknown, np.nan, _information(traces, signal))
        return Tuning(
            *shown, value, np.zeros(len(traces)), nothing, nothing, nothing, nothing, nothing, time, len(segment), None,
            reason,
        )  # fmt: skip
    window = drift_basis(null.segment, session.step_s, options.detrend_s)
    inside = np.zeros(len(keep), dtype=bool)
    inside[np.flatnonzero(keep)[null.middle]] = True
    middle = prepared(session.rows, null.segment, window, inside)
    drawn = np.stack(
        [_information(middle, null.windows(signal, slice(at, at + 1))[0]) for at in range(null.candidates)], axis=1
    )
    value = np.where(unknown, np.nan, drawn[:, null.actual] - np.median(drawn, axis=1))
    drawn[unknown] = 0.0
    p = np.where(unknown, np.nan, null.p(drawn))
    family = np.where(unknown, np.nan, null.p(drawn.max(axis=0)[None], drawn[:, null.actual]))
    return Tuning(
        *shown, value, np.zeros(len(traces)), p, family, family, nothing, nothing.copy(), time, len(segment), null
    )


def _information(traces: npt.NDArray[np.float32], signal: Floats) -> Floats:
    try:
        from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
    except ImportError:
        raise MissingExtraError("scikit-learn", "activity") from None
    if np.ptp(signal) == 0:
        return np.zeros(len(traces))
    # Two values are classes (a reversal or none), more a magnitude.
    if len(np.unique(signal)) <= 2:
        return np.asarray(mutual_info_classif(traces.T, signal > signal.min(), n_neighbors=NEIGHBOURS, random_state=0))
    return np.asarray(mutual_info_regression(traces.T, signal, n_neighbors=NEIGHBOURS, random_state=0))

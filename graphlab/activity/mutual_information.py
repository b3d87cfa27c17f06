"""Mutual information between a trace and a behaviour by nearest neighbours (Kraskov et al. 2004, Ross 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.activity import nulls
from graphlab.activity.preparation import drift_basis, prepared
from graphlab.activity.session import Floats, Session
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import MissingExtraError

if TYPE_CHECKING:
    from graphlab.activity.tuning import Tuning, TuningOptions

NEIGHBOURS = 3
LARGEST_SURROGATES = 199
"""Each surrogate is a full estimate of every trace: more would take minutes an animal."""


def information(
    session: Session,
    behavior: str,
    keep: npt.NDArray[np.bool_],
    segment: npt.NDArray[np.int64],
    time: float,
    least: int,
    options: TuningOptions,
    rng: np.random.Generator,
    others: Sequence[Session] = (),
) -> Tuning:
    """Nats of mutual information of every trace; ``value`` is what is left above the mean of the surrogates.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    from graphlab.activity.tuning import Tuning, strangers_of

    basis = drift_basis(segment, session.step_s, options.detrend_s)
    traces = prepared(session.rows, segment, basis, keep)
    usable = np.abs(traces).max(axis=1) > 0
    signal = session.behavior(behavior)[keep]
    samples = min(options.surrogates, LARGEST_SURROGATES)
    strangers = strangers_of(session, others, behavior, "linear")
    fake = nulls.surrogates(options.null, signal, segment, least, samples, rng, strangers)
    found = _information(traces, signal)
    null = np.stack([_information(traces, other) for other in fake])
    p = np.where(usable, ((null >= found).sum(axis=0) + 1) / (samples + 1), np.nan)
    value = np.where(usable, found - null.mean(axis=0), np.nan)
    nothing = np.full(len(traces), np.nan)
    return Tuning(
        session.animal, behavior, "mutual_information", value, np.zeros(len(traces)), p, benjamini_hochberg(p),
        nothing, nothing.copy(), time, len(segment), options.null,
    )  # fmt: skip


def _information(traces: npt.NDArray[np.float32], signal: Floats) -> Floats:
    try:
        from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
    except ImportError:
        raise MissingExtraError("scikit-learn", "activity") from None
    # Two values are classes (a reversal or none), more a magnitude.
    if len(np.unique(signal)) <= 2:
        return np.asarray(mutual_info_classif(traces.T, signal > signal.min(), n_neighbors=NEIGHBOURS, random_state=0))
    return np.asarray(mutual_info_regression(traces.T, signal, n_neighbors=NEIGHBOURS, random_state=0))

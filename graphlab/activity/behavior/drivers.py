"""Who drives a behaviour, given all other recorded neurons: a joint test, and one neuron at a time where it can hold.

Neurons of one circuit share their activity, so many correlate with a behaviour that a few produce. Whether the neurons
say anything at all is a joint test (``decoding``: blocked R^2 against shifted behaviour). Which of them do is a
partial correlation, tested by shifting a neuron's own part (``partial_shift``) where frames are many for the number of
traces; else there is only how often a neuron is chosen in halves of the session, without p.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.activity.behavior.decoding import design, joint_test
from graphlab.activity.behavior.nulls import Null, shift_null, too_short
from graphlab.activity.behavior.partial_shift import ENOUGH, partial_r, selection_frequencies, shifted_partial_r
from graphlab.activity.sessions.preparation import drift_basis, unit
from graphlab.activity.sessions.session import Floats, Session
from graphlab.activity.sessions.timescale import refuse_short, session_time
from graphlab.statistics.threads import one_thread
from ingest.schema.errors import AnalysisError

ASSUMES = "a neuron's own part is stationary"
FOLDS = 5
JOINT_SHIFTS = 199


@dataclass
class Drivers:
    """Partial effects of the usable traces of one animal on one behaviour; arrays are [traces used]."""

    animal: str
    behavior: str
    traces: list[int]
    partial_r: Floats
    p: Floats
    """NaN where a neuron cannot be tested alone; ``untested`` says why."""
    p_family: Floats
    """Against the largest of all traces."""
    q: Floats
    frequency: Floats
    """Share of halves of the session in which the trace is chosen; no test."""
    samples_per_trace: float
    """Autocorrelation times in the window, over traces."""
    frames: int
    null: Null | None
    untested: str
    joint: Null | None
    p_joint: float
    """Whether the traces together say anything of the behaviour."""
    joint_untested: str


def drivers(
    session: Session,
    behavior: str,
    surrogates: int = 1000,
    detrend_s: float | None = None,
    seed: int = 0,
) -> Drivers:
    """Partial correlation of every trace with the behaviour, all other traces held.

    Args:
        surrogates: at most so many shifts to either side.

    Raises:
        AnalysisError: more than half as many traces as frames (nothing is left to hold), or too few frames.
    """
    x, y, segment, traces = design(session, behavior)
    basis = drift_basis(segment, session.step_s, detrend_s)
    if 2 * (x.shape[1] + len(basis)) > len(x):
        raise AnalysisError(
            f"animal {session.animal}: {x.shape[1]:,} traces in {len(x):,} frames; partial effects need at least two "
            "frames a trace. Record longer, or ask for tuning"
        )
    what = f"animal {session.animal}, behaviour {behavior!r}"
    z, signal = unit(x.T, basis).astype(np.float64), unit(y.T, basis)[0].astype(np.float64)
    time = session_time(z, signal, segment)
    refuse_short(len(signal), time, what)
    gap = int(np.ceil(time))
    rng = np.random.default_rng([seed, *behavior.encode(), *session.animal.encode()])
    with one_thread():
        joint, p_joint, joint_reason = joint_test(
            session, behavior, x, y[:, 0], segment, FOLDS, gap, detrend_s, min(surrogates, JOINT_SHIFTS)
        )
        effect = partial_r(z, signal)
        frequency = selection_frequencies(z, signal, 2 * gap, rng)
    null = shift_null(segment, surrogates)
    nothing = np.full(len(traces), np.nan)
    enough = 0.0 if null is None else len(null.middle) / time / len(traces)
    p, family, reason = nothing, nothing, ""
    if null is None:
        reason = too_short(segment, what)
    elif enough < ENOUGH:
        null = None
        reason = (
            f"{what}: {enough:.1f} autocorrelation times a trace; no p of single neurons below {ENOUGH:g}, read "
            "frequency (a share of halves of the session, no test) and the joint test"
        )
    else:
        window = drift_basis(null.segment, session.step_s, detrend_s).astype(np.float64)
        size = np.abs(shifted_partial_r(z, signal, null, window))
        p, family = null.p(size), null.p(size.max(axis=0)[None], size[:, null.actual])
    return Drivers(
        session.animal, behavior, traces, effect, p, family, family, frequency, enough, len(signal), null, reason,
        joint, p_joint, joint_reason,
    )  # fmt: skip

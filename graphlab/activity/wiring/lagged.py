"""Lagged predictive edges: lagged cross-correlation, and a regularised vector autoregression (Granger 1969).

Directed in time, not causal: a common driver with two delays looks the same. A common driver without delay does not:
what is tested is how far the best lag is ahead of no lag and of the same lags backwards (``cross_correlation``), or
what the past of one tells of the other beyond its own past (``granger``); both with the past of ``pre`` shifted
(``nulls``), in the middle of the session.

Tests: tests/graphlab/activity/wiring/test_functional_connectivity.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphlab.activity.behavior.held_out import inner_folds
from graphlab.activity.behavior.nulls import Null
from graphlab.activity.sessions.preparation import drift_basis, standardised
from graphlab.activity.sessions.session import Floats, Session, Traces, stretches
from graphlab.activity.wiring.functional_connectivity import FunctionalEdges, naive_p, shift_or_reason, usable_traces
from graphlab.statistics.ridge import ridge_path
from graphlab.statistics.threads import one_thread
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, UnknownNameError

LAGGED = ("cross_correlation", "granger")
PENALTIES = tuple(float(x) for x in 10.0 ** np.arange(-3.0, 2.5, 0.5))


def lagged_edges(
    session: Session,
    measure: str = "cross_correlation",
    traces: Sequence[int] | None = None,
    max_lag_s: float = 3.0,
    surrogates: int = 200,
    detrend_s: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FunctionalEdges:
    """Every ordered pair of the chosen traces: how well the past of ``pre`` goes with the present of ``post``.

    ``cross_correlation``: r at the lag of the largest |r| from one step to ``max_lag_s``. ``granger``: the weight of
    the past of ``pre`` in a ridge regression of ``post`` on the past of all chosen traces (so beyond its own past),
    summed over lags in size, signed by the largest; lags and penalty are chosen in held-out blocks. Its p is of the
    pair alone: the share of what the own past of ``post`` leaves that the past of ``pre`` explains.

    Args:
        surrogates: at most so many shifts to either side.
    """
    if measure not in LAGGED:
        raise UnknownNameError("lagged measure", measure, LAGGED)
    chosen, z, segment, time = usable_traces(session, traces, detrend_s)
    most = int(np.floor(max_lag_s / session.step_s + 1e-9))
    if most < 1:
        raise AnalysisError(f"max_lag_s: found {max_lag_s:g}; wanted at least one frame, {session.step_s:g} s")
    null, reason = shift_or_reason(session, segment, time, surrogates, most)
    pre, post = np.nonzero(~np.eye(len(chosen), dtype=bool))
    with one_thread():
        if measure == "cross_correlation":
            value, at = _cross(z, z, segment, most)
            lags = list(range(1, most + 1))
        else:
            value, at, lags = _granger(z, segment, most, time)
        p = q = np.full(len(pre), np.nan)
        if null is not None:
            window = drift_basis(null.segment, session.step_s, detrend_s)
            drawn = (
                _leads(z, null, window, most, progress)
                if measure == "cross_correlation"
                else _gains(z, null, window, len(lags), progress)
            )[pre, post]
            p, q = null.p(drawn), null.p(drawn.max(axis=0)[None], drawn[:, null.actual])
    which, observed = np.asarray(chosen), np.asarray(value[pre, post], dtype=np.float64)
    naive = np.full(len(pre), np.nan) if measure == "granger" else naive_p(observed, len(segment))
    naive = naive if measure == "granger" else np.minimum(1.0, naive * most)
    lag = np.asarray(lags)[at[pre, post]] * session.step_s
    return FunctionalEdges(
        session.animal, "lagged_predictive", measure, which[pre], which[post], True, observed, lag, p, q, naive,
        len(segment), null, reason,
    )  # fmt: skip


def _leads(z: Traces, null: Null, window: Traces, most: int, progress: Progress | None) -> npt.NDArray[np.float32]:
    """[pre, post, candidates] largest |r| with the past of ``pre`` less the largest with its present and future.

    The correlation at every offset is computed once; a candidate is the neighbourhood of one offset.
    """
    count = len(z)
    lead = np.empty((count, count, null.candidates), dtype=np.float32)
    still = standardised(z[:, null.middle], window)
    ring: dict[int, Traces] = {}
    for at, offset in enumerate(null.offsets):
        for lag in range(-most, most + 1):
            # The past of pre stands at earlier frames, so at smaller offsets.
            place = int(offset) - lag
            if place not in ring:
                ring[place] = np.abs(standardised(z[:, null.middle + place], window) @ still.T)
        ahead = np.max([ring[int(offset) - lag] for lag in range(1, most + 1)], axis=0)
        behind = np.max([ring[int(offset) + lag] for lag in range(most + 1)], axis=0)
        lead[:, :, at] = ahead - behind
        for place in [place for place in ring if place < int(offset) - most]:
            del ring[place]
        if progress:
            progress(at + 1, null.candidates)
    return lead


def _gains(z: Traces, null: Null, window: Traces, order: int, progress: Progress | None) -> npt.NDArray[np.float32]:
    """[pre, post, candidates] share of ``post`` beyond its own past that the past of ``pre`` explains."""
    count = len(z)
    gain = np.zeros((count, count, null.candidates), dtype=np.float32)
    exact, basis = z.astype(np.float64), window.astype(np.float64)
    lags = range(1, order + 1)
    # For every post: an orthonormal basis of drift and own past, and what is left of its present.
    bases, rest = [], []
    for post in range(count):
        space, _ = np.linalg.qr(np.concatenate([basis, *(exact[None, post, null.middle - lag] for lag in lags)]).T)
        left = exact[post, null.middle]
        left = left - space @ (space.T @ left)
        bases.append(space)
        rest.append(left / max(float(np.linalg.norm(left)), 1e-12))
    spaces, goals = np.stack(bases), np.stack(rest)
    for at, offset in enumerate(null.offsets):
        for pre in range(count):
            past = np.stack([exact[pre, null.middle + int(offset) - lag] for lag in lags])
            inside = past @ spaces
            gram = past @ past.T - inside @ inside.transpose(0, 2, 1)
            cross = goals @ past.T
            gram = gram + 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(order) + 1e-12 * np.eye(order)
            gain[pre, :, at] = (cross * np.linalg.solve(gram, cross[:, :, None])[:, :, 0]).sum(axis=1)
        if progress:
            progress(at + 1, null.candidates)
    return gain


def _cross(past: Traces, now: Traces, segment: np.ndarray, most: int) -> tuple[Floats, np.ndarray]:
    """([pre, post] r at the lag of the largest |r|, index of that lag); lags never cross a segment."""
    best = np.zeros((len(past), len(now)))
    at = np.zeros(best.shape, dtype=np.int64)
    for index in range(most):
        lag = index + 1
        r = np.zeros(best.shape)
        for first, last in stretches(segment):
            if last - first > lag:
                r += past[:, first : last - lag] @ now[:, first + lag : last].T
        larger = np.abs(r) > np.abs(best)
        best[larger], at[larger] = r[larger], index
    return best, at


def _granger(z: Traces, segment: np.ndarray, most: int, time: float) -> tuple[Floats, np.ndarray, list[int]]:
    """([pre, post] weights of a regression on the past, index of the largest, lags); order and penalty held out."""
    best: tuple[float, int, float] = (np.inf, 1, PENALTIES[-1])
    scaled = np.asarray(z, dtype=np.float64) * np.sqrt(z.shape[1])
    for order in sorted({1, min(2, most), most}):
        x, y, rows = _past(scaled, scaled, segment, order)
        loss = np.zeros(len(PENALTIES))
        for fold in inner_folds(segment[rows], int(np.ceil(time))):
            weights = ridge_path(x[fold.train], y[fold.train], tuple(p * len(fold.train) for p in PENALTIES))
            loss += ((x[fold.test] @ weights - y[fold.test]) ** 2).sum(axis=(1, 2)) / y[fold.test].size
        which = int(loss.argmin())
        best = min(best, (float(loss[which]), order, PENALTIES[which]))
    _, order, penalty = best
    x, y, _ = _past(scaled, scaled, segment, order)
    weights = ridge_path(x, y, (penalty * len(x),))[0].reshape(order, len(z), len(z))
    at = np.abs(weights).argmax(axis=0)
    sign = np.sign(np.take_along_axis(weights, at[None], axis=0)[0])
    return np.abs(weights).sum(axis=0) * sign, at, list(range(1, order + 1))


def _past(past: Floats, now: Floats, segment: np.ndarray, order: int) -> tuple[Floats, Floats, np.ndarray]:
    """(past [frames, order x traces], present [frames, traces], frame numbers) of frames whose past is recorded."""
    rows = np.concatenate([np.arange(first + order, last) for first, last in stretches(segment)])
    x = np.concatenate([past[:, rows - lag].T for lag in range(1, order + 1)], axis=1)
    return x, now[:, rows].T, rows

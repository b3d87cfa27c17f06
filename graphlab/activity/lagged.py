"""Lagged predictive edges: lagged cross-correlation, and a regularised vector autoregression (Granger 1969).

Directed in time, not causal: a common driver with two delays looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphlab.activity.functional_connectivity import FunctionalEdges, naive_p, usable_traces
from graphlab.activity.preparation import drift_basis, standardised
from graphlab.activity.ridge import inner_folds, one_thread, ridge_path
from graphlab.activity.session import Floats, Session, Traces, stretches
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import AnalysisError, UnknownNameError

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
    progress: Callable[[int, int], None] | None = None,
) -> FunctionalEdges:
    """Every ordered pair of the chosen traces: how well the past of ``pre`` goes with the present of ``post``.

    ``cross_correlation``: the largest |r| at lags of one step to ``max_lag_s``. ``granger``: the weight of the past of
    ``pre`` in a ridge regression of ``post`` on the past of all chosen traces (so beyond its own past), summed over
    lags in size, signed by the largest; lags and penalty are chosen in held-out blocks.
    p compares with ``pre`` shifted circularly; the largest over lags is taken there too.
    """
    if measure not in LAGGED:
        raise UnknownNameError("lagged measure", measure, LAGGED)
    chosen, z, segment, time = usable_traces(session, traces, detrend_s)
    most = int(np.floor(max_lag_s / session.step_s + 1e-9))
    if most < 1:
        raise AnalysisError(f"max_lag_s: found {max_lag_s:g}; wanted at least one frame, {session.step_s:g} s")
    least = int(np.ceil(time)) + most + 1
    if any(last - first < 2 * least + 2 for first, last in stretches(segment)):
        raise AnalysisError(
            f"animal {session.animal}: a segment is shorter than twice the autocorrelation time and lags"
        )
    basis = drift_basis(segment, session.step_s, detrend_s)
    rng = np.random.default_rng([seed, *session.animal.encode()])
    with one_thread():
        compute, lags = (
            (lambda past, now: _cross(past, now, segment, most)), list(range(1, most + 1))
        ) if measure == "cross_correlation" else _granger(z, segment, most, time)  # fmt: skip
        value, at = compute(z, z)
        extreme = np.zeros(value.shape, dtype=np.int64)
        for sample in range(surrogates):
            fake = np.empty_like(z)
            for first, last in stretches(segment):
                # One shift for all: their own relations stay, only those to the present are lost.
                fake[:, first:last] = np.roll(
                    z[:, first:last], int(rng.integers(least, last - first - least + 1)), axis=1
                )
            drawn, _ = compute(standardised(fake, basis), z)
            extreme += np.abs(drawn) >= np.abs(value)
            if progress:
                progress(sample + 1, surrogates)
    pre, post = np.nonzero(~np.eye(len(chosen), dtype=bool))
    p = ((extreme + 1) / (surrogates + 1))[pre, post]
    which, observed = np.asarray(chosen), np.asarray(value[pre, post], dtype=np.float64)
    naive = np.full(len(pre), np.nan) if measure == "granger" else naive_p(observed, len(segment))
    naive = naive if measure == "granger" else np.minimum(1.0, naive * most)
    lag = np.asarray(lags)[at[pre, post]] * session.step_s
    return FunctionalEdges(
        session.animal, "lagged_predictive", measure, which[pre], which[post], True, observed, lag, p,
        benjamini_hochberg(p), naive,
    )  # fmt: skip


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


def _granger(
    z: Traces, segment: np.ndarray, most: int, time: float
) -> tuple[Callable[[Traces, Traces], tuple[Floats, np.ndarray]], list[int]]:
    """(pre, post weights of a regression on the past, lags), with number of lags and penalty from held-out blocks."""
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

    def compute(past: Traces, now: Traces) -> tuple[Floats, np.ndarray]:
        size = np.sqrt(z.shape[1])
        x, y, _ = _past(np.asarray(now, np.float64) * size, np.asarray(now, np.float64) * size, segment, order)
        if past is not now:
            # The shifted traces enter beside each neuron's own past, which stays real.
            fake, _, _ = _past(np.asarray(past, np.float64) * size, np.asarray(now, np.float64) * size, segment, order)
            own = _own_past(x, y, len(now), order, penalty)
            x, y = fake, y - own
        weights = ridge_path(x, y, (penalty * len(x),))[0].reshape(order, len(now), len(now))
        at = np.abs(weights).argmax(axis=0)
        sign = np.sign(np.take_along_axis(weights, at[None], axis=0)[0])
        return np.abs(weights).sum(axis=0) * sign, at

    return compute, list(range(1, order + 1))


def _own_past(x: Floats, y: Floats, count: int, order: int, penalty: float) -> Floats:
    """What each trace's own past predicts of it."""
    result = np.empty_like(y)
    for neuron in range(count):
        columns = x[:, neuron::count][:, :order]
        result[:, neuron] = (columns @ ridge_path(columns, y[:, neuron : neuron + 1], (penalty * len(x),))[0])[:, 0]
    return result


def _past(past: Floats, now: Floats, segment: np.ndarray, order: int) -> tuple[Floats, Floats, np.ndarray]:
    """(past [frames, order x traces], present [frames, traces], frame numbers) of frames whose past is recorded."""
    rows = np.concatenate([np.arange(first + order, last) for first, last in stretches(segment)])
    x = np.concatenate([past[:, rows - lag].T for lag in range(1, order + 1)], axis=1)
    return x, now[:, rows].T, rows

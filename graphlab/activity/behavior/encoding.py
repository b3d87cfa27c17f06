"""Encoding: each neuron's activity from what the animal does, remembered with a decay.

Activity is a weighted sum of behaviours, each smoothed by an exponential of one time constant a neuron (after the
CePNEM model of Atanas et al. 2023, Cell 186:4134, without its state changes). Time constant, weights, scaling and
drift are fitted inside training blocks. p compares blocked R^2 in the middle of the session with all behaviours
shifted together, everything fitted anew (``nulls``).

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphlab.activity.behavior.held_out import inner_folds
from graphlab.activity.behavior.nulls import Null, shift_null, too_short
from graphlab.activity.sessions.blocks import blocked_folds, scores
from graphlab.activity.sessions.drift import Drift
from graphlab.activity.sessions.preparation import filled
from graphlab.activity.sessions.session import Floats, Session, kept_frames, stretches
from graphlab.activity.sessions.timescale import refuse_short, session_time
from graphlab.statistics.folds import Fold
from graphlab.statistics.ridge import Scaling, ridge_path
from graphlab.statistics.threads import one_thread
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError

DECAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
PENALTY = 1.0
"""A few behaviours, hundreds of frames: the penalty only keeps twins apart."""


@dataclass
class Encoding:
    """How well behaviours explain each trace of one animal; arrays are [traces], NaN where unusable."""

    animal: str
    behaviors: tuple[str, ...]
    r2: Floats
    r: Floats
    decay_s: Floats
    """Median over folds of the chosen time constant."""
    importance: dict[str, Floats]
    """Behaviour -> fall of blocked R^2 when it is left out."""
    gap_frames: int
    p: Floats
    """Of blocked R^2 among shifts of the behaviours; NaN where segments are too short, and ``untested`` says so."""
    p_family: Floats
    """Against the largest of all traces."""
    q: Floats
    frames: int
    null: Null | None
    untested: str


def encode(
    session: Session,
    behaviors: Sequence[str] | None = None,
    folds: int = 5,
    decays_s: Sequence[float] = DECAYS_S,
    detrend_s: float | None = None,
    progress: Progress | None = None,
    surrogates: int = 99,
) -> Encoding:
    """Fit every trace from the named behaviours (all that were measured throughout, when None).

    Args:
        surrogates: at most so many shifts to either side; every one is a fit of all traces.

    Velocities and angles enter twice, by their positive and negative part: neurons are often rectified.

    Args:
        detrend_s: what is slower is drift, taken out of traces and smoothed behaviours alike; None leaves it in.

    Raises:
        AnalysisError: no behaviour, fewer frames than ten autocorrelation times.
    """
    names = tuple(behaviors or session.behaviors)
    if not names:
        raise AnalysisError(f"animal {session.animal}: no behaviour was recorded; ingest some with --as behavior")
    values = np.stack([session.behavior(name) for name in names])
    keep = np.asarray(np.isfinite(values).all(axis=0))
    if not keep.any():
        raise AnalysisError(f"animal {session.animal}: there is no frame in which all of {', '.join(names)} are known")
    segment = kept_frames(session.segment, keep)
    block, usable = filled(session.rows[0 : session.rows.shape[0]][:, keep], segment)
    usable &= np.ptp(block, axis=1) > 0
    y = np.asarray(block[usable].T, dtype=np.float64)
    features, owner = _features(values[:, keep])
    drift, everything = Drift(segment, session.step_s, detrend_s), np.arange(len(y))
    known = values[:, keep].T
    time = session_time(drift.without(y, everything).T, drift.without(known, everything).T, segment)
    refuse_short(len(y), time, f"animal {session.animal}")
    gap = int(np.ceil(time))
    blocks = blocked_folds(segment, folds, gap)
    smooth = [np.asarray(decayed(features, segment, tau / session.step_s)).T for tau in decays_s]
    with one_thread():
        parts = [_Part.of(smooth, y, segment, fold, gap, drift) for fold in blocks]
        null, r2, reason = _shifted(session, smooth, y, segment, folds, gap, detrend_s, surrogates, progress)
        nothing = np.full(len(usable), np.nan)
        tested = (nothing, nothing) if null is None else (
            _spread(null.p(r2), usable), _spread(null.p(r2.max(axis=0)[None], r2[:, null.actual]), usable)
        )  # fmt: skip
        return _scored(session, names, parts, gap, owner, usable, decays_s, (*tested, tested[1], len(y), null, reason))


def _shifted(
    session: Session,
    smooth: list[Floats],
    y: Floats,
    segment: np.ndarray,
    folds: int,
    gap: int,
    detrend_s: float | None,
    surrogates: int,
    progress: Progress | None,
) -> tuple[Null | None, Floats, str]:
    """(null, blocked R^2 [traces, candidates] of the window with behaviours shifted, why there is none)."""
    what, nothing = f"animal {session.animal}", np.empty((0, 0))
    null = shift_null(segment, surrogates)
    if null is None:
        return None, nothing, too_short(segment, what)
    try:
        blocks = blocked_folds(null.segment, min(folds, len(null.middle) // (gap + 1)), gap)
    except AnalysisError as error:
        return None, nothing, f"{what}: no p, values only: {error}"
    drift, still = Drift(null.segment, session.step_s, detrend_s), y[null.middle]
    goals = [drift.without(still, fold.train) for fold in blocks]
    truth = np.empty_like(still)
    for fold, goal in zip(blocks, goals, strict=True):
        truth[fold.test] = goal[fold.test]
    r2 = np.empty((y.shape[1], null.candidates))
    for at in range(null.candidates):
        moved = [x[null.at(slice(at, at + 1))[0]] for x in smooth]
        parts = [
            _Part(fold, inner_folds(null.segment[fold.train], gap), [drift.without(x, fold.train) for x in moved], goal)
            for fold, goal in zip(blocks, goals, strict=True)
        ]
        r2[:, at] = scores(truth, _predict(parts, list(range(smooth[0].shape[1])))[0])[0]
        if progress:
            progress(at + 1, null.candidates)
    return null, np.nan_to_num(r2, nan=-np.inf), ""


@dataclass(frozen=True)
class _Part:
    """One fold, with the drift of its training frames out of everything."""

    fold: Fold
    inner: list[Fold]
    smooth: list[Floats]
    """Per time constant [frames, features]."""
    y: Floats

    @classmethod
    def of(cls, smooth: list[Floats], y: Floats, segment: np.ndarray, fold: Fold, gap: int, drift: Drift) -> _Part:
        flat = [drift.without(x, fold.train) for x in smooth]
        return cls(fold, inner_folds(segment[fold.train], gap), flat, drift.without(y, fold.train))


def _scored(
    session: Session,
    names: tuple[str, ...],
    parts: list[_Part],
    gap: int,
    owner: list[int],
    usable: np.ndarray,
    decays_s: Sequence[float],
    tested: tuple[Any, ...],
) -> Encoding:
    truth = np.empty_like(parts[0].y)
    for part in parts:
        truth[part.fold.test] = part.y[part.fold.test]
    predicted, chosen = _predict(parts, list(range(len(owner))))
    r2, r = scores(truth, predicted)
    falls = {}
    for number, name in enumerate(names):
        others = [i for i, own in enumerate(owner) if own != number]
        if others:
            without, _ = _predict(parts, others, chosen)
            falls[name] = _spread(r2 - scores(truth, without)[0], usable)
        else:
            falls[name] = _spread(r2, usable)
    decay = np.median(np.asarray(decays_s)[chosen], axis=0)
    shown = (_spread(r2, usable), _spread(r, usable), _spread(decay, usable))
    return Encoding(session.animal, names, *shown, falls, gap, *tested)


def decayed(values: Floats, segment: np.ndarray, tau_frames: float) -> Floats:
    """Exponentially weighted past of each row, started anew in every segment; tau 0 is the row itself."""
    if tau_frames <= 0:
        return values
    from scipy.signal import lfilter

    keep = float(np.exp(-1.0 / tau_frames))
    result = np.empty_like(values)
    for first, last in stretches(segment):
        part = values[:, first:last]
        result[:, first:last] = lfilter([1.0 - keep], [1.0, -keep], part, axis=1, zi=keep * part[:, :1])[0]
    return result


def _features(values: Floats) -> tuple[Floats, list[int]]:
    rows, owner = [], []
    for number, row in enumerate(values):
        both = row.min() < 0 < row.max()
        for part in (np.maximum(row, 0.0), np.minimum(row, 0.0)) if both else (row,):
            rows.append(part)
            owner.append(number)
    return np.asarray(rows), owner


def _predict(parts: list[_Part], use: list[int], chosen: np.ndarray | None = None) -> tuple[Floats, np.ndarray]:
    """(held-out predictions [frames, traces], chosen decay [folds, traces])."""
    predicted = np.empty_like(parts[0].y)
    picks = np.zeros((len(parts), predicted.shape[1]), dtype=np.int64)
    for number, part in enumerate(parts):
        train, test, y = part.fold.train, part.fold.test, part.y
        if chosen is None:
            loss = np.zeros((len(part.smooth), y.shape[1]))
            for which, x in enumerate(part.smooth):
                for inner in part.inner:
                    fitted, validation = train[inner.train], train[inner.test]
                    loss[which] += (
                        (y[validation] - _fit(x[fitted][:, use], y[fitted], x[validation][:, use])) ** 2
                    ).sum(axis=0)
            picks[number] = loss.argmin(axis=0)
        else:
            picks[number] = chosen[number]
        for which, x in enumerate(part.smooth):
            mine = picks[number] == which
            if mine.any():
                predicted[np.ix_(test, mine)] = _fit(x[train][:, use], y[train][:, mine], x[test][:, use])
    return predicted, picks


def _fit(x: Floats, y: Floats, test: Floats) -> Floats:
    scale, mean = Scaling.of(x), y.mean(axis=0)
    weights = ridge_path(scale(x), y - mean, (PENALTY,))[0]
    return np.asarray(scale(test) @ weights + mean)


def _spread(values: Floats, usable: np.ndarray) -> Floats:
    result = np.full(len(usable), np.nan)
    result[usable] = values
    return result

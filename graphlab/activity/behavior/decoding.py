"""Decoding: behaviour from all neurons of an animal, in blocks of time that the model never saw.

R^2 of frames dealt at random is given beside it, under the name ``random``: neighbouring frames are nearly equal, so
a random split lets the model look the answer up. It says nothing about the neurons. p is a joint test of all neurons:
blocked R^2 in the middle of the session against the same for the behaviour shifted (``nulls``).

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.activity.behavior.held_out import held_out, held_out_each, inner_folds
from graphlab.activity.behavior.nulls import Null, shift_null, too_short
from graphlab.activity.sessions.blocks import blocked_folds, scores
from graphlab.activity.sessions.drift import Drift
from graphlab.activity.sessions.preparation import filled
from graphlab.activity.sessions.session import Floats, Session, kept_frames
from graphlab.activity.sessions.timescale import refuse_short, session_time
from graphlab.statistics.folds import Fold, random_folds
from graphlab.statistics.ridge import Model, fit
from graphlab.statistics.threads import one_thread
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError


@dataclass
class Decoding:
    """How well one behaviour of one animal is decoded."""

    animal: str
    behavior: str
    r2: float
    r: float
    r2_random: float
    """Of a random split: inflated, for comparison only."""
    r_random: float
    gap_frames: int
    predicted: Floats
    """[frames] held-out predictions of the blocked split."""
    truth: Floats
    """[frames] the behaviour, less the drift that the training frames of its block show, if drift is taken out."""
    p: float
    """Of blocked R^2 among shifts; NaN where segments are too short, and ``untested`` says so."""
    null: Null | None
    untested: str
    importance: dict[int, float]
    """Trace -> fall of blocked R^2 when it is left out; empty unless asked for."""


def decode(
    session: Session,
    behavior: str,
    folds: int = 5,
    seed: int = 0,
    importance: bool = False,
    detrend_s: float | None = None,
    progress: Progress | None = None,
    surrogates: int = 199,
) -> Decoding:
    """Ridge regression of a behaviour on every usable trace; scaling, drift and penalty fitted inside training blocks.

    Args:
        detrend_s: what is slower is drift, taken out of traces and behaviour alike; None leaves it in.
        surrogates: at most so many shifts to either side.

    Raises:
        AnalysisError: fewer frames than ten autocorrelation times, fewer blocks than fit.
    """
    x, y, segment, traces = design(session, behavior)
    drift = Drift(segment, session.step_s, detrend_s)
    everything = np.arange(len(y))
    time = session_time(drift.without(x, everything).T, drift.without(y, everything).T, segment)
    refuse_short(len(y), time, f"animal {session.animal}, behaviour {behavior!r}")
    gap = int(np.ceil(time))
    blocks = blocked_folds(segment, folds, gap)
    rng = np.random.default_rng(seed)
    with one_thread():
        predicted, truth = held_out(x, y, blocks, lambda fold: inner_folds(segment[fold.train], gap), drift)
        r2, r = scores(truth, predicted)
        dealt = random_folds(len(y), folds, rng)
        # The random split takes its penalty at random too, as the usual recipe does.
        guessed, known = held_out(x, y, dealt, lambda fold: random_folds(len(fold.train), 4, rng), drift)
        r2_random, r_random = scores(known, guessed)
        null, p, reason = joint_test(session, behavior, x, y[:, 0], segment, folds, gap, detrend_s, surrogates)
        falls = _drop_one(x, y, segment, blocks, gap, float(r2[0]), traces, drift, progress) if importance else {}
    return Decoding(
        session.animal, behavior, float(r2[0]), float(r[0]), float(r2_random[0]), float(r_random[0]), gap,
        predicted[:, 0], truth[:, 0], p, null, reason, falls,
    )  # fmt: skip


def joint_test(
    session: Session,
    behavior: str,
    x: Floats,
    y: Floats,
    segment: np.ndarray,
    folds: int,
    gap: int,
    detrend_s: float | None,
    surrogates: int,
) -> tuple[Null | None, float, str]:
    """(null, p of blocked R^2 among shifts of the behaviour, why there is none): of all neurons together.

    Args:
        x: [frames, traces]. y: [frames]. folds: fewer are taken where the window is too short for so many.
    """
    what = f"animal {session.animal}, behaviour {behavior!r}"
    null = shift_null(segment, surrogates)
    if null is None:
        return None, float("nan"), too_short(segment, what)
    fewer = min(folds, len(null.middle) // (gap + 1))
    try:
        blocks = blocked_folds(null.segment, fewer, gap)
    except AnalysisError as error:
        return None, float("nan"), f"{what}: no p, values only: {error}"
    drift = Drift(null.segment, session.step_s, detrend_s)
    r2 = shifted_r2(x[null.middle], null.windows(y).T, null.segment, blocks, gap, drift)
    return null, float(null.p(r2)), ""


def shifted_r2(x: Floats, y: Floats, segment: np.ndarray, blocks: list[Fold], gap: int, drift: Drift) -> Floats:
    """[candidates] blocked R^2 of every column of ``y`` [frames, candidates]; nothing at all for constant ones."""
    predicted, truth = held_out_each(x, y, blocks, lambda fold: inner_folds(segment[fold.train], gap), drift)
    return np.nan_to_num(scores(truth, predicted)[0], nan=-np.inf)


def design(session: Session, behavior: str) -> tuple[Floats, Floats, np.ndarray, list[int]]:
    """(x [frames, usable traces], y [frames, 1], segment, trace numbers) at the frames where the behaviour is known."""
    values = session.behavior(behavior)
    keep = np.isfinite(values)
    if not keep.any() or np.ptp(values[keep]) == 0:
        raise AnalysisError(f"animal {session.animal}: behaviour {behavior!r} is constant or never measured")
    segment = kept_frames(session.segment, keep)
    block, usable = filled(session.rows[0 : session.rows.shape[0]][:, keep], segment)
    usable &= np.ptp(block, axis=1) > 0
    if not usable.any():
        raise AnalysisError(f"animal {session.animal}: no usable trace")
    return (
        np.asarray(block[usable].T, dtype=np.float64),
        values[keep][:, None],
        segment,
        [int(at) for at in np.flatnonzero(usable)],
    )


def _drop_one(
    x: Floats,
    y: Floats,
    segment: np.ndarray,
    folds: list[Fold],
    gap: int,
    whole: float,
    traces: list[int],
    drift: Drift,
    progress: Progress | None,
) -> dict[int, float]:
    """Fall of blocked R^2 without each trace, penalties kept: the change is the trace's, not the penalty's.

    The weights without feature j follow from the inverse of the full normal equations by a rank-one downdate.
    """
    predicted, truth = np.empty((len(traces), len(y))), np.empty(len(y))
    for number, fold in enumerate(folds):
        flat, goal = drift.without(x, fold.train), drift.without(y, fold.train)
        model: Model = fit(flat[fold.train], goal[fold.train], inner_folds(segment[fold.train], gap))
        train, test = model.scale(flat[fold.train]), model.scale(flat[fold.test])
        inverse = np.linalg.inv(train.T @ train + model.penalty * np.eye(train.shape[1]))
        weights = inverse @ (train.T @ (goal[fold.train, 0] - model.mean[0]))
        without = weights[:, None] - inverse * (weights / np.diag(inverse))
        predicted[:, fold.test] = (test @ without).T + model.mean[0]
        truth[fold.test] = goal[fold.test, 0]
        if progress:
            progress(number + 1, len(folds))
    r2, _ = scores(np.repeat(truth[:, None], len(traces), axis=1), predicted.T)
    return {trace: whole - float(value) for trace, value in zip(traces, r2, strict=True)}

"""Every frame of a session predicted by a ridge regression that never saw its block.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphlab.activity.sessions.blocks import blocked_folds
from graphlab.activity.sessions.drift import Drift
from graphlab.activity.sessions.session import Floats
from graphlab.statistics.folds import Fold
from graphlab.statistics.ridge import PENALTIES, Spectrum, fit
from ingest.schema.errors import AnalysisError

INNER_FOLDS = 4


def inner_folds(segment: np.ndarray, gap: int) -> list[Fold]:
    """Blocks inside the training frames; fewer of them where the gap leaves no room for four."""
    for folds in (INNER_FOLDS, 3, 2):
        try:
            return blocked_folds(segment, folds, gap)
        except AnalysisError:
            continue
    return blocked_folds(segment, 2, 0)


def held_out_each(
    x: Floats, y: Floats, folds: list[Fold], inner: Callable[[Fold], list[Fold]], drift: Drift
) -> tuple[Floats, Floats]:
    """As ``held_out``, every target with a penalty of its own: what one behaviour gets, many can get at once."""
    predicted, truth = np.full_like(y, np.nan), np.full_like(y, np.nan)
    for fold in folds:
        flat_x, flat_y = drift.without(x, fold.train), drift.without(y, fold.train)
        train_x, train_y = flat_x[fold.train], flat_y[fold.train]
        loss = np.zeros((len(PENALTIES), y.shape[1]))
        for part in inner(fold):
            fitted = Spectrum.of(train_x[part.train], train_y[part.train])
            loss += fitted.losses(train_x[part.test], train_y[part.test], PENALTIES)
        penalty = np.asarray(PENALTIES)[loss.argmin(axis=0)]
        predicted[fold.test] = Spectrum.of(train_x, train_y).predict(flat_x[fold.test], penalty)
        truth[fold.test] = flat_y[fold.test]
    return predicted, truth


def held_out(
    x: Floats, y: Floats, folds: list[Fold], inner: Callable[[Fold], list[Fold]], drift: Drift
) -> tuple[Floats, Floats]:
    """(predictions, truth) [frames, targets]: every frame is predicted by a model that never saw its block.

    The truth is ``y`` without the drift that the training frames of each block show.
    """
    predicted, truth = np.full_like(y, np.nan), np.full_like(y, np.nan)
    for fold in folds:
        flat_x, flat_y = drift.without(x, fold.train), drift.without(y, fold.train)
        predicted[fold.test] = fit(flat_x[fold.train], flat_y[fold.train], inner(fold)).predict(flat_x[fold.test])
        truth[fold.test] = flat_y[fold.test]
    return predicted, truth

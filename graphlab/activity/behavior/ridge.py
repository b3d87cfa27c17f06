"""Ridge regression for many penalties at once, everything fitted on the training frames alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from graphlab.activity.sessions.blocks import Fold, blocked_folds
from graphlab.activity.sessions.drift import Drift
from graphlab.activity.sessions.session import Floats
from ingest.schema.errors import AnalysisError

PENALTIES = tuple(float(x) for x in 10.0 ** np.arange(-2.0, 5.5, 0.5))
INNER_FOLDS = 4


@dataclass(frozen=True)
class Scaling:
    """Means and spreads of training frames, applied to any others."""

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, values: Floats) -> Scaling:
        spread = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(spread > 1e-12, spread, np.inf))

    def __call__(self, values: Floats) -> Floats:
        return np.asarray((values - self.mean) / self.spread)


def ridge_path(x: Floats, y: Floats, penalties: tuple[float, ...]) -> Floats:
    """Weights [penalties, features, targets] of standardised x [frames, features] and centred y [frames, targets]."""
    # Normal equations, or their dual where frames are fewer: one symmetric eigenproblem of the smaller side.
    wide = x.shape[1] > x.shape[0]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    projected = vectors.T @ (y if wide else x.T @ y)
    back = x.T @ vectors if wide else vectors
    return np.stack([back @ (projected / (np.maximum(values, 0.0) + penalty)[:, None]) for penalty in penalties])


@contextmanager
def one_thread() -> Iterator[None]:
    """Small matrices on one thread: threads that wait for each other cost more than they bring."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1):
        yield


def fit(x: Floats, y: Floats, inner: list[Fold], penalties: tuple[float, ...] = PENALTIES) -> Model:
    """Ridge with the penalty that predicts the held-out parts of ``inner`` best (one for all targets).

    Args:
        x: [frames, features]. y: [frames, targets]. inner: splits of these frames.
    """
    loss = np.zeros(len(penalties))
    for fold in inner:
        scale, mean = Scaling.of(x[fold.train]), y[fold.train].mean(axis=0)
        weights = ridge_path(scale(x[fold.train]), y[fold.train] - mean, penalties)
        errors = scale(x[fold.test]) @ weights + mean - y[fold.test]
        loss += (errors**2).sum(axis=(1, 2))
    best = penalties[int(loss.argmin())]
    scale, mean = Scaling.of(x), y.mean(axis=0)
    return Model(scale, ridge_path(scale(x), y - mean, (best,))[0], mean, best)


@dataclass(frozen=True)
class Model:
    """A fitted ridge regression."""

    scale: Scaling
    weights: Floats
    mean: Floats
    penalty: float

    def predict(self, x: Floats) -> Floats:
        return np.asarray(self.scale(x) @ self.weights + self.mean)


def inner_folds(segment: np.ndarray, gap: int) -> list[Fold]:
    """Blocks inside the training frames; fewer of them where the gap leaves no room for four."""
    for folds in (INNER_FOLDS, 3, 2):
        try:
            return blocked_folds(segment, folds, gap)
        except AnalysisError:
            continue
    return blocked_folds(segment, 2, 0)


@dataclass(frozen=True)
class Spectrum:
    """Training frames in the axes in which every penalty is one division; targets side by side."""

    scale: Scaling
    mean: Floats
    """[targets]"""
    values: Floats
    back: Floats
    """[features, axes]"""
    inside: Floats
    """[axes, targets]"""

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Spectrum:
        scale, mean = Scaling.of(x), y.mean(axis=0)
        scaled, centred = scale(x), y - mean
        wide = x.shape[1] > x.shape[0]
        values, vectors = np.linalg.eigh(scaled @ scaled.T if wide else scaled.T @ scaled)
        back = scaled.T @ vectors if wide else vectors
        inside = vectors.T @ (centred if wide else scaled.T @ centred)
        return cls(scale, mean, np.maximum(values, 0.0), back, inside)

    def losses(self, x: Floats, y: Floats, penalties: tuple[float, ...]) -> Floats:
        """[penalties, targets] sums of squared errors at other frames, without the predictions themselves."""
        axes, rest = self.scale(x) @ self.back, y - self.mean
        gram, cross, own = axes.T @ axes, axes.T @ rest, (rest**2).sum(axis=0)
        found = np.empty((len(penalties), y.shape[1]))
        for number, penalty in enumerate(penalties):
            weight = self.inside / (self.values + penalty)[:, None]
            found[number] = own + (weight * (gram @ weight - 2.0 * cross)).sum(axis=0)
        return found

    def predict(self, x: Floats, penalty: Floats) -> Floats:
        """[frames, targets] with a penalty a target."""
        return np.asarray((self.scale(x) @ self.back) @ (self.inside / (self.values[:, None] + penalty)) + self.mean)


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

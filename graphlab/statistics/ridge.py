"""Ridge regression for many penalties at once, everything fitted on the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.statistics.folds import Fold

Floats = npt.NDArray[np.float64]


PENALTIES = tuple(float(x) for x in 10.0 ** np.arange(-2.0, 5.5, 0.5))


@dataclass(frozen=True)
class Scaling:
    """Means and spreads of training rows, applied to any others."""

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, values: Floats) -> Scaling:
        spread = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(spread > 1e-12, spread, np.inf))

    def __call__(self, values: Floats) -> Floats:
        return np.asarray((values - self.mean) / self.spread)


def ridge_path(x: Floats, y: Floats, penalties: tuple[float, ...]) -> Floats:
    """Weights [penalties, features, targets] of standardised x [rows, features] and centred y [rows, targets]."""
    # Normal equations, or their dual where rows are fewer: one symmetric eigenproblem of the smaller side.
    wide = x.shape[1] > x.shape[0]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    projected = vectors.T @ (y if wide else x.T @ y)
    back = x.T @ vectors if wide else vectors
    return np.stack([back @ (projected / (np.maximum(values, 0.0) + penalty)[:, None]) for penalty in penalties])


def fit(x: Floats, y: Floats, inner: list[Fold], penalties: tuple[float, ...] = PENALTIES) -> Model:
    """Ridge with the penalty that predicts the held-out parts of ``inner`` best (one for all targets).

    Args:
        x: [rows, features]. y: [rows, targets]. inner: splits of these rows.
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


@dataclass(frozen=True)
class Spectrum:
    """Training rows in the axes in which every penalty is one division; targets side by side."""

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
        """[penalties, targets] sums of squared errors at other rows, without the predictions themselves."""
        axes, rest = self.scale(x) @ self.back, y - self.mean
        gram, cross, own = axes.T @ axes, axes.T @ rest, (rest**2).sum(axis=0)
        found = np.empty((len(penalties), y.shape[1]))
        for number, penalty in enumerate(penalties):
            weight = self.inside / (self.values + penalty)[:, None]
            found[number] = own + (weight * (gram @ weight - 2.0 * cross)).sum(axis=0)
        return found

    def predict(self, x: Floats, penalty: Floats) -> Floats:
        """[rows, targets] with a penalty a target."""
        return np.asarray((self.scale(x) @ self.back) @ (self.inside / (self.values[:, None] + penalty)) + self.mean)

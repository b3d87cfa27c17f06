"""How well one number tells another: ranks, curves and correlations, each with a weight for every example.

A weight says how often an example counts, so that a bootstrap is a weighting and not a copy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def auroc(score: Floats, positive: Bools, weight: Floats | None = None) -> float:
    """Chance that a positive scores higher than a negative, ties half; NaN without both."""
    _, rank = np.unique(score, return_inverse=True)
    return auroc_of_ranks(rank, positive, weight)


def auroc_of_ranks(rank: npt.NDArray[np.intp], positive: Bools, weight: Floats | None = None) -> float:
    """The same of scores that are numbered in their order already, equal ones alike."""
    w = np.ones(len(rank)) if weight is None else weight
    up = np.bincount(rank, weights=w * positive, minlength=1)
    down = np.bincount(rank, weights=w * ~positive, minlength=len(up))
    total = up.sum() * down.sum()
    if total <= 0:
        return float("nan")
    below = np.cumsum(down) - down
    return float((up * (below + 0.5 * down)).sum() / total)


def average_precision(score: Floats, positive: Bools, weight: Floats) -> float:
    """Sum over thresholds of (recall step) x precision, tied scores one threshold; NaN without a positive."""
    values, place = np.unique(-score, return_inverse=True)
    hits = np.bincount(place, weights=weight * positive, minlength=len(values))
    called = np.cumsum(np.bincount(place, weights=weight, minlength=len(values)))
    total = hits.sum()
    if total <= 0:
        return float("nan")
    precision = np.divide(np.cumsum(hits), called, out=np.zeros(len(values)), where=called > 0)
    return float((hits / total * precision).sum())


def weighted_mean(values: Floats, weight: Floats) -> float:
    """NaN where nothing weighs."""
    total = weight.sum()
    return float((values * weight).sum() / total) if total > 0 else float("nan")


def pearson(predicted: Floats, measured: Floats, weight: Floats) -> float:
    """Weighted correlation; NaN where one of both is constant."""
    total = weight.sum()
    if total <= 0:
        return float("nan")
    columns = np.stack([predicted, measured], axis=1)
    centred = columns - (weight[:, None] * columns).sum(axis=0) / total
    spread = (weight[:, None] * centred**2).sum(axis=0)
    # A constant is left with rounding errors, which are not to be correlated.
    if (spread <= 1e-20 * np.maximum((weight[:, None] * columns**2).sum(axis=0), 1e-300)).any():
        return float("nan")
    return float((weight * centred[:, 0] * centred[:, 1]).sum() / np.sqrt(spread.prod()))


def spearman(predicted: Floats, measured: Floats, weight: Floats) -> float:
    """Weighted correlation of mid-ranks: an example of weight 2 stands for two equal ones."""
    return pearson(mid_ranks(predicted, weight), mid_ranks(measured, weight), weight)


def r_squared(predicted: Floats, measured: Floats, weight: Floats) -> float:
    """Share of the variance of the measured numbers that is predicted; below 0 where their mean does better."""
    total = weight.sum()
    if total <= 0:
        return float("nan")
    spread = (weight * (measured - (weight * measured).sum() / total) ** 2).sum()
    return float(1.0 - (weight * (predicted - measured) ** 2).sum() / spread) if spread > 0 else float("nan")


def mid_ranks(values: Floats, weight: Floats | None = None) -> Floats:
    """Weighted mid-ranks: how much lies below, and half of what is equal."""
    _, place = np.unique(values, return_inverse=True)
    held = np.bincount(place, weights=weight)
    return np.asarray((np.cumsum(held) - held / 2.0)[place])

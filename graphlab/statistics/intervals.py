"""Percentile intervals of a bootstrap, exact intervals of a share, and means that pass over what is undefined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def percentile_interval(values: Sequence[float] | Floats) -> tuple[float, float]:
    """The middle 95 % of bootstrap values; those that are undefined are left out, NaN where all are."""
    kept = [value for value in values if np.isfinite(value)]
    if not kept:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def tail_interval(extreme: Ints, samples: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Clopper-Pearson interval of a tail's true chance from ``extreme`` of ``samples`` (1934)."""
    from scipy.special import betaincinv

    rest = (1.0 - level) / 2.0
    hits = np.asarray(extreme, dtype=np.float64)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), samples - hits + 1, rest), 0.0)
    high = np.where(hits < samples, betaincinv(hits + 1, np.maximum(samples - hits, 1), 1.0 - rest), 1.0)
    return low, high


def mean_of_defined(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN where there are none."""
    kept = [value for value in values if np.isfinite(value)]
    return float(np.mean(kept)) if kept else float("nan")

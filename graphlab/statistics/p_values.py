"""Empirical p values and what surrounds them: ties, false discovery, sequential stopping, sample sizes.

The p value of a class is two-sided: twice the smaller tail, capped at 1, each tail with the +1 correction
(the observed graph counts as one sample of the null; Davison & Hinkley 1997), so P(p <= a) <= a under the null.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def two_sided_p(observed: Ints | Floats, null: Ints | Floats, ties: np.random.Generator | None = None) -> Floats:
    """Twice the smaller tail with the +1 correction, capped at 1.

    Args:
        observed: [k]. null: [samples, k].
        ties: breaks ties at random where given, which makes p exactly uniform under the null: for
            calibration tests, never for results.
    """
    samples = len(null)
    above, below = (null > observed).sum(axis=0), (null < observed).sum(axis=0)
    equal = samples - above - below
    if ties is None:
        upper, lower = (above + equal + 1) / (samples + 1), (below + equal + 1) / (samples + 1)
    else:
        # The observed graph's rank among samples + 1 with ties in random order, spread within its step.
        upper = (above + ties.random(len(observed)) * (equal + 1)) / (samples + 1)
        lower = 1.0 - upper
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(upper, lower)))


def benjamini_hochberg(p: Floats) -> Floats:
    """Smallest false discovery rate at which each class is called (Benjamini & Hochberg 1995); NaN stays NaN."""
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    raw = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(raw[::-1])[::-1])
    return q


def samples_needed(classes: int, level: float = 0.05, tails: int = 2) -> int:
    """Fewest samples with which one class among ``classes`` can reach q <= level by itself.

    The smallest possible p is tails / (samples + 1) and must reach level / classes.

    >>> samples_needed(13, tails=1), samples_needed(13)
    (259, 519)
    """
    return int(np.ceil(tails * classes / level - 1e-9)) - 1


@dataclass
class SequentialStop:
    """Besag & Clifford (1991): stop once every tested class has ``wanted`` samples as extreme in both tails.

    A class that is no surprise is decided early; p of a tail that reached its number at sample l is wanted / l,
    which is valid although the stopping time depends on the samples. z plays no part.
    """

    observed: Ints
    tested: npt.NDArray[np.bool_]
    wanted: int = 10
    seen: int = 0
    hits: Ints = field(init=False)
    """[2, k] samples at least (at most) as large so far."""
    reached: Ints = field(init=False)
    """[2, k] the sample at which a tail had ``wanted``; 0 where it has not."""

    def __post_init__(self) -> None:
        self.hits = np.zeros((2, len(self.observed)), dtype=np.int64)
        self.reached = np.zeros((2, len(self.observed)), dtype=np.int64)

    def __call__(self, counts: Ints) -> bool:
        self.seen += 1
        self.hits += np.stack([counts >= self.observed, counts <= self.observed])
        self.reached[(self.hits == self.wanted) & (self.reached == 0)] = self.seen
        return bool((self.reached[:, self.tested] > 0).all())

    def p(self) -> Floats:
        """Two-sided p values after the last sample."""
        tails = np.where(self.reached > 0, self.wanted / np.maximum(self.reached, 1), (self.hits + 1) / (self.seen + 1))
        return np.asarray(np.minimum(1.0, 2.0 * tails.min(axis=0)))

"""How far two partitions of the same things agree: adjusted Rand index and adjusted mutual information."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]


def contingency(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> tuple[Ints, Ints, Ints]:
    """(part of the first, part of the second, things in both) for every two parts that share any.

    Args:
        first, second: int [n] part of each thing, from 0.
    """
    width = int(second.max(initial=0)) + 1
    key, count = np.unique(first.astype(np.int64) * width + second, return_counts=True)
    return key // width, key % width, count.astype(np.int64)


def adjusted_rand_index(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> float:
    """Pairs that both put together or both keep apart, 0 by chance and 1 where equal (Hubert & Arabie 1985)."""
    a, b, count = contingency(first, second)
    pairs = math.comb(len(first), 2)
    both = _pairs(count)
    one, other = _pairs(np.bincount(a, count)), _pairs(np.bincount(b, count))
    if both == one == other:
        return 1.0
    expected = one * other / pairs
    return float((both - expected) / ((one + other) / 2 - expected))


def adjusted_mutual_information(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> float:
    """Shared information above chance, over the mean of both entropies above chance (Vinh, Epps & Bailey 2010).

    Chance is every way to deal the things out to parts of these sizes. 1 where the partitions are equal.
    """
    a, b, count = contingency(first, second)
    n = len(first)
    sizes, others = (np.bincount(part, count).astype(np.int64) for part in (a, b))
    sizes, others = sizes[sizes > 0], others[others > 0]
    if len(count) == len(sizes) == len(others):
        return 1.0
    shared = _entropy(sizes, n) + _entropy(others, n) - _entropy(count, n)
    logs = _log_factorials(n)
    one, how_often = np.unique(sizes, return_counts=True)
    other, how_often_other = np.unique(others, return_counts=True)
    chance = float(_expected(one, how_often, other, how_often_other, n, logs))
    most = (_entropy(sizes, n) + _entropy(others, n)) / 2
    # One part against several: nothing is shared, and nothing could be.
    return 0.0 if len(sizes) == 1 or len(others) == 1 else float((shared - chance) / (most - chance))


def _pairs(sizes: npt.NDArray[np.number]) -> float:
    whole = sizes.astype(np.float64)
    return float((whole * (whole - 1)).sum() / 2)


def _entropy(sizes: Ints, n: int) -> float:
    share = sizes / n
    return float(-(share * np.log(share)).sum())


def _log_factorials(n: int) -> npt.NDArray[np.float64]:
    from scipy.special import gammaln

    return np.asarray(gammaln(np.arange(n + 1, dtype=np.float64) + 1.0))


@njit(cache=True, nogil=True)
def _expected(sizes, how_often, others, how_often_other, n, logs):  # type: ignore[no-untyped-def]
    """Mutual information (nats) of two partitions with parts of these sizes, dealt out at random.

    Args:
        sizes, others: different sizes of parts; how_often, how_often_other: parts of each.
        logs: float64 [n + 1] log k!.
    """
    total = 0.0
    for i in range(len(sizes)):
        a = sizes[i]
        for j in range(len(others)):
            b = others[j]
            fixed = logs[a] + logs[b] + logs[n - a] + logs[n - b] - logs[n]
            part = 0.0
            for k in range(max(1, a + b - n), min(a, b) + 1):
                chance = fixed - logs[k] - logs[a - k] - logs[b - k] - logs[n - a - b + k]
                part += k / n * math.log(n * k / (a * b)) * math.exp(chance)
            total += part * how_often[i] * how_often_other[j]
    return total

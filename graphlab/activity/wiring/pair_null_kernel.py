"""A null for labelled ordered pairs: neurons keep their numbers of partners, distances keep their share.

Tests: tests/graphlab/activity/wiring/test_structure_function.py.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True)
def swap_labels(label: Any, bins: Any, attempts: int, seed: int) -> int:
    """Swap positives of ``label`` in place; returns the swaps made.

    Two positives (a, b), (c, d) become (a, d), (c, b) when both were measured and negative and the two pairs of
    distance bins are the same: every row sum, column sum and number of positives a bin stays.

    Args:
        label: int8 [n, n], 1 positive, 0 negative, -1 not measured. bins: int8 [n, n].
    """
    np.random.seed(seed)  # noqa: NPY002 (numba has its own generator, seeded a call)
    count = 0
    for i in range(label.shape[0]):
        for j in range(label.shape[1]):
            if label[i, j] == 1:
                count += 1
    rows = np.empty(count, dtype=np.int64)
    columns = np.empty(count, dtype=np.int64)
    at = 0
    for i in range(label.shape[0]):
        for j in range(label.shape[1]):
            if label[i, j] == 1:
                rows[at] = i
                columns[at] = j
                at += 1
    if count < 2:
        return 0
    made = 0
    for _ in range(attempts):
        x = np.random.randint(0, count)  # noqa: NPY002
        y = np.random.randint(0, count)  # noqa: NPY002
        a, b, c, d = rows[x], columns[x], rows[y], columns[y]
        if a == c or b == d or label[a, d] != 0 or label[c, b] != 0:
            continue
        p, q, r, s = bins[a, b], bins[c, d], bins[a, d], bins[c, b]
        if not ((p == r and q == s) or (p == s and q == r)):
            continue
        label[a, b] = 0
        label[c, d] = 0
        label[a, d] = 1
        label[c, b] = 1
        columns[x] = d
        columns[y] = b
        made += 1
    return made


@numba.njit(cache=True)
def swap_mirrored_labels(label: Any, bins: Any, attempts: int, seed: int) -> int:
    """As ``swap_labels`` for a symmetric ``label``: an edge without direction is one positive, in both halves at once.

    Two edges {a, b}, {c, d} become {a, d}, {c, b}, either end of the second first, so every neuron keeps its number of
    partners. ``bins`` is symmetric, too.
    """
    np.random.seed(seed)  # noqa: NPY002 (numba has its own generator, seeded a call)
    count = 0
    for i in range(label.shape[0]):
        for j in range(i):
            if label[i, j] == 1:
                count += 1
    one = np.empty(count, dtype=np.int64)
    other = np.empty(count, dtype=np.int64)
    at = 0
    for i in range(label.shape[0]):
        for j in range(i):
            if label[i, j] == 1:
                one[at] = i
                other[at] = j
                at += 1
    if count < 2:
        return 0
    made = 0
    for _ in range(attempts):
        x = np.random.randint(0, count)  # noqa: NPY002
        y = np.random.randint(0, count)  # noqa: NPY002
        a, b, c, d = one[x], other[x], one[y], other[y]
        if np.random.randint(0, 2) == 1:  # noqa: NPY002
            c, d = d, c
        if a in (c, d) or b in (c, d) or label[a, d] != 0 or label[c, b] != 0:
            continue
        p, q, r, s = bins[a, b], bins[c, d], bins[a, d], bins[c, b]
        if not ((p == r and q == s) or (p == s and q == r)):
            continue
        label[a, b] = 0
        label[b, a] = 0
        label[c, d] = 0
        label[d, c] = 0
        label[a, d] = 1
        label[d, a] = 1
        label[c, b] = 1
        label[b, c] = 1
        other[x] = d
        one[y] = c
        other[y] = b
        made += 1
    return made

"""Codes of small digraphs: which triad (MAN label) a code of three neurons is, and its smallest relabelling.

Code layout as in ``analytic_nulls``: dyads in the order (0,1), (0,2), (1,2), (0,3), (1,3), (2,3), two bits each,
low bit the connection from the lower to the higher number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

TRIAD_LABELS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U",
    "030T", "030C", "201", "120D", "120U", "120C", "210", "300",
)  # fmt: skip
CONNECTED_TRIADS = TRIAD_LABELS[3:]


def code_of(edges: Sequence[tuple[int, int]]) -> int:
    """The code of a digraph on neurons 0..3 given by its edges."""
    code = 0
    for a, b in edges:
        low, high = min(a, b), max(a, b)
        code |= (1 if a < b else 2) << (2 * (high * (high - 1) // 2 + low))
    return code


def edges_of(code: int, size: int) -> list[tuple[int, int]]:
    """The edges of a code, ascending."""
    edges = []
    for high in range(size):
        for low in range(high):
            state = (code >> (2 * (high * (high - 1) // 2 + low))) & 3
            edges += [(low, high)] * (state & 1) + [(high, low)] * (state >> 1)
    return sorted(edges)


@cache
def smallest_codes(size: int) -> npt.NDArray[np.int64]:
    """int64 [4^dyads]: the smallest code among all relabellings of each code (one per isomorphism class)."""
    dyads = size * (size - 1) // 2
    codes = np.arange(4**dyads)
    best = codes.copy()
    for order in itertools.permutations(range(size)):
        moved = np.zeros_like(codes)
        for high in range(size):
            for low in range(high):
                state = (codes >> (2 * (high * (high - 1) // 2 + low))) & 3
                a, b = order[low], order[high]
                if a > b:
                    a, b = b, a
                    state = ((state & 1) << 1) | (state >> 1)
                moved |= state << (2 * (b * (b - 1) // 2 + a))
        best = np.minimum(best, moved)
    return best


def man_label(code: int) -> str:
    """The MAN label of a three-neuron code, as networkx and igraph name it."""
    states = [(code >> (2 * k)) & 3 for k in range(3)]
    mutual, null = states.count(3), states.count(0)
    label = f"{mutual}{3 - mutual - null}{null}"
    edges = set(edges_of(code, 3))
    one_way = [(a, b) for a, b in edges if (b, a) not in edges]
    sources, targets = {a for a, _ in one_way}, {b for _, b in one_way}
    if label == "030":
        return label + ("C" if len(sources) == 3 else "T")
    if label == "111":
        in_mutual = {a for a, b in edges if (b, a) in edges}
        return label + ("D" if one_way[0][1] in in_mutual else "U")
    if label in ("021", "120"):
        return label + ("D" if len(sources) == 1 else "U" if len(targets) == 1 else "C")
    return label


@cache
def triad_class_codes() -> npt.NDArray[np.int64]:
    """int64 [64]: the place in ``TRIAD_LABELS`` of every code."""
    return np.array([TRIAD_LABELS.index(man_label(code)) for code in range(64)])

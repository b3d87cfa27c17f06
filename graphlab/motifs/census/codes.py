"""Codes of small digraphs: which triad (MAN label) a code of three neurons is, and its smallest relabelling.

Code layout as in ``nulls.analytic``: dyads in the order (0,1), (0,2), (1,2), (0,3), (1,3), (2,3), two bits each,
low bit the connection from the lower to the higher number.

Tests: tests/graphlab/motifs/census/test_classes.py.
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


def relabelled(codes: npt.NDArray[np.int64], role_of: Sequence[int]) -> npt.NDArray[np.int64]:
    """The codes after neuron k is renamed ``role_of[k]``."""
    moved = np.zeros_like(codes)
    for high in range(len(role_of)):
        for low in range(high):
            state = (codes >> (2 * (high * (high - 1) // 2 + low))) & 3
            a, b = role_of[low], role_of[high]
            if a > b:
                a, b = b, a
                state = ((state & 1) << 1) | (state >> 1)
            moved |= state << (2 * (b * (b - 1) // 2 + a))
    return moved


@cache
def smallest_codes(size: int) -> npt.NDArray[np.int64]:
    """int64 [4^dyads]: the smallest code among all relabellings of each code (one per isomorphism class)."""
    codes = np.arange(4 ** (size * (size - 1) // 2))
    orders = itertools.permutations(range(size))
    smallest: npt.NDArray[np.int64] = np.stack([relabelled(codes, role_of) for role_of in orders]).min(axis=0)
    return smallest


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


@cache
def role_orders(size: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Which neuron takes which role when a code is made smallest.

    Returns:
        int8 [4^dyads, size!, size]: for each relabelling that gives the smallest code, the neuron of each role;
        int64 [4^dyads]: how many such relabellings there are (the automorphisms).
    """
    codes = np.arange(4 ** (size * (size - 1) // 2))
    best = smallest_codes(size)
    orders = np.zeros(len(codes), dtype=np.int64)
    table = np.zeros((len(codes), int(np.prod(range(1, size + 1))), size), dtype=np.int8)
    for role_of in itertools.permutations(range(size)):
        neuron_of = np.argsort(role_of).astype(np.int8)
        reached = np.flatnonzero(relabelled(codes, role_of) == best)
        table[reached, orders[reached]] = neuron_of
        orders[reached] += 1
    return table, orders


def pattern_text(code: int, types: Sequence[str]) -> str:
    """A typed motif as people write it: ``L2 -> Mi1 -> T4a, L2 -> T4a``; types that repeat are numbered.

    >>> pattern_text(code_of([(0, 1), (1, 2), (0, 2)]), ["L2", "Mi1", "T4a"])
    'L2 -> Mi1 -> T4a, L2 -> T4a'
    """
    names = [
        name if list(types).count(name) == 1 else f"{name}#{list(types)[: k + 1].count(name)}"
        for k, name in enumerate(types)
    ]
    left = edges_of(code, len(types))
    both = [(a, b) for a, b in left if a < b and (b, a) in left]
    one_way = [(a, b) for a, b in left if (b, a) not in left]
    parts = []
    while one_way:
        # Chains read best when they start where more leaves than arrives.
        balance = {a: sum(x == a for x, _ in one_way) - sum(y == a for _, y in one_way) for a, _ in one_way}
        at = max(balance, key=lambda a: (balance[a] > 0, -a))
        chain = [at]
        while True:
            onward = [b for a, b in one_way if a == at]
            if not onward:
                break
            # A step that can itself go on comes before one that ends the chain.
            step = max(onward, key=lambda b: (any(a == b for a, _ in one_way), -b))
            one_way.remove((at, step))
            chain.append(step)
            at = step
        parts.append(" -> ".join(names[k] for k in chain))
    parts += [f"{names[a]} <-> {names[b]}" for a, b in both]
    return ", ".join(parts)

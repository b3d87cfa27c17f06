"""Patterns of three vertices, all joined by one relation: their number from triangles by the state of their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from queries.csr_program import Loaded
from queries.csr_relations import Relation
from queries.csr_run import Run

MOST_RANKED = 2**30
"""Vertices whose rank fits an entry of triangle_kernel beside two bits."""
_PAIRS = ((0, 1), (0, 2), (1, 2))


def closed_relation(loaded: Loaded) -> Relation | None:
    """The one relation of a pattern whose three vertices are all joined and differ; None for other patterns."""
    needs = loaded.needs
    if len(loaded.nodes) != 3 or needs.loops or needs.absent or needs.orders or not needs.plain:
        return None
    relations = set(loaded.relations.values())
    ends = [(edge.source, edge.target) for edge in needs.edges]
    if len(relations) != 1 or len({frozenset(pair) for pair in ends}) < 3 or len(set(ends)) < len(ends):
        return None
    relation = relations.pop()
    if relation.n_source >= MOST_RANKED:
        return None
    if not relation.single or relation.n_source != relation.n_target or relation.loops:
        return None
    return relation


def closed_patterns(run: Run, loaded: Loaded, relation: Relation) -> int:
    """Matches of the pattern: the ways to lay it on each triangle."""
    from queries.triangle_kernel import entries_after, triangles

    first, entries = relation.by_rank()
    weight = entries_after(first, entries) + 1

    def piece(begin: int, end: int) -> npt.NDArray[np.int64]:
        found = np.zeros(64, np.int64)
        triangles(first, entries, begin, end, np.zeros(relation.n_source, np.uint8), found, run.stop)
        return found

    total: npt.NDArray[np.int64] = sum(run.pieces(weight, piece), np.zeros(64, np.int64))
    names = loaded.variables
    edges = [(names.index(edge.source), names.index(edge.target)) for edge in loaded.needs.edges]
    return int(sum(int(total[cell]) * _ways(cell, edges) for cell in np.flatnonzero(total).tolist()))


def _ways(cell: int, edges: Sequence[tuple[int, int]]) -> int:
    """In how many ways a pattern lies on a triangle of that state."""
    there = set()
    for (a, b), state in zip(_PAIRS, (cell >> 4, cell >> 2 & 3, cell & 3), strict=True):
        if state & 1:
            there.add((a, b))
        if state & 2:
            there.add((b, a))
    return sum(all((at[a], at[b]) in there for a, b in edges) for at in permutations(range(3)))

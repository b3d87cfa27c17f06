"""Patterns of three vertices, all joined by one relation, from triangles by the state of their pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from queries.csr.kernels import kept
from queries.csr.needs import Needs
from queries.csr.program import Loaded
from queries.csr.relations import ByRank, Relation, Relations
from queries.csr.run import CSRRun

MOST_RANKED = 2**30
"""Vertices whose rank fits an entry of triangle_kernel beside two bits."""
RANKING = 4.0
"""List entries a join looks at in the time that ordering one edge by rank takes."""
AT_ONCE = 1_000_000
"""Entries of neighbours' lists, about all the work there is, that are gone through before threads would start."""
_PAIRS = ((0, 1), (0, 2), (1, 2))


def closed_relation(loaded: Loaded) -> Relation | None:
    """The one relation of a pattern whose three vertices are all joined and differ; None for other patterns."""
    relations = set(loaded.relations.values())
    if not _is_closed(loaded.needs, loaded.variables) or len(relations) != 1:
        return None
    relation = relations.pop()
    if relation.n_source >= MOST_RANKED:
        return None
    if not relation.single or relation.n_source != relation.n_target or relation.loops:
        return None
    return relation


def _is_closed(needs: Needs, names: Sequence[str]) -> bool:
    """Whether a pattern is three vertices, each pair joined, and nothing else."""
    if len(names) != 3 or needs.loops or needs.absent or needs.orders or not needs.plain:
        return False
    ends = [(edge.source, edge.target) for edge in needs.edges]
    return len({frozenset(pair) for pair in ends}) == 3 and len(set(ends)) == len(ends)


def closed_lists(needs: Needs, relations: Relations) -> ByRank | None:
    """The lists that count a pattern whose three vertices are all joined by one relation and differ; else None."""
    names = [vertex.variable for vertex in needs.bound.pattern.vertices]
    if not _is_closed(needs, names) or len({needs.bound.vertex_tables[name] for name in names}) > 1:
        return None
    keys = {relations.rank_key(edge) for edge in needs.edges}
    if len(keys) != 1 or None in keys or relations.vertices(names[0]).n >= MOST_RANKED:
        return None
    lists = relations.by_rank(needs.edges[0])
    if lists is None or (lists.loops and any(frozenset(pair) not in needs.differs for pair in combinations(names, 2))):
        return None
    return lists


def closed_patterns(run: CSRRun, needs: Needs, lists: ByRank) -> int:
    """Matches of the pattern: the ways to lay it on each triangle."""

    def piece(begin: int, end: int) -> npt.NDArray[np.int64]:
        counts = np.zeros(64, np.int64)
        kept.triangles(lists.first, lists.entries, begin, end, np.zeros(lists.n, np.uint8), counts, run.stop)
        return counts

    total: npt.NDArray[np.int64] = sum(run.pieces(_weight(lists.first), piece, AT_ONCE), np.zeros(64, np.int64))
    names = [vertex.variable for vertex in needs.bound.pattern.vertices]
    return int(total @ (_ways(_ends(needs, names))[:, :, 0] >= 0).sum(axis=1))


def closed_matches(
    run: CSRRun, loaded: Loaded, relation: Relation, most: int | None
) -> Iterator[npt.NDArray[np.int32]]:
    """Matches int32 [rows, 3] in the order of the pattern's vertices; at most ``most`` rows in all."""
    first, entries, order = relation.by_rank()
    ways = _ways(_ends(loaded.needs, loaded.variables))
    longest = int(np.diff(first).max(initial=0))

    def piece(begin: int, end: int) -> list[npt.NDArray[np.int32]]:
        mark, closing = np.zeros(relation.n_source, np.uint8), np.empty(longest + 1, np.int32)
        found, out = [], np.empty((1024, 3), np.int32)
        while begin < end:
            begin, written, _ = kept.list_triangles(
                first, entries, order, begin, end, mark, ways, closing, out, run.stop
            )
            found.append(out[:written].copy())
            run.held += found[-1].nbytes
            if begin < end:
                out = np.empty((2 * len(out), 3), np.int32)
        return found

    return run.rows(_weight(first), piece, most, AT_ONCE)


def listing_pays(relation: Relation, expected: float) -> bool:
    """Whether a join that looks at so many entries costs more than ordering the lists and laying triangles out."""
    return expected > RANKING * len(relation.forward()[1])


def _weight(first: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """About how many entries of neighbours' lists each rank goes through: these are about as long as its own."""
    length = np.diff(first).astype(np.int64)
    return length * length + 1


def _ends(needs: Needs, names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    return tuple((names.index(edge.source), names.index(edge.target)) for edge in needs.edges)


@lru_cache(maxsize=32)
def _ways(edges: tuple[tuple[int, int], ...]) -> npt.NDArray[np.int8]:
    """The ways to lay a pattern of these edges on a triangle of each state, as kernels.list_triangles reads."""
    table = np.full((64, 7, 3), -1, np.int8)
    for cell in range(64):
        there = set()
        for (a, b), state in zip(_PAIRS, (cell >> 4, cell >> 2 & 3, cell & 3), strict=True):
            if state & 1:
                there.add((a, b))
            if state & 2:
                there.add((b, a))
        ways = [at for at in permutations(range(3)) if all((at[a], at[b]) in there for a, b in edges)]
        table[cell, : len(ways)] = np.array(ways, np.int8).reshape(-1, 3)
    return table

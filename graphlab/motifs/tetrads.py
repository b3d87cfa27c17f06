"""Exact census of the 199 connected tetrad classes, without looking at each tetrad.

Stars, paths, paws and diamonds follow from typed degrees and typed triangles of each connected pair, four-cycles
from typed wedge tables, cliques are listed. These counts ignore dyads beyond a pattern's own; inverting how
patterns contain each other gives the induced counts. The identities are those of ESCAPE (Pinar, Seshadhri & Vishal
2017) and acc-Motif (Meira et al. 2014), here over dyads in three states.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.classes import class_of_code, classes, dyad_inverse
from queries.snapshot import Snapshot

Counts = npt.NDArray[np.int64]
TETRADS = tuple(one.name for one in classes(4))
"""mfinder ids of the 199 connected classes, ascending."""
SHARES = 32
"""Pieces of about equal work for several threads."""


def tetrad_counts(snapshot: Snapshot, workers: int = 1) -> Counts:
    """Induced counts of the 199 connected tetrad classes.

    Args:
        workers: threads; the counts are the same for any number.

    Returns:
        int64 [199] in the order of ``TETRADS``.
    """
    return tetrad_counts_csr(
        snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source, workers=workers
    )


def tetrad_counts_csr(out_start: Any, out_target: Any, in_start: Any, in_source: Any, workers: int = 1) -> Counts:
    """``tetrad_counts`` of CSR arrays, rows ascending, no autapses."""
    typed = typed_tetrads(out_start, out_target, in_start, in_source, workers)
    # Two's complement sums are exact as long as the counts themselves are below 2^63.
    return np.asarray(dyad_inverse(4) @ typed)


def typed_tetrads(out_start: Any, out_target: Any, in_start: Any, in_source: Any, workers: int = 1) -> Counts:
    """Copies of each class with its dyads exactly as they are and any dyads between its unconnected pairs.

    Returns:
        int64 [199] in the order of ``TETRADS``.
    """
    from graphlab.motifs import tetrad_kernels as kernels
    from graphlab.motifs.triad_kernels import typed_neighbours

    undirected = typed_neighbours(out_start, out_target, in_start, in_source)
    start, neighbour, state, split, degree, _ = kernels.ranked_neighbours(*undirected)
    n = len(start) - 1

    def over_edges() -> tuple[Counts, Counts, Counts]:
        edges = kernels.edge_triangles(start, neighbour, state, split)
        found: tuple[Counts, Counts, Counts] = kernels.over_edges(start, neighbour, state, split, degree, *edges)
        return found

    if workers <= 1:
        paths, paws, diamonds = over_edges()
        cycles = kernels.four_cycles(start, neighbour, state, 0, n)
        cliques = kernels.cliques(start, neighbour, state, split, 0, n)
    else:
        with ThreadPoolExecutor(workers) as pool:
            edges_first = pool.submit(over_edges)
            cycle_parts = pool.map(
                lambda part: kernels.four_cycles(start, neighbour, state, *part),
                shares(kernels.wedges_below(start, neighbour)),
            )
            clique_parts = pool.map(
                lambda part: kernels.cliques(start, neighbour, state, split, *part), shares((start[1:] - split) ** 2)
            )
            paths, paws, diamonds = edges_first.result()
            cycles = np.sum(list(cycle_parts), axis=0)
            cliques = np.sum(list(clique_parts), axis=0)
    return by_class(kernels.stars(degree), paths, paws, diamonds, cycles, cliques)


def by_class(stars: Counts, paths: Counts, paws: Counts, diamonds: Counts, cycles: Counts, cliques: Counts) -> Counts:
    """Counts of typed shapes, as the kernels give them, summed by class; int64 [199]."""
    of_code = class_of_code(4)
    found = np.zeros(len(TETRADS), dtype=np.int64)

    def add(code: npt.NDArray[np.int64], counts: Counts) -> None:
        np.add.at(found, of_code[code[counts != 0]], counts[counts != 0])

    a, b, c = np.indices((3, 3, 3)) + 1
    add(a | b << 2 | c << 6, stars)
    s, a, b = np.indices((4, 3, 3))
    add(s | (a + 1) << 2 | (b + 1) << 8, paths)
    s, a, b, t = np.indices((4, 3, 3, 3))
    twice = np.zeros(len(TETRADS), dtype=np.int64)
    np.add.at(twice, of_code[(s | (a + 1) << 2 | (b + 1) << 4 | (t + 1) << 6)[paws != 0]], paws[paws != 0])
    found += twice // 2
    s, x, y = np.indices((4, 9, 9))
    two_wedges = (x // 3 + 1) << 2 | (x % 3 + 1) << 4 | (y // 3 + 1) << 6 | (y % 3 + 1) << 8
    add(s | two_wedges, diamonds)
    add(two_wedges[0], cycles)
    add(np.arange(4096), cliques)
    return found


def shares(work: npt.NDArray[Any], pieces: int = SHARES) -> list[tuple[int, int]]:
    """Ranges of rows of about equal work."""
    total = np.concatenate([[0], np.cumsum(work, dtype=np.int64)])
    cuts = np.searchsorted(total, np.linspace(0, total[-1], pieces + 1))
    cuts = np.unique(np.concatenate([[0], cuts, [len(work)]]))
    return [(int(low), int(high)) for low, high in pairwise(cuts)]

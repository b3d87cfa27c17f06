"""Exact census of the 199 connected tetrad classes, without looking at each tetrad.

Stars, paths, paws and diamonds follow from typed degrees and typed triangles of each connected pair, four-cycles
from typed wedge tables, cliques are listed. These counts ignore dyads beyond a pattern's own; inverting how
patterns contain each other gives the induced counts. The identities are those of ESCAPE (Pinar, Seshadhri & Vishal
2017) and acc-Motif (Meira et al. 2014), here over dyads in three states.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import class_of_code, classes, dyad_inverse
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Counts = npt.NDArray[np.int64]
TETRADS = tuple(one.name for one in classes(4))
"""mfinder ids of the 199 connected classes, ascending."""
MOST = 2**59
"""Sums stay exact in 64 bits while all connected tetrads together are fewer."""
_EDGES, _CYCLES, _CLIQUES = 0, 1, 2
"""What a share is of."""


def tetrad_counts(snapshot: Snapshot, workers: Workers = 1, progress: Progress | None = None) -> Counts:
    """Induced counts of the 199 connected tetrad classes.

    Args:
        workers: threads; the counts are the same for any number.
        progress: told (done, total) steps.

    Returns:
        int64 [199] in the order of ``TETRADS``.

    Raises:
        AnalysisError: counts that would not fit 64 bits.
    """
    arrays = (snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    return tetrad_counts_csr(*arrays, workers=workers, progress=progress)


def tetrad_counts_csr(
    out_start: Any,
    out_target: Any,
    in_start: Any,
    in_source: Any,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Counts:
    """``tetrad_counts`` of CSR arrays, rows ascending, no autapses."""
    typed = typed_tetrads(out_start, out_target, in_start, in_source, workers, progress)
    # Two's complement sums are exact as long as the counts themselves are below 2^63.
    return np.asarray(dyad_inverse(4) @ typed)


def typed_tetrads(
    out_start: Any,
    out_target: Any,
    in_start: Any,
    in_source: Any,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Counts:
    """Copies of each class with its dyads exactly as they are and any dyads between its unconnected pairs.

    Returns:
        int64 [199] in the order of ``TETRADS``.
    """
    from graphlab.motifs.kernels.four import tetrads as kernels
    from graphlab.motifs.kernels.triads import typed_neighbours

    undirected = typed_neighbours(out_start, out_target, in_start, in_source)
    start, neighbour, state, split, degree, _ = kernels.ranked_neighbours(*undirected)
    refuse_overflow(start, neighbour)
    packed = neighbour.astype(np.uint32) << 2 | state
    by_cycle, by_clique = shares(kernels.wedges_below(start, neighbour)), shares((start[1:] - split) ** 2)
    tasks = [(_EDGES, 0, 0), *((_CYCLES, *part) for part in by_cycle), *((_CLIQUES, *part) for part in by_clique)]
    found = over_shares(partial(_counted, start, neighbour, state, split, degree, packed), tasks, workers, progress)
    cycles, cliques = np.zeros((9, 9), dtype=np.int64), np.zeros(4096, dtype=np.int64)
    paths, paws, diamonds = next(found)
    for (kind, _, _), (part,) in zip(tasks[1:], found, strict=True):
        (cycles if kind == _CYCLES else cliques)[...] += part
    return by_class(kernels.stars(degree), paths, paws, diamonds, cycles, cliques)


def _counted(
    start: Any, neighbour: Any, state: Any, split: Any, degree: Any, packed: Any, kind: int, low: int, high: int
) -> list[Counts]:
    """One kernel a share; the sums over edges are one share of their own."""
    from graphlab.motifs.kernels.four import tetrads as kernels
    from graphlab.motifs.kernels.four.cycles import four_cycles

    if kind == _EDGES:
        edge_start = kernels.edge_starts(start, split)
        # Made here, not in the kernel: memory of numpy comes in large pages.
        triangles = np.zeros((len(neighbour) // 2, 9), dtype=np.int32)
        kernels.edge_triangles(start, split, packed, edge_start, triangles)
        return list(kernels.over_edges(start, neighbour, state, split, degree, edge_start, triangles))
    if kind == _CYCLES:
        marked = np.zeros((high, 9), dtype=np.int32)
        return [four_cycles(start, split, packed, marked, low, high)]
    return [kernels.cliques(start, neighbour, state, split, low, high)]


def refuse_overflow(start: npt.NDArray[np.int64], neighbour: npt.NDArray[np.int32]) -> None:
    """Raise AnalysisError where stars and paths, which contain every connected tetrad, could pass 64 bits."""
    degree = np.diff(start).astype(np.float64)
    stars = float((degree * (degree - 1) * (degree - 2)).sum()) / 6
    paths = float(((degree[neighbour] - 1) * np.repeat(degree - 1, np.diff(start))).sum()) / 2
    if stars + paths > MOST:
        raise AnalysisError(
            f"up to {stars + paths:.2g} connected tetrads would not fit 64-bit counts; raise min_weight, "
            "or count the graph by neuropil or group"
        )


def by_class(stars: Counts, paths: Counts, paws: Counts, diamonds: Counts, cycles: Counts, cliques: Counts) -> Counts:
    """Counts of typed shapes, as the kernels give them, summed by class; int64 [199]."""
    of_code = class_of_code(4)
    totals = np.zeros(len(TETRADS), dtype=np.int64)

    def add(code: npt.NDArray[np.int64], counts: Counts) -> None:
        np.add.at(totals, of_code[code[counts != 0]], counts[counts != 0])

    a, b, c = np.indices((3, 3, 3)) + 1
    add(a | b << 2 | c << 6, stars)
    s, a, b = np.indices((4, 3, 3))
    add(s | (a + 1) << 2 | (b + 1) << 8, paths)
    s, a, b, t = np.indices((4, 3, 3, 3))
    twice = np.zeros(len(TETRADS), dtype=np.int64)
    np.add.at(twice, of_code[(s | (a + 1) << 2 | (b + 1) << 4 | (t + 1) << 6)[paws != 0]], paws[paws != 0])
    totals += twice // 2
    s, x, y = np.indices((4, 9, 9))
    two_wedges = (x // 3 + 1) << 2 | (x % 3 + 1) << 4 | (y // 3 + 1) << 6 | (y % 3 + 1) << 8
    add(s | two_wedges, diamonds)
    add(two_wedges[0], cycles)
    add(np.arange(4096), cliques)
    return totals

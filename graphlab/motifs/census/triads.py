"""Exact triad census: closed triads counted in degree order, open ones in closed form.

Classes are named by mutual, asymmetric and null dyads (Davis & Leinhardt 1972), as networkx and igraph do.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.codes import TRIAD_LABELS, edges_of, man_label
from graphlab.motifs.census.larger import Room, closed_and_sums
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Counts = npt.NDArray[np.int64]
TRIADS = TRIAD_LABELS
MOST_NEURONS = 3_810_778
"""One more, and the triads pass 2^63."""


def triad_counts(
    snapshot: Snapshot, workers: Workers = 1, progress: Progress | None = None, room: Room | None = None
) -> Counts:
    """Induced counts of the 16 triad classes.

    Args:
        workers: threads; the counts are the same for any number.
        progress: told (done, total) shares.
        room: what may be taken; a graph that does not fit is counted from a file (see ``larger``).

    Returns:
        int64 [16] in the order of ``TRIADS``; they add up to n (n-1) (n-2) / 6.

    Raises:
        AnalysisError: more neurons than 64-bit counts allow.
    """
    if room is not None and not room.holds(snapshot.m):
        _refuse_too_many(snapshot.n)
        closed, sums = closed_and_sums(snapshot, room, workers, progress)
        return _with_open(closed, [int(value) for value in sums], snapshot.n)
    arrays = (snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    return triad_counts_csr(*arrays, workers=workers, progress=progress)


def triad_counts_csr(
    out_start: Any,
    out_target: Any,
    in_start: Any,
    in_source: Any,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Counts:
    """``triad_counts`` of CSR arrays, rows ascending, no autapses; cheap to call thousands of times."""
    from graphlab.motifs.kernels import triads as kernels

    n = len(out_start) - 1
    _refuse_too_many(n)
    runner = runner_of(workers)
    # One thread without a listener needs no shares: null samples call this thousands of times.
    alone = workers == 1 and progress is None
    size = (np.diff(out_start) + np.diff(in_start)).astype(np.int32)
    pairs = len(out_target) + len(in_source)
    begin, split, rest = np.empty(n + 1, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    begin[n] = pairs
    rows = (size, begin, split, rest, np.empty(pairs, np.uint32))
    build = partial(kernels.split_rows, out_start, out_target, in_start, in_source, *rows)
    sums = np.zeros(9, np.int64)
    together = runner.shares_memory and not alone
    for part in over_shares(build, shares(size) if together else [(0, n)], runner if together else 1, in_place=True):
        sums += part
    # Neurons by how many rows are looked at for each: that takes the time.
    parts = [(0, n)] if alone else shares(begin[1:] - rest)
    closed = np.zeros(64, np.int64)
    for part in over_shares(partial(_triangles, *rows[1:]), parts, runner, progress):
        closed += part
    return _with_open(closed, [int(value) for value in sums], n)


def _refuse_too_many(n: int) -> None:
    if n > MOST_NEURONS:
        raise AnalysisError(f"triads of {n:,} neurons would not fit 64-bit counts; {MOST_NEURONS:,} would")


def _triangles(begin: Any, split: Any, rest: Any, packed: Any, low: int, high: int) -> Counts:
    from graphlab.motifs.kernels.triads import triangles

    return np.asarray(triangles(begin, split, rest, packed, low, high))


def _with_open(closed: Counts, sums: list[int], n: int) -> Counts:
    """All 16 classes from closed triads by code and wedge totals.

    Every wedge of a class is closed or open, so open = all - those inside closed triads; a dyad's third neurons
    are neighbours of neither end, of one, or of both.
    """
    wedge_of, class_of, one_way_of, mutual_of = _inside_closed()
    counts = [0] * 16
    for code in range(64):
        if class_of[code] >= 0:
            counts[class_of[code]] += int(closed[code])
    wedges = [total - int(np.dot(closed, wedge_of[:, i])) for i, total in enumerate(sums[:6])]
    for label, open_wedges in zip(("021D", "021U", "201", "021C", "111U", "111D"), wedges, strict=True):
        counts[TRIADS.index(label)] += open_wedges
    one_way, mutual = sums[6], sums[7] // 2
    # Ends of one-way dyads see sums[8] further neighbours; all wedges see every dyad pair from both its dyads.
    beside_one_way = sums[8]
    beside_all = 2 * sum(sums[:6])
    beside_mutual = beside_all - beside_one_way
    counts[1] = one_way * (n - 2) - beside_one_way + int(np.dot(closed, one_way_of))
    counts[2] = mutual * (n - 2) - beside_mutual + int(np.dot(closed, mutual_of))
    counts[0] = n * (n - 1) * (n - 2) // 6 - sum(counts[1:])
    return np.array(counts, dtype=np.int64)


@cache
def _inside_closed() -> tuple[Counts, Counts, Counts, Counts]:
    """For each code of a closed triad: wedges by kind, class (-1: not closed), one-way, mutual dyads."""
    kinds = {(1, 1): 0, (2, 2): 1, (3, 3): 2, (1, 2): 3, (1, 3): 4, (2, 3): 5}
    wedges = np.zeros((64, 6), np.int64)
    classes = np.full(64, -1, np.int64)
    one_way, mutual = np.zeros(64, np.int64), np.zeros(64, np.int64)
    for code in range(64):
        states = [(code >> shift) & 3 for shift in (0, 2, 4)]
        if 0 in states:
            continue
        classes[code] = TRIADS.index(man_label(code))
        one_way[code] = sum(state != 3 for state in states)
        mutual[code] = states.count(3)
        edges = set(edges_of(code, 3))
        for centre in range(3):
            others = [x for x in range(3) if x != centre]
            seen = tuple(sorted(((centre, x) in edges) + 2 * ((x, centre) in edges) for x in others))
            wedges[code, kinds[seen[0], seen[1]]] += 1
    return wedges, classes, one_way, mutual

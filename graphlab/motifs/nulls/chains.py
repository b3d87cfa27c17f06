"""From a snapshot to the state of a swap chain, and back to a snapshot.

One-way edges come first, grouped by source; where reciprocity is kept, the two halves of every mutual dyad
follow as a part of their own. Each half-edge keeps its weight, so a weight stays with its presynaptic
neuron when the target changes.

Tests: tests/graphlab/motifs/kernels/test_swaps.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from graphlab.motifs.kernels.pair_classes import BLOCK, PairClasses
from graphlab.motifs.kernels.pair_set import empty_table, insert, shift_of
from graphlab.motifs.kernels.swaps import Chain, Groups, pair_key
from queries.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Prepared:
    """A chain at the observed graph, with what stays the same while it runs."""

    snapshot: Snapshot
    chain: Chain
    weight: npt.NDArray[np.float64]
    """[half-edges] weights in the order of the chain."""
    classes: PairClasses


def prepare_chain(snapshot: Snapshot, classes: PairClasses, reciprocal: bool) -> Prepared:
    """The chain of a snapshot, standing at the observed graph."""
    n = snapshot.n
    source, target = snapshot.sources(), snapshot.out_target
    mutual = np.zeros(snapshot.m, dtype=np.bool_)
    back = np.full(snapshot.m, -1, dtype=np.int64)
    if reciprocal and snapshot.m:
        back = snapshot.edges_of(target, source)
        mutual = back >= 0
    order = np.concatenate([np.flatnonzero(~mutual), np.flatnonzero(mutual)])
    half_of_edge = np.empty(snapshot.m, dtype=np.int64)
    half_of_edge[order] = np.arange(snapshot.m)
    partner = np.where(back[order] >= 0, half_of_edge[back[order]], -1).astype(np.int32)
    ends = np.column_stack([source[order], target[order]]).astype(np.int32)
    one = int(snapshot.m - mutual.sum())
    one_start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends[:one, 0], minlength=n), out=one_start[1:])
    groups = _groups(ends, one, classes) if classes.kind == BLOCK else _no_groups()
    chain = Chain(n, reciprocal, one_start, ends, partner, empty_table(max(snapshot.m, 1)), groups)
    fill_table(chain)
    return Prepared(snapshot, chain, snapshot.weight[order], classes)


def _no_groups() -> Groups:
    none = np.zeros(1, dtype=np.int32)
    return Groups(0, none, np.zeros(1, dtype=np.int64), none, np.zeros((2, 1), dtype=np.int64), none)


def _groups(ends: npt.NDArray[np.int32], one: int, classes: PairClasses) -> Groups:
    """Half-edges sorted by block of source and of target."""

    def starts(block: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        start = np.zeros(classes.labels + 1, dtype=np.int64)
        np.cumsum(np.bincount(block, minlength=classes.labels), out=start[1:])
        return start

    source_block, target_block = classes.label[ends[:, 0]], classes.label[ends[:, 1]]
    by_source = np.argsort(source_block[:one], kind="stable").astype(np.int32)
    by_target = np.concatenate(
        [
            np.argsort(target_block[:one], kind="stable"),
            one + np.argsort(target_block[one:], kind="stable"),
        ]
    ).astype(np.int32)
    place = np.empty(len(ends), dtype=np.int32)
    place[by_target] = np.arange(len(ends), dtype=np.int32)
    target_start = np.stack([starts(target_block[:one]), one + starts(target_block[one:])])
    return Groups(classes.labels, by_source, starts(source_block[:one]), by_target, target_start, place)


@njit(cache=True, nogil=True)
def fill_table(chain):  # type: ignore[no-untyped-def]
    """Enter every taken pair of the chain into its (empty) table."""
    shift = shift_of(chain.table)
    for half in range(len(chain.ends)):
        if chain.partner[half] < half:
            insert(chain.table, shift, pair_key(chain, chain.ends[half, 0], chain.ends[half, 1]))


@njit(cache=True, nogil=True)
def _rows_both_ways(n, ends):  # type: ignore[no-untyped-def]
    """Both sorted adjacencies by two passes of counting sort; half-edges may come in any order.

    Returns:
        out_start, out_target, out_half, in_start, in_source, in_edge (out_half: which half-edge each edge is).
    """
    m = len(ends)
    out_start = np.zeros(n + 1, dtype=np.int64)
    in_start = np.zeros(n + 1, dtype=np.int64)
    for half in range(m):
        out_start[ends[half, 0] + 1] += 1
        in_start[ends[half, 1] + 1] += 1
    for node in range(n):
        out_start[node + 1] += out_start[node]
        in_start[node + 1] += in_start[node]
    at = in_start[:-1].copy()
    by_target = np.empty(m, dtype=np.int32)
    for half in range(m):
        target = ends[half, 1]
        by_target[at[target]] = half
        at[target] += 1
    at = out_start[:-1].copy()
    out_target = np.empty(m, dtype=np.int32)
    out_half = np.empty(m, dtype=np.int32)
    for k in range(m):
        half = by_target[k]
        edge = at[ends[half, 0]]
        at[ends[half, 0]] += 1
        out_target[edge] = ends[half, 1]
        out_half[edge] = half
    at = in_start[:-1].copy()
    in_source = np.empty(m, dtype=np.int32)
    in_edge = np.empty(m, dtype=np.int32)
    for source in range(n):
        for edge in range(out_start[source], out_start[source + 1]):
            k = at[out_target[edge]]
            at[out_target[edge]] += 1
            in_source[k] = source
            in_edge[k] = edge
    return out_start, out_target, out_half, in_start, in_source, in_edge


def snapshot_of(like: Snapshot, ends: npt.NDArray[np.int32], weight: npt.NDArray[np.float64], null: str) -> Snapshot:
    """The snapshot of edges ``ends`` [m, 2] with ``weight`` [m] among the neurons of ``like``."""
    out_start, out_target, out_half, in_start, in_source, in_edge = _rows_both_ways(like.n, ends)
    return Snapshot(
        root_ids=like.root_ids,
        out_start=out_start,
        out_target=out_target,
        weight=weight[out_half],
        in_start=in_start,
        in_source=in_source,
        in_edge=in_edge,
        meta={"dataset": like.meta.get("dataset"), "null": null, "autapses": 0},
    )

"""Censuses side by side with igraph on made graphs of a fly brain's size, reciprocity and clustering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import igraph
import numpy as np
import pytest
from numba import njit

from graphlab.motifs.census.classes import classes, igraph_isoclasses
from graphlab.motifs.census.dyads import reciprocity
from graphlab.motifs.census.orbits import orbits
from graphlab.motifs.census.signed import signed_triads
from graphlab.motifs.census.tetrads import tetrad_counts
from graphlab.motifs.census.triads import TRIADS, triad_counts
from graphlab.motifs.census.weights import motif_weights
from queries.snapshot import Snapshot

CLOSED = ("030T", "030C", "120D", "120U", "120C", "210", "300")
WEDGES = ("021D", "021U", "021C", "111D", "111U", "201")


@njit(nogil=True)
def total_of(words, _):  # type: ignore[no-untyped-def]
    total = 0
    for word in words:
        total += word
    return total


@njit(nogil=True)
def total_at(places, table):  # type: ignore[no-untyped-def]
    total = 0
    for place in places:
        total += table[place]
    return total


def first_written(words: Any, _: Any) -> int:
    return int(np.full_like(words, 1)[-1])


def in_threads(kernel: Any, rows: Any, table: Any, threads: int) -> list[int]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(kernel, np.array_split(rows, threads), [table] * threads))


@pytest.fixture(scope="module")
def whole(brain: Any) -> Snapshot:
    """As many connections as with every single synapse counted."""
    return brain(connections=15_000_000, dense_blocks=True).snapshot()


@pytest.fixture(scope="module")
def fly(brain: Any) -> Snapshot:
    return brain(dense_blocks=True).snapshot()


def peer_of(graph: Snapshot) -> igraph.Graph:
    return igraph.Graph(n=graph.n, edges=np.column_stack([graph.sources(), graph.out_target]), directed=True)


def about(graph: Snapshot) -> str:
    found = dict(zip(TRIADS, triad_counts(graph).tolist(), strict=True))
    closed, opened = sum(found[name] for name in CLOSED), sum(found[name] for name in WEDGES)
    degree = np.diff(graph.out_start) + np.diff(graph.in_start)
    return (
        f"{graph.n:,} neurons, {graph.m:,} connections, largest degree {degree.max():,}, reciprocity "
        f"{reciprocity(graph):.3f}, {closed:,} closed triads, transitivity {3 * closed / (3 * closed + opened):.3f}"
    )


def test_triads_of_a_thresholded_fly_brain(fly: Snapshot, side_by_side: Any) -> None:
    """One thread each from the same arrays; igraph's graph is built beforehand, our typed rows are part of the time."""
    peer = peer_of(fly)
    measured = side_by_side(
        "triad census, 139k / 2.7M",
        {
            "graphlab, 1 thread": lambda: triad_counts(fly),
            "graphlab, 2 threads": lambda: triad_counts(fly, workers=2),
            "igraph triad_census": peer.triad_census,
        },
        rounds_of={"igraph triad_census": 1},
        work=fly.m,
        unit="connections",
    )
    ours, theirs = measured["graphlab, 1 thread"], measured["igraph triad_census"]
    assert ours.result.tolist() == [int(getattr(theirs.result, f"t{name}")) for name in TRIADS]
    assert ours.result.tobytes() == measured["graphlab, 2 threads"].result.tobytes()
    side_by_side.note(about(fly))


def test_triads_of_an_unthresholded_fly_brain(whole: Snapshot, side_by_side: Any) -> None:
    """And what this machine's memory allows: every wedge reads four bytes in a row and a byte somewhere in a table."""
    measured = side_by_side(
        "triad census, 139k / 15M",
        {
            "graphlab, 2 threads": lambda: triad_counts(whole, workers=2),
            "graphlab, 1 thread": lambda: triad_counts(whole),
        },
        rounds=3,
        work=whole.m,
        unit="connections",
    )
    two, one = measured["graphlab, 2 threads"], measured["graphlab, 1 thread"]
    assert one.result.tobytes() == two.result.tobytes()
    assert sum(one.result.tolist()) == whole.n * (whole.n - 1) * (whole.n - 2) // 6
    side_by_side.note(about(whole))
    rng = np.random.default_rng(5)
    words, places = np.ones(2**26, np.int64), rng.integers(0, whole.n, 2**26, dtype=np.uint32)
    marks, far = np.ones(whole.n, np.uint8), rng.integers(0, 2**26, 2**22, dtype=np.uint32)
    limits = side_by_side(
        "memory",
        {
            f"{name}, {threads} thread{'s' * (threads > 1)}": partial(in_threads, kernel, rows, table, threads)
            for name, kernel, rows, table in (
                ("read in order, 512 MB", total_of, words, marks),
                ("bytes of a table of n, 64 Mi", total_at, places, marks),
                ("words anywhere in 512 MB, 4 Mi", total_at, far, words),
                ("first writing of 512 MB", first_written, words, marks),
            )
            for threads in (1, 2)
        },
        rounds=3,
    )
    wedges = wedges_of(whole)
    for threads, ours in ((1, one), (2, two)):
        read, near, away, written = (m.median for name, m in limits.items() if f", {threads} thread" in name)
        looked_at, most, streamed = wedges / ours.median, len(places) / near, words.nbytes / read
        side_by_side.note(
            f"{threads} thread(s): reads {streamed / 1e9:.1f} GB/s, first writes {words.nbytes / written / 1e9:.1f} "
            f"GB/s; gathers {most / 1e6:,.0f} M/s from {whole.n:,} bytes, "
            f"{len(far) / away / 1e6:,.0f} M/s from 512 MB; "
            f"{wedges:,} wedges in {ours.median:.2f} s, all else included, are {looked_at / most:.0%} of those gathers "
            f"and {4 * looked_at / streamed:.0%} of that reading"
        )


def test_tetrads_of_an_unthresholded_fly_brain(whole: Snapshot, side_by_side: Any) -> None:
    measured = side_by_side(
        "tetrad census, 139k / 15M",
        {"graphlab, 2 threads": lambda: tetrad_counts(whole, workers=2)},
        rounds_of={"graphlab, 2 threads": 1},
        rounds=1,
    )
    ours = measured["graphlab, 2 threads"]
    side_by_side.note(f"{int(ours.result.sum()):,} connected tetrads of 15 M connections")


def wedges_of(graph: Snapshot) -> int:
    """How many pairs of later partners the census looks at."""
    degree = np.diff(graph.out_start) + np.diff(graph.in_start)
    source, target = graph.sources().astype(np.int64), graph.out_target
    key = np.sort(np.minimum(source, target) * graph.n + np.maximum(source, target))
    low, high = np.divmod(key[np.concatenate([[True], key[1:] != key[:-1]])], graph.n)
    first = np.where((degree[low] < degree[high]) | ((degree[low] == degree[high]) & (low < high)), low, high)
    later = np.bincount(first, minlength=graph.n).astype(np.int64)
    return int((later * (later - 1) // 2).sum())


def test_tetrads_of_a_thresholded_fly_brain(fly: Snapshot, side_by_side: Any) -> None:
    """All 199 classes; igraph would need hours, so it is measured on a small graph of the same kind below."""
    measured = side_by_side(
        "tetrad census, 139k / 2.7M",
        {
            "graphlab, 2 threads": lambda: tetrad_counts(fly, workers=2),
            "graphlab, 1 thread": lambda: tetrad_counts(fly),
        },
        rounds=3,
    )
    two, one = measured["graphlab, 2 threads"], measured["graphlab, 1 thread"]
    assert one.result.tobytes() == two.result.tobytes()
    total = int(one.result.sum())
    side_by_side.note(f"{total:,} connected tetrads: {total / two.median:.3g} a second on 2 threads")


def test_tetrads_where_igraph_ends(brain: Any, side_by_side: Any) -> None:
    small = brain(4_000, 24_000, dense_blocks=True).snapshot()
    peer = peer_of(small)
    measured = side_by_side(
        "tetrad census, 4k / 24k",
        {
            "graphlab, 1 thread": lambda: tetrad_counts(small),
            "igraph motifs_randesu(4)": lambda: peer.motifs_randesu(4),
        },
        rounds_of={"igraph motifs_randesu(4)": 1},
    )
    ours, theirs = measured["graphlab, 1 thread"], measured["igraph motifs_randesu(4)"]
    assert ours.result.tolist() == [int(theirs.result[number]) for number in igraph_isoclasses(4)]
    total = int(ours.result.sum())
    side_by_side.note(
        f"{total:,} tetrads, all {len(classes(4))} classes equal: igraph {total / theirs.median:.3g} a second"
    )


def test_orbits_weights_and_signs_of_a_fly_brain(fly: Snapshot, side_by_side: Any) -> None:
    rng = np.random.default_rng(1)
    weighted = Snapshot.from_edges(fly.root_ids, fly.sources(), fly.out_target, rng.geometric(0.1, fly.m) + 4.0)
    sign = [[1, -1, None][k] for k in rng.choice(3, fly.n, p=[0.6, 0.3, 0.1])]
    measured = side_by_side(
        "139k / 2.7M, 2 threads",
        {
            "30 triad orbits of every neuron": lambda: orbits(fly, 3, workers=2),
            "697 tetrad orbits of every neuron": lambda: orbits(fly, 4, workers=2),
            "triads: intensity, coherence, edges": lambda: motif_weights(weighted, 3, ["raw"], workers=2),
            "signed triads": lambda: signed_triads(fly, sign, workers=2),
        },
        rounds=1,
    )
    three, four, weights, signs = (m.result for m in measured.values())
    counted = dict(zip(TRIADS, triad_counts(fly).tolist(), strict=True))
    connected = {name: counted[name] for name in (*CLOSED, *WEDGES)}
    assert three.class_counts() == connected
    assert list(four.class_counts().values()) == tetrad_counts(fly, workers=2).tolist()
    assert dict(zip(weights["motif"].to_pylist(), weights["count"].to_pylist(), strict=True)) == connected
    assert signs.to_pandas().groupby("motif")["count"].sum().to_dict() == connected

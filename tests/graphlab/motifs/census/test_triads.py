"""Triad census against networkx, igraph and the worm's published counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import comb
from pathlib import Path

import igraph
import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from scipy.io import loadmat

from graphlab.motifs.census.dyads import dyad_counts, reciprocity
from graphlab.motifs.census.triads import TRIADS, triad_counts, triad_counts_csr
from queries.snapshot import Snapshot

Made = Callable[[int, float, float, int], Snapshot]

VARSHNEY = {
    "021D": 7118, "021U": 8478, "021C": 12279, "111D": 3134, "111U": 3200, "030T": 1453, "030C": 65,
    "201": 359, "120D": 385, "120U": 552, "120C": 180, "210": 175, "300": 48,
}  # fmt: skip


def by_networkx(graph: Snapshot) -> list[int]:
    other = networkx.DiGraph()
    other.add_nodes_from(range(graph.n))
    other.add_edges_from(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True))
    found = networkx.triadic_census(other)
    return [found[name] for name in TRIADS]


def by_igraph(graph: Snapshot) -> list[int]:
    edges = list(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True))
    found = igraph.Graph(graph.n, edges, directed=True).triad_census()
    return [int(getattr(found, f"t{name}")) for name in TRIADS]


def test_varshney_published_counts_from_the_workbook(real_data: Path) -> None:
    sheet = CalamineWorkbook.from_path(real_data / "celegans_varshney2011" / "NeuronConnect.xls").get_sheet_by_index(0)
    weight: dict[tuple[str, str], float] = defaultdict(float)
    for pre, post, kind, number in sheet.to_python()[1:]:
        if kind in ("S", "Sp"):
            weight[pre, post] += number
    names = sorted({name for pair in weight for name in pair})
    # Neurons that only receive are here too: all 279; 3 have no connection but autapses.
    place = {name: k for k, name in enumerate(names)}
    ids = np.arange(1, len(names) + 1, dtype=np.uint64)
    worm = Snapshot.from_edges(ids, [place[a] for a, _ in weight], [place[b] for _, b in weight], list(weight.values()))
    assert (worm.n, worm.m, worm.weight.sum()) == (279, 2194, 6394)
    assert round(reciprocity(worm), 4) == 0.2124
    found = dict(zip(TRIADS, triad_counts(worm).tolist(), strict=True))
    assert {name: found[name] for name in VARSHNEY} == VARSHNEY
    assert triad_counts(worm).tolist() == by_networkx(worm) == by_igraph(worm)


def test_varshney_authors_matrix_gives_the_same(real_data: Path) -> None:
    matrix = loadmat(real_data / "celegans_varshney2011" / "ConnOrdered_040903.mat")["A_init_t_ordered"].tocoo()
    worm = Snapshot.from_edges(np.arange(1, 280, dtype=np.uint64), matrix.row, matrix.col, matrix.data)
    found = dict(zip(TRIADS, triad_counts(worm).tolist(), strict=True))
    assert {name: found[name] for name in VARSHNEY} == VARSHNEY


@settings(deadline=None)
@given(
    n=st.integers(0, 14),
    density=st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9, 1.0]),
    mutual=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_equals_networkx_and_igraph(random_graph: Made, n: int, density: float, mutual: float, seed: int) -> None:
    one = random_graph(n, density, mutual, seed)
    expected = by_networkx(one)
    assert triad_counts(one).tolist() == expected
    if n >= 3:
        assert expected == by_igraph(one)


def test_hubs_and_several_threads_change_nothing() -> None:
    rng = np.random.default_rng(3)
    pull = rng.pareto(1.2, 800) + 0.01
    pairs = np.unique(rng.choice(800, (12_000, 2), p=pull / pull.sum()), axis=0)
    one = Snapshot.from_edges(np.arange(1, 801, dtype=np.uint64), pairs[:, 0], pairs[:, 1])
    found = triad_counts(one)
    assert found.tolist() == by_igraph(one)
    assert found.sum() == comb(800, 3)
    for workers in (2, 5):
        assert triad_counts(one, workers=workers).tolist() == found.tolist()


def test_arrays_of_any_integer_width_do(random_graph: Made) -> None:
    one = random_graph(20, 0.3, 0.3, 5)
    arrays = (one.out_start, one.out_target, one.in_start, one.in_source)
    assert triad_counts_csr(*[a.astype(np.int64) for a in arrays]).tolist() == triad_counts(one).tolist()
    assert triad_counts_csr(*[a.astype(np.int32) for a in arrays]).tolist() == triad_counts(one).tolist()


def test_counts_far_past_32_bits_stay_exact() -> None:
    """One hub to 200,000 others: C(200000, 2) wedges of one class, all others from the total."""
    n = 200_001
    star = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), np.zeros(n - 1, np.int64), np.arange(1, n))
    found = dict(zip(TRIADS, triad_counts(star).tolist(), strict=True))
    assert found["021D"] == comb(n - 1, 2)
    assert found["003"] == comb(n - 1, 3)
    assert found["012"] == 0
    assert dyad_counts(star).tolist() == [comb(n - 1, 2), n - 1, 0]


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("021D", [(1, 0), (1, 2)]),
        ("021U", [(0, 1), (2, 1)]),
        ("021C", [(0, 1), (1, 2)]),
        ("111D", [(0, 1), (1, 0), (2, 1)]),
        ("111U", [(0, 1), (1, 0), (1, 2)]),
        ("030T", [(0, 1), (1, 2), (0, 2)]),
        ("030C", [(0, 1), (1, 2), (2, 0)]),
        ("120D", [(1, 0), (1, 2), (0, 2), (2, 0)]),
        ("120U", [(0, 1), (2, 1), (0, 2), (2, 0)]),
        ("120C", [(0, 1), (1, 2), (0, 2), (2, 0)]),
    ],
)
def test_labels_mean_what_networkx_means(name: str, edges: list[tuple[int, int]]) -> None:
    pairs = np.array(edges)
    one = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), pairs[:, 0], pairs[:, 1])
    assert networkx.triadic_census(networkx.DiGraph(edges))[name] == 1
    assert TRIADS[int(triad_counts(one).argmax())] == name


def test_rows_longer_than_the_counters_of_a_word() -> None:
    """300 neurons that all connect, one way or both: rows past 127 partners, and every one of the pair states."""
    rng = np.random.default_rng(8)
    low, high = np.triu_indices(300, 1)
    state = rng.choice([1, 2, 3], len(low), p=[0.1, 0.1, 0.8])
    pre = np.concatenate([low[state != 2], high[state != 1]])
    post = np.concatenate([high[state != 2], low[state != 1]])
    one = Snapshot.from_edges(np.arange(1, 301, dtype=np.uint64), pre, post)
    found = triad_counts(one)
    assert found.tolist() == by_igraph(one)
    assert triad_counts(one, workers=2).tobytes() == found.tobytes()


def test_counters_are_poured_out_before_they_are_full() -> None:
    """More rows for one neuron than its counters take: 16,100 that each connect to the same two."""
    n = 16_102
    many = np.arange(n - 2)
    pre = np.concatenate([np.repeat(many, 2), [n - 2]])
    post = np.concatenate([np.tile([n - 2, n - 1], n - 2), [n - 1]])
    found = dict(zip(TRIADS, triad_counts(Snapshot.from_edges(np.arange(n, dtype=np.uint64), pre, post)), strict=True))
    assert found["030T"] == n - 2
    assert found["021U"] == 2 * comb(n - 2, 2)

"""Signal flow against the dense pseudo-inverse, and the larva's published column."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.flow.signal_flow import components, signal_flow
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def random_graph(n: int, density: float, seed: int, high: int = 9) -> Snapshot:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, high, len(pre)))


def by_pseudo_inverse(graph: Snapshot) -> np.ndarray:
    a = np.zeros((graph.n, graph.n))
    a[graph.sources(), graph.out_target] = graph.weight
    w = (a + a.T) / 2
    laplacian = np.diag(w.sum(axis=1)) - w
    return np.linalg.pinv(laplacian) @ (w * np.sign(a - a.T)).sum(axis=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 25), st.floats(0.02, 0.5), st.integers(0, 10_000))
def test_every_component_has_the_levels_of_the_pseudo_inverse(n: int, density: float, seed: int) -> None:
    graph = random_graph(n, density, seed)
    found = signal_flow(graph)
    alone = found.sizes[found.component] == 1
    assert np.array_equal(np.isnan(found.flow), alone)
    assert np.allclose(found.flow[~alone], by_pseudo_inverse(graph)[~alone], atol=1e-9)


def test_a_chain_descends_by_one_level() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    found = signal_flow(Snapshot.from_edges(ids, [0, 1, 2], [1, 2, 3], [5.0, 1.0, 3.0]))
    assert np.allclose(found.flow, [1.5, 0.5, -0.5, -1.5])


def test_components_are_numbered_by_size_then_by_id() -> None:
    ids = np.arange(1, 9, dtype=np.uint64)
    component, sizes = components(Snapshot.from_edges(ids, [0, 2, 4, 5], [1, 3, 5, 6]))
    assert component.tolist() == [1, 1, 2, 2, 0, 0, 0, 3]
    assert sizes.tolist() == [3, 2, 2, 1]


def test_weights_that_vanish_beside_others_are_refused() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    with pytest.raises(AnalysisError, match=r"weights go from 1e-06 to 1000.*take a min_weight"):
        signal_flow(Snapshot.from_edges(ids, [0, 1, 2], [1, 2, 3], [1e3, 1e-6, 1e3]))
    found = signal_flow(Snapshot.from_edges(ids, [0, 1, 2], [1, 2, 3], [1e3, 1e-4, 1e3]))
    assert np.allclose(found.flow, [1.5, 0.5, -0.5, -1.5], atol=1e-6)


def test_the_larva_has_its_published_levels(real_data: Path) -> None:
    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["selected_lcc"] == "True"]
    published = {int(row[""]): float(row["sum_signal_flow"]) for row in rows}
    ids = np.array(sorted(published), dtype=np.uint64)
    edges = np.loadtxt(folder / "G_edgelist.txt")
    edges = edges[np.isin(edges[:, :2].astype(np.uint64), ids).all(axis=1)]
    pre, post = np.searchsorted(ids, edges[:, :2].astype(np.uint64)).T
    found = signal_flow(Snapshot.from_edges(ids, pre, post, edges[:, 2]))
    assert len(ids) == 2952
    assert np.abs(found.flow - [published[int(one)] for one in ids]).max() < 1e-8

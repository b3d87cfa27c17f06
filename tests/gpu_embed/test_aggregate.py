"""Means along the cable against walks in networkx."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.aggregate import WHOLE, mixtures, represented_nm, within_path
from ingest.schema.errors import SchemaError
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.swc import read_swc


def graph_of(skeleton: Skeleton) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(skeleton)))
    for node, parent in enumerate(skeleton.parents.tolist()):
        if parent >= 0:
            graph.add_edge(node, parent, weight=float(np.linalg.norm(np.subtract(*skeleton.points_nm[[node, parent]]))))
    return graph


def slow_cable(skeleton: Skeleton, at: list[int]) -> list[float]:
    graph = graph_of(skeleton)
    reach = [nx.single_source_dijkstra_path_length(graph, node) for node in at]
    cable = [0.0] * len(at)
    for node in graph:
        near = [(r[node], skeleton.node_ids[at[i]], i) for i, r in enumerate(reach) if node in r]
        if near:
            cable[min(near)[2]] += sum(data["weight"] for *_, data in graph.edges(node, data=True)) / 2
    return cable


@given(st.integers(1, 30), st.integers(0, 2**32), st.floats(1, 5000), st.booleans())
@settings(deadline=None, max_examples=60)
def test_means_within_a_path_length(n: int, seed: int, radius: float, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    parents = np.array([rng.integers(-1 if i % 9 == 0 else 0, max(i, 1)) if i else -1 for i in range(n)])
    skeleton = Skeleton(5, rng.permutation(n).astype(np.uint64) + 2**63, rng.normal(size=(n, 3)) * 700, parents)
    at = np.arange(n) if whole else np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))
    rng.shuffle(at)
    vectors = rng.normal(size=(at.size, 4))
    found = within_path(skeleton, skeleton.node_ids[at], vectors, radius)
    weight = np.array(slow_cable(skeleton, at.tolist()))
    assert represented_nm(skeleton, skeleton.node_ids[at]) == pytest.approx(weight)
    if whole:
        assert weight == pytest.approx(skeleton.cable_nm[at])
    graph = graph_of(skeleton)
    for row, node in enumerate(at.tolist()):
        reach = nx.single_source_dijkstra_path_length(graph, node)
        near = [i for i, other in enumerate(at.tolist()) if reach.get(other, np.inf) <= radius]
        share = weight[near] if weight[near].sum() > 0 else np.ones(len(near))
        mean = np.average(vectors[near], axis=0, weights=share)
        assert found.vectors[row] == pytest.approx(mean, abs=1e-5)
        assert found.count[row] == len(near)
        assert found.cable_nm[row] == pytest.approx(weight[near].sum())
        spread = np.average(((vectors[near] - mean) ** 2).sum(axis=1), weights=share)
        assert found.dispersion[row] == pytest.approx(np.sqrt(spread), abs=1e-7)
    assert found.to_arrow().schema.names[5:] == ["vector", "count", "cable_nm", "dispersion"]


def test_path_length_is_not_distance_through_the_air() -> None:
    """A hairpin: the ends are neighbours in space and far along the cable."""
    points = np.array([[0, 0, 0], [1000, 0, 0], [1000, 10, 0], [0, 10, 0]], dtype=float)
    skeleton = Skeleton(1, np.arange(4, dtype=np.uint64), points, np.array([-1, 0, 1, 2]))
    found = within_path(skeleton, [0, 3], [[1.0], [3.0]], 2009)
    assert found.vectors.ravel().tolist() == [1, 3]
    assert found.dispersion.tolist() == [0, 0]
    assert within_path(skeleton, [0, 3], [[1.0], [3.0]], 2010).vectors.ravel().tolist() == [2, 2]
    assert represented_nm(skeleton, [0, 3]).tolist() == [1005, 1005]


def test_mixtures_of_compartments() -> None:
    points = np.array([[0, 0, 0], [100, 0, 0], [400, 0, 0], [0, 50, 0]], dtype=float)
    skeleton = Skeleton(8, np.arange(4, dtype=np.uint64), points, np.array([-1, 0, 1, 0]), np.array([1, 2, 2, 3]))
    vectors = np.array([[0.0], [1], [3], [10]])
    found = mixtures(skeleton, np.arange(4), vectors).to_pydict()
    assert found["compartment"] == [WHOLE, "soma", "axon", "dendrite"]
    cable = skeleton.cable_nm
    assert cable.tolist() == [75, 200, 150, 25]
    assert found["mixture"][0] == pytest.approx([(200 + 450 + 250) / 450])
    assert found["mixture"][2] == pytest.approx([650 / 350])
    assert found["count"] == [4, 1, 2, 1]
    assert found["cable_nm"] == [450, 75, 350, 25]


def test_bad_input() -> None:
    skeleton = Skeleton(1, np.arange(2, dtype=np.uint64), np.zeros((2, 3)), np.array([-1, 0]))
    for nodes, vectors, radius, message in (
        ([5], [[1.0]], 1, "has no node 5"),
        ([1, 1], [[1.0], [2.0]], 1, "is there twice"),
        ([1], [[np.nan]], 1, "not finite"),
        ([1], [1.0], 1, r"wanted \[k, width\]"),
        ([1], [[1.0]], 0, "wanted a positive path length"),
    ):
        with pytest.raises(SchemaError, match=message):
            within_path(skeleton, nodes, vectors, radius)
    # Two nodes in one place have no cable: both count alike.
    assert within_path(skeleton, [0, 1], [[1.0], [3.0]], 1).vectors.ravel().tolist() == [2, 2]


def test_hemibrain_pieces_shrink_with_the_radius(real_data: Path) -> None:
    skeleton = read_swc(real_data / "hemibrain_navis5" / "swc" / "722817260.swc", 8)
    kept = skeleton.spaced(1500)
    assert len(skeleton) > kept.size > 100
    ids, vectors = skeleton.node_ids[kept], np.eye(kept.size, 8, dtype=np.float32)
    small, large = (within_path(skeleton, ids, vectors, radius) for radius in (10_000, 25_000))
    assert (small.count <= large.count).all()
    assert (small.cable_nm <= large.cable_nm + 1e-6).all()
    assert 1 < np.median(small.count) < np.median(large.count) < kept.size
    assert represented_nm(skeleton, ids).sum() == pytest.approx(skeleton.path_length_nm)


@pytest.mark.parametrize("kinds", [[-1, 3], [-2, -1], [0, -1]])
def test_compartments_of_negative_types(kinds: list[int]) -> None:
    points = np.array([[0.0, 0, 0], [3, 4, 0]])
    skeleton = Skeleton(5, np.array([1, 2], np.uint64), points, np.array([-1, 0]), np.array(kinds))
    found = mixtures(skeleton, [1, 2], np.ones((2, 4))).to_pydict()
    named = {-1: "SWC type -1", -2: "SWC type -2", 0: "unknown", 3: "dendrite"}
    assert found["compartment"] == [WHOLE, *(named[kind] for kind in sorted(kinds))]
    assert found["node_id"] == [0, *(kind % 2**64 for kind in sorted(kinds))]

"""Pairs from skeletons: distances against networkx, bins filled alike, negatives that match, what lies outside."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("scipy")

from gpu_embed.training.pairs import sampling
from gpu_embed.training.pairs.sampling import match_negatives, sample_positives, usable_nodes
from gpu_embed.training.pairs.table import Pairs, read_pairs, write_pairs
from ingest.schema.errors import AnalysisError, ReadError, SchemaError
from ingest.skeletons.skeleton import Skeleton
from ingest.volumes.volume import Volume, open_volume


def random_tree(root_id: int, nodes: int, rng: np.random.Generator) -> Skeleton:
    """A branching cable of steps of about 100 nm, its thickness changing along it."""
    parents = np.array([-1, *(rng.integers(max(0, i - 3), i) for i in range(1, nodes))], dtype=np.int64)
    points = np.zeros((nodes, 3))
    points[0] = rng.uniform(0, 2000, 3)
    for node in range(1, nodes):
        points[node] = points[parents[node]] + rng.normal(0, 60, 3)
    return Skeleton(root_id, np.arange(nodes, dtype=np.uint64), points, parents, None, rng.uniform(40, 80, nodes))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(0, 1500))
def test_paths_are_those_of_networkx(seed: int, nodes: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    skeleton = random_tree(1, nodes, rng)
    graph = nx.Graph()
    graph.add_nodes_from(range(nodes))
    for node, parent in enumerate(skeleton.parents.tolist()):
        if parent >= 0:
            graph.add_edge(node, parent, weight=skeleton.edge_nm[node])
    start = int(rng.integers(nodes))
    reached, path = sampling.paths_from(sampling._neighbours(skeleton), start, limit)
    wanted = nx.single_source_dijkstra_path_length(graph, start)
    wanted = {node: length for node, length in wanted.items() if length < limit or node == start}
    assert dict(zip(reached.tolist(), path.tolist(), strict=True)) == pytest.approx(wanted)


def test_positives_fill_bins_alike_and_repeat() -> None:
    rng = np.random.default_rng(0)
    skeletons = [random_tree(root_id, 60, rng) for root_id in (2**63 + 5, 7, 9)]
    bounds = [0, 200, 500, 900]
    pairs = sample_positives(skeletons, 31, bounds, np.random.default_rng(1))
    again = sample_positives(skeletons, 31, bounds, np.random.default_rng(1))
    assert pairs.sha256() == again.sha256()
    assert pairs.positive.all()
    assert np.histogram(pairs.path_nm, bounds)[0].tolist() == [11, 10, 10]
    assert (pairs.apart_nm <= pairs.path_nm + 1e-9).all()
    assert (pairs.apart_nm > 0).all()
    assert set(pairs.root_ids[:, 0].tolist()) == {2**63 + 5, 7, 9}
    left = [np.arange(60) < 30 for _ in skeletons]
    half = sample_positives(skeletons, 30, bounds, np.random.default_rng(1), left)
    allowed = {tuple(point) for s in skeletons for point in s.points_nm[:30]}
    assert {tuple(point) for point in half.points_nm.reshape(-1, 3)} <= allowed


def test_negatives_match_in_distance_and_calibre() -> None:
    rng = np.random.default_rng(0)
    skeletons = [random_tree(root_id, 150, rng) for root_id in range(1, 7)]
    for skeleton in skeletons:
        skeleton.points_nm[:] -= skeleton.points_nm.mean(axis=0)
    positives = sample_positives(skeletons, 60, [50, 300, 600], np.random.default_rng(1))
    negatives, of = match_negatives(skeletons, positives, np.random.default_rng(2))
    assert not negatives.positive.any()
    assert np.isnan(negatives.path_nm).all()
    matched = positives.take(of)
    np.testing.assert_allclose(negatives.apart_nm, matched.apart_nm, rtol=sampling.NEAR + 1e-9)
    ratio = negatives.radii_nm[:, 1] / matched.radii_nm[:, 1]
    assert ratio.max() <= sampling.CALIBRE
    assert ratio.min() >= 1 / sampling.CALIBRE
    np.testing.assert_array_equal(negatives.points_nm[:, 0], matched.points_nm[:, 0])
    assert len(of) == len(positives) or f"{len(positives) - len(of)} of 60" in negatives.notes[-1]
    thin = [Skeleton(s.root_id, s.node_ids, s.points_nm, s.parents) for s in skeletons]
    unknown = sample_positives(thin, 5, [0, 300], np.random.default_rng(1))
    with pytest.raises(AnalysisError, match="calibre=None"):
        match_negatives(thin, unknown, rng)
    assert len(match_negatives(thin, unknown, rng, calibre=None)[0])
    with pytest.raises(AnalysisError, match="no positive has another neuron's place"):
        match_negatives(skeletons[:1], sample_positives(skeletons[:1], 5, [0, 300], rng), rng)


def test_what_makes_no_pairs_is_refused() -> None:
    rng = np.random.default_rng(0)
    skeleton = random_tree(1, 10, rng)
    for bounds in ([5.0], [0.0, 0.0], [3.0, 1.0], [-1.0, 2.0], [0.0, float("inf")]):
        with pytest.raises(AnalysisError, match="bounds of path distance"):
            sample_positives([skeleton], 4, bounds, rng)
    with pytest.raises(AnalysisError, match="1 pairs over 2 bins"):
        sample_positives([skeleton], 1, [0, 1, 2], rng)
    with pytest.raises(AnalysisError, match="1e\\+08 to 2e\\+08 nm of cable apart"):
        sample_positives([skeleton], 1, [1e8, 2e8], rng)
    with pytest.raises(AnalysisError, match="no skeleton has a cable"):
        sample_positives([skeleton], 1, [0, 100], rng, [np.zeros(10, dtype=bool)])
    with pytest.raises(SchemaError, match="pair 0 is of two neurons"):
        Pairs(np.array([[1, 2]], np.uint64), np.zeros((1, 2, 3)), np.zeros(1), np.zeros((1, 2)))
    with pytest.raises(SchemaError, match="not finite"):
        Pairs(np.array([[1, 1]], np.uint64), np.full((1, 2, 3), np.nan), np.zeros(1), np.zeros((1, 2)))


def test_pairs_on_disk(tmp_path: Path) -> None:
    pairs = sample_positives(
        [random_tree(2**64 - 1, 40, np.random.default_rng(0))], 9, [0, 500], np.random.default_rng(1)
    )
    write_pairs(tmp_path / "a.parquet", pairs)
    back = read_pairs(tmp_path / "a.parquet")
    assert back.sha256() == pairs.sha256()
    np.testing.assert_array_equal(back.radii_nm, pairs.radii_nm)
    (tmp_path / "b.parquet").write_bytes(b"no")
    with pytest.raises(ReadError, match="cannot be read as pairs"):
        read_pairs(tmp_path / "b.parquet")


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Volume, Volume]:
    """20^3 voxels of 10 nm: segment 1 where x < 10, segment 2 elsewhere."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["em"] = np.full((20, 20, 20), 100, np.uint8)
        ids = np.ones((20, 20, 20), np.uint64)
        ids[:, :, 10:] = 2
        file["ids"] = ids
    named = {"resolution": "10,10,10", "offset": (0, 0, 0)}
    return open_volume(f"{tmp_path}/v.h5:em", **named), open_volume(f"{tmp_path}/v.h5:ids", **named)


def line(root_id: int, start: float, stop: float, nodes: int = 8) -> Skeleton:
    """Along x."""
    points = np.full((nodes, 3), 105.0)
    points[:, 0] = np.linspace(start, stop, nodes)
    return Skeleton(root_id, np.arange(nodes, dtype=np.uint64), points, np.arange(-1, nodes - 1))


def test_nodes_outside_or_in_another_segment_are_left_out_with_a_word(volumes: tuple[Volume, Volume]) -> None:
    usable, notes = usable_nodes([line(1, 5, 75), line(2, 95, 235)], *volumes)
    assert usable[0].all()
    assert usable[1].tolist() == [False, True, True, True, True, True, False, False]
    assert notes == (
        "2 nodes outside of the volumes are left out",
        "1 nodes that are not in their own segment are left out",
    )
    with pytest.raises(SchemaError, match=r"skeleton 9: all 8 nodes lie outside of .*; its first node is at \[500"):
        usable_nodes([line(1, 5, 75), line(9, 500, 700)], *volumes)
    with pytest.raises(SchemaError, match="8 of 8 nodes are not in their own segment"):
        usable_nodes([line(2, 5, 75)], *volumes)

"""What `info` says: every count against the tables, and what one should know before asking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from graphlab.graph import Graph
from graphlab.store.database import FORMAT_VERSION


def test_counts_versions_and_notes(tmp_path: Path, synapses: Callable[..., pa.Table]) -> None:
    with Graph.create(tmp_path / "g", "fly", "4,4,40", "783") as graph:
        graph.ingest(pa.table({"root_id": pa.array([1, 2], pa.uint64())}), as_="neurons")
        pairs = [(1, 2), (1, 2), (2, 2), (1, 77)]
        graph.ingest(synapses(pairs, score=[0.9, 0.2, 0.8, 0.7]), as_="synapses", unknown="keep")
        gap = pa.table({"pre_root_id": pa.array([1], pa.uint64()), "post_root_id": pa.array([2], pa.uint64())})
        graph.ingest(gap.append_column("weight", pa.array([2.0])), as_="connections", kind="electrical")
        info = graph.set_recipe(min_score=0.5)
        assert (info.dataset, info.materialization, info.resolution) == ("fly", "783", "4,4,40")
        assert info.format_version == FORMAT_VERSION
        assert info.counts == {
            "neurons": 3,
            "neurons_in_graph": 2,
            "synapses": 4,
            "connections": 3,
            "chemical": 2,
            "electrical": 1,
            "extrasynaptic": 0,
            "autapses": 1,
            "total_weight": 2,
            "presynaptic_neurons": 2,
            "postsynaptic_neurons": 1,
            "left_out": 0,
            "connected_neurons": 2,
        }
        assert info.recipe == {"min_score": 0.5, "merge_within_nm": None, "weight_counts": "synapses"}
        said = " | ".join(info.notes)
        assert "1 autapses, in the table and out of graphs and censuses" in said
        assert "1 neurons are no graph nodes" in said


def test_an_empty_graph_says_so(graph: Graph) -> None:
    info = graph.info()
    assert set(info.counts.values()) == {0}
    assert info.embeddings == []
    assert info.notes == []


def test_autapses_and_connections_are_told_of_all_kinds(tmp_path: Path) -> None:
    pairs = pa.table(
        {
            "pre_root_id": pa.array([1, 2, 2], pa.uint64()),
            "post_root_id": pa.array([1, 1, 2], pa.uint64()),
            "weight": [1.0, 2.0, 3.0],
        }
    )
    with Graph.create(tmp_path / "g") as graph:
        first = graph.ingest(pairs, as_="connections")
        second = graph.ingest(pairs.slice(1), as_="connections", kind="electrical")
        assert "2 autapses (a neuron onto itself)" in " | ".join(first.notes)
        assert "3 autapses (a neuron onto itself)" in " | ".join(second.notes)
        assert any("2 neurons in 2 connections of all kinds" in note for note in graph.info().notes)


def test_fractional_weights_are_not_cut(tmp_path: Path) -> None:
    for number, (weights, total) in enumerate([([2.5, 0.25], 2.75), ([2.5, 0.5], 3), ([12345678.0, 0.5], 12345678.5)]):
        with Graph.create(tmp_path / str(number)) as graph:
            pairs = {"pre_root_id": pa.array([1, 2], pa.uint64()), "post_root_id": pa.array([2, 3], pa.uint64())}
            graph.ingest(pa.table({**pairs, "weight": weights}), as_="connections")
            found = graph.info().counts["total_weight"]
            assert found == total
            assert isinstance(found, int) == float(total).is_integer()

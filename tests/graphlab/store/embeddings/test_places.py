"""Embeddings joined to neurons and synapses and kept: against brute force, in SQL, across versions, again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import ParseError, SchemaError, VersionError
from ingest.schema.words import EMBEDDINGS, ID
from ingest.segclr.csv_zip import write_shards
from ingest.segclr.sharding import Convention

Rows = Callable[[str], list[tuple[Any, ...]]]
WIDTH = 64


def shards(folder: Path, owner: np.ndarray, points: np.ndarray, seed: int = 0, width: int = WIDTH) -> Path:
    """A release of one shard convention: node i of the i-th row, random vectors."""
    rng = np.random.default_rng(seed)
    columns = [pa.array(owner, ID), pa.array(np.arange(len(owner)), ID)]
    columns += [pa.array(points[:, axis].astype(np.float32)) for axis in range(3)]
    vectors = rng.normal(size=len(owner) * width).astype(np.float32)
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(vectors), width))
    write_shards(
        folder,
        [pa.RecordBatch.from_arrays(columns, names=EMBEDDINGS.names())],
        convention=Convention("test", 64, 2),
    )
    return folder


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Graph, np.ndarray, np.ndarray, pa.Table]:
    """Neurons 1..6 (6 is not embedded), 60 nodes in a cube of 1000 nm, 80 synapses, one of them without a place."""
    rng = np.random.default_rng(8)
    owner = np.sort(rng.integers(1, 6, 60)).astype(np.uint64)
    points = (rng.random((60, 3)) * 1000).astype(np.float32)
    pre, post = rng.integers(1, 7, (2, 80)).astype(np.uint64)
    places = rng.random((80, 3)) * 1000
    places[5] = np.nan
    table = pa.table(
        {
            "synapse_id": pa.array(rng.permutation(80) + 1, ID),
            "pre_root_id": pa.array(pre, ID),
            "post_root_id": pa.array(post, ID),
            **{f"{axis}_nm": pa.array(places[:, i], from_pandas=True) for i, axis in enumerate("xyz")},
        }
    )
    graph = Graph.create(tmp_path / "g", materialization="343")
    graph.ingest(table, as_="synapses")
    graph.ingest(shards(tmp_path / "e", owner, points), as_="embeddings", model="segclr", segmentation_version="343")
    return graph, owner, points.astype(np.float64), table


def wanted(owner: np.ndarray, points: np.ndarray, table: pa.Table, radius: float) -> dict[tuple[int, str], Any]:
    """(synapse, side) -> (root, node, distance), by trying every node."""
    found = {}
    for row in table.to_pylist():
        if row["x_nm"] is None:
            continue
        here = np.array([row["x_nm"], row["y_nm"], row["z_nm"]])
        for side in ("pre", "post"):
            own = np.flatnonzero(owner == row[f"{side}_root_id"])
            lengths = np.linalg.norm(points[own] - here, axis=1)
            if len(own) and lengths.min() <= radius:
                best = int(own[lengths.argmin()])
                found[row["synapse_id"], side] = (row[f"{side}_root_id"], best, pytest.approx(lengths.min()))
    return found


@pytest.mark.parametrize("radius", [100.0, 300.0, 1e5])
def test_each_synapse_gets_the_nearest_node_of_its_two_neurons(
    scene: tuple[Graph, np.ndarray, np.ndarray, pa.Table], radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, owner, points, table = scene
    monkeypatch.setattr("graphlab.store.embeddings.places.SYNAPSES_AT_A_TIME", 7)
    steps: list[tuple[int, int]] = []
    with graph:
        result = graph.embeddings.place_synapses(radius, progress=lambda done, total: steps.append((done, total)))
        kept = graph.to_arrow("synapse_embeddings").to_pylist()
        expected = wanted(owner, points, table, radius)
        assert {(r["synapse_id"], r["side"]): (r["root_id"], r["node_id"], r["distance_nm"]) for r in kept} == expected
        assert result.pre == sum(side == "pre" for _, side in expected)
        assert result.post == sum(side == "post" for _, side in expected)
        assert steps[-1] == (160, 160)
        assert {r["run_id"] for r in kept} <= {result.run_id}


def test_edge_features_meet_vectors_in_sql(scene: tuple[Graph, np.ndarray, np.ndarray, pa.Table]) -> None:
    graph, owner, points, table = scene
    with graph:
        graph.embeddings.place_synapses(300.0)
        joined = graph.query(
            """SELECT s.synapse_id, s.side, s.distance_nm, e.vector
               FROM synapse_embeddings s
               JOIN embeddings e ON e.root_id = s.embedded_root_id AND e.node_id = s.node_id
               ORDER BY s.synapse_id, s.side"""
        ).to_arrow()
        expected = wanted(owner, points, table, 300.0)
        assert joined.num_rows == len(expected)
        vectors, _ = graph.embeddings.open().lookup(np.unique(owner))
        for row in joined.to_pylist():
            node = expected[row["synapse_id"], row["side"]][1]
            assert row["vector"] == vectors[node].tolist()
        assert any("within 300 nm" in note for note in graph.info().notes)


def test_placing_again_gives_the_same_bytes(
    scene: tuple[Graph, np.ndarray, np.ndarray, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, *_ = scene
    with graph:
        run = graph.embeddings.place_synapses(300.0).run_id
        assert graph.rerun(run).equal
        monkeypatch.setattr("graphlab.store.embeddings.places.SYNAPSES_AT_A_TIME", 11)
        assert graph.rerun(run).equal
        id_map = pa.table({"root_id": pa.array([1], ID), "embedded_root_id": pa.array([2], ID)})
        graph.embeddings.join(id_map=id_map)
        assert graph.to_arrow("synapse_embeddings").num_rows == 0, "places of the old join are gone"
        with pytest.raises(VersionError, match="joined to the embeddings in another way"):
            graph.rerun(run)
        moved = graph.embeddings.place_synapses(1e5)
        roots = graph.query("SELECT DISTINCT root_id, embedded_root_id FROM synapse_embeddings").to_arrow()
        assert roots.to_pylist() == [{"root_id": 1, "embedded_root_id": 2}]
        assert moved.pre + moved.post > 0


def test_an_id_join_needs_equal_versions(tmp_path: Path, synapses: Callable[..., pa.Table]) -> None:
    release = shards(tmp_path / "e", np.array([1, 2], np.uint64), np.zeros((2, 3)))
    options = {"as_": "embeddings", "model": "m", "segmentation_version": "343"}
    with Graph.create(tmp_path / "other", materialization="943") as graph:
        graph.ingest(synapses([(1, 2)], x_nm=[0.0], y_nm=[0.0], z_nm=[0.0]), as_="synapses")
        graph.ingest(release, **options)
        with pytest.raises(VersionError, match="segmentation 343, the ids to 943"):
            graph.embeddings.join()
        with pytest.raises(VersionError, match="segmentation 343, the ids to 943"):
            graph.embeddings.place_synapses(100.0)
        with pytest.raises(VersionError, match="of materialization 943, not 343"):
            graph.embeddings.join(segmentation_version="343")
        assert graph.to_arrow("neuron_embeddings").num_rows == 0
    with Graph.create(tmp_path / "unsaid") as graph:
        graph.ingest(synapses([(1, 2)]), as_="synapses")
        graph.ingest(release, **options)
        with pytest.raises(VersionError, match="names no materialization"):
            graph.embeddings.join()
        assert graph.embeddings.join(segmentation_version="343").joined == 2
        with pytest.raises(SchemaError, match="none of the 1 synapses has a position"):
            graph.embeddings.place_synapses(100.0)
        with pytest.raises(SchemaError, match="above 0 nm"):
            graph.embeddings.place_synapses(-1.0)


def test_maps_from_files_and_frames(scene: tuple[Graph, np.ndarray, np.ndarray, pa.Table], tmp_path: Path) -> None:
    graph, *_ = scene
    (tmp_path / "map.csv").write_text("root_id,embedded_root_id,note\n1,5,a\n2,1,b\n2,3,c\n3,77,d\n")
    with graph:
        found = graph.embeddings.join(id_map=tmp_path / "map.csv")
        assert (found.how, found.joined, found.ambiguous_ids.tolist()) == ("map", 1, [2])
        assert found.coverage == pytest.approx(1 / 6)
        assert "1 ambiguous ones got none (2)" in str(found)
        kept = graph.to_arrow("neuron_embeddings").select(["root_id", "embedded_root_id", "how"]).to_pylist()
        assert kept == [
            {"root_id": 1, "embedded_root_id": 5, "how": "map"},
            {"root_id": 2, "embedded_root_id": None, "how": "map"},
        ]
        frame = pa.table({"root_id": pa.array([1], ID), "embedded_root_id": pa.array([5], ID)})
        assert graph.embeddings.join(id_map=frame.to_pandas()).joined == 1
        with pytest.raises(SchemaError, match="either an id map or a radius"):
            graph.embeddings.join(id_map=frame, radius_nm=10.0)


def test_a_join_by_place_says_which_are_ambiguous(tmp_path: Path) -> None:
    owner = np.array([11, 12, 13], np.uint64)
    points = np.array([[0, 0, 0], [1000, 0, 0], [1080, 0, 0]], float)
    neurons = pa.table(
        {
            "root_id": pa.array([1, 2, 3, 4], ID),
            "x_nm": pa.array([10.0, 1030.0, 5000.0, None]),
            "y_nm": pa.array([0.0, 0.0, 0.0, None]),
            "z_nm": pa.array([0.0, 0.0, 0.0, None]),
        }
    )
    with Graph.create(tmp_path / "g", materialization="943") as graph:
        graph.ingest(neurons, as_="neurons")
        release = shards(tmp_path / "e", owner, points)
        graph.ingest(release, as_="embeddings", model="m", segmentation_version="343")
        found = graph.embeddings.join(radius_nm=100.0)
        assert (found.joined, found.neurons, found.ambiguous_ids.tolist()) == (1, 4, [2])
        row = graph.to_arrow("neuron_embeddings").to_pylist()[0]
        assert (row["root_id"], row["embedded_root_id"], row["distance_nm"], row["how"]) == (1, 11, 10.0, "place")


def test_models_have_relations_of_their_own(tmp_path: Path, synapses: Callable[..., pa.Table]) -> None:
    ids, points = np.array([1, 2], np.uint64), np.zeros((2, 3))
    with Graph.create(tmp_path / "g", materialization="1") as graph:
        graph.ingest(synapses([(1, 2)]), as_="synapses")
        assert graph.query("SELECT count(*) AS n FROM neurons").to_arrow()["n"].to_pylist() == [2]
        # A question without embeddings came first: what was known then is no longer all there is.
        assert graph.query("SELECT count(*) AS n FROM embeddings").to_arrow()["n"].to_pylist() == [0]
        said = {"as_": "embeddings", "segmentation_version": "1"}
        graph.ingest(shards(tmp_path / "a", ids, points), model="seg-clr", **said)
        assert graph.query("SELECT count(*) AS n FROM embeddings").to_arrow()["n"].to_pylist() == [2]
        with pytest.raises(SchemaError, match="would both be embeddings_seg_clr"):
            graph.ingest(shards(tmp_path / "b", ids, points, 1), model="seg_clr", **said)
        graph.ingest(shards(tmp_path / "c", ids, points, 2, 128), model="wide", **said)
        for name in ("embeddings_seg_clr", "embeddings_wide"):
            assert graph.query(f"SELECT count(*) AS n FROM {name}").to_arrow()["n"].to_pylist() == [2]
        with pytest.raises(ParseError, match="no table 'embeddings'.*embeddings_"):
            graph.query("FROM embeddings")
        for item in (graph.path / "embeddings").glob("*/*.arrow"):
            item.unlink()
        assert graph.query("SELECT count(*) AS n FROM connections").to_arrow()["n"].to_pylist() == [1]

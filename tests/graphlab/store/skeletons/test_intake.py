"""Skeletons as a stored table: of known neurons, one each, all of a source or nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.schema.errors import GraphlabError, IdError, SchemaError

CHAIN = "1 1 0 0 0 2 -1\n2 2 1 0 0 -1 1\n3 3 1 1 0 1 2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "swc"
    place.mkdir()
    for root_id in (5, 2**63 + 7):
        (place / f"{root_id}.swc").write_text(CHAIN)
    return place


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    with Graph.create(tmp_path / "g", resolution="4,4,4") as made:
        made.ingest(pa.table({"root_id": pa.array([5, 2**63 + 7], pa.uint64())}), "neurons")
        yield made


def test_a_folder_comes_in_once(graph: Graph, folder: Path) -> None:
    done = graph.ingest(folder, "skeletons", resolution="8,8,8")
    assert done.rows == 6
    found = graph.to_arrow("skeletons")
    assert found["root_id"].to_pylist() == [5] * 3 + [2**63 + 7] * 3
    assert found["x_nm"].to_pylist() == [0, 8, 8] * 2
    assert graph.ingest(folder, "skeletons", resolution="8,8,8").already_there
    assert any("skeletons of 2 neurons, 6 nodes, 6 of them in a known" in note for note in graph.info().notes)
    (one, other) = graph.skeletons.of()
    assert (one.root_id, other.root_id, one.path_length_nm) == (5, 2**63 + 7, 16.0)
    assert graph.skeletons.of(5)[0].parents.tolist() == [-1, 0, 1]
    with pytest.raises(SchemaError, match="neuron 6 has no skeleton in this graph"):
        graph.skeletons.of([5, 6])


def test_neurons_nobody_named(graph: Graph, folder: Path, tmp_path: Path) -> None:
    (folder / "9.swc").write_text(CHAIN)
    with pytest.raises(SchemaError, match="1 of 3 skeletons are of no neuron .*, 9 for example.*--unknown add"):
        graph.ingest(folder, "skeletons", units="nm")
    assert len(graph.to_arrow("skeletons")) == 0
    assert len(graph.to_arrow("neurons")) == 2
    done = graph.ingest(folder, "skeletons", units="nm", unknown="keep")
    assert any("1 neurons that only skeletons name are kept out of the graph" in note for note in done.notes)
    assert graph.to_arrow("neurons")["in_graph"].to_pylist() == [True, False, True]
    with Graph.create(tmp_path / "empty") as empty:
        empty.ingest(folder, "skeletons", units="nm", unknown="add")
        assert empty.info().counts["neurons_in_graph"] == 3


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("5.swc", CHAIN, SchemaError, "1 neurons have a skeleton in this graph already, 5 for example"),
        ("0.swc", CHAIN, IdError, "a skeleton of root id 0"),
        ("6.swc", "1 0 0 0 0 1 2\n2 0 0 0 0 1 1\n", SchemaError, "skeleton 6: 2 nodes are their own ancestors"),
        ("6.swc", "1 7 0 0 0 1 -1\n", SchemaError, "6.swc: 1 nodes of structure type 7"),
        ("6.swc", "1 0 nan 0 0 1 -1\n", SchemaError, "a position is not finite"),
        ("6.swc", "1 0 0 0\n", SchemaError, "6.swc, line 1"),
    ],
)
def test_what_is_refused_leaves_the_graph(
    graph: Graph, folder: Path, tmp_path: Path, name: str, text: str, error: type[GraphlabError], words: str
) -> None:
    graph.ingest(folder, "skeletons", units="nm")
    before = {table: graph.to_arrow(table) for table in ("skeletons", "neurons", "runs")}
    more = tmp_path / "more"
    more.mkdir()
    (more / "8.swc").write_text(CHAIN)
    (more / name).write_text(text)
    with pytest.raises(error, match=words):
        graph.ingest(more, "skeletons", units="nm", unknown="add")
    assert all(graph.to_arrow(table).equals(rows) for table, rows in before.items())


def test_words_that_do_nothing_are_refused(graph: Graph, folder: Path) -> None:
    with pytest.raises(SchemaError, match="--kind does nothing for skeletons"):
        graph.ingest(folder, "skeletons", units="nm", kind="electrical")
    with pytest.raises(SchemaError, match="--columns does nothing for"):
        graph.ingest(folder, "skeletons", units="nm", columns="cave")


def test_skeletons_can_be_dropped_and_stay_when_others_go(graph: Graph, folder: Path) -> None:
    neurons = graph.to_arrow("neurons")
    (folder / "9.swc").write_text(CHAIN)
    done = graph.ingest(folder, "skeletons", units="nm", unknown="add")
    with_nine = graph.to_arrow("neurons")
    ids = {"pre_root_id": pa.array([5], pa.uint64()), "post_root_id": pa.array([9], pa.uint64())}
    synapses = graph.ingest(pa.table({**ids, "x_nm": [1.0], "y_nm": [0.0], "z_nm": [0.0]}), "synapses")
    graph.skeletons.place_synapses(10)
    assert graph.snapshot(compartment="axo-axonic").m == 1
    graph.drop_source(synapses.run_id)
    assert (
        graph.to_arrow("neurons")
        .drop_columns(["total_in", "total_out"])
        .equals(with_nine.drop_columns(["total_in", "total_out"]))
    )
    assert (len(graph.to_arrow("skeletons")), len(graph.to_arrow("synapse_nodes"))) == (9, 0)
    graph.ingest(pa.table({**ids, "x_nm": [1.0], "y_nm": [0.0], "z_nm": [0.0]}), "synapses")
    graph.skeletons.place_synapses(10)
    dropped = graph.drop_source(done.run_id)
    assert any("the places of 1 synapses on skeletons are forgotten" in note for note in dropped.notes)
    for table in ("skeletons", "synapse_nodes", "connections_by_compartment"):
        assert len(graph.to_arrow(table)) == 0, table
    assert graph.to_arrow("neurons")["root_id"].to_pylist() == [5, 9, 2**63 + 7]
    graph.drop_source(graph.runs("ingest")["run_id"][-1].as_py())
    assert graph.to_arrow("neurons")["root_id"].equals(neurons["root_id"])
    assert graph.ingest(folder, "skeletons", units="nm", unknown="add").rows == 9


def test_neurons_that_skeletons_need_are_not_dropped(graph: Graph, folder: Path) -> None:
    graph.ingest(folder, "skeletons", units="nm")
    (first, _) = graph.runs("ingest")["run_id"].to_pylist()
    with pytest.raises(SchemaError, match="cannot be dropped: without it, swc .* would be refused: .* of no neuron"):
        graph.drop_source(first)
    assert len(graph.to_arrow("neurons")) == 2

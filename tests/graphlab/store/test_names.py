"""Names in sources: they find the neurons that have them, and make none where ids are at home."""

from __future__ import annotations

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import root_id_of_name


def neurons(graph: Graph, ids: list[int], names: list[str | None]) -> None:
    graph.ingest(pa.table({"root_id": pa.array(ids, pa.uint64()), "name": pa.array(names, pa.string())}), as_="neurons")


def edges(*pairs: tuple[str, str]) -> pa.Table:
    return pa.table(
        {"pre_name": [a for a, _ in pairs], "post_name": [b for _, b in pairs], "weight": [1.0] * len(pairs)}
    )


def pairs(graph: Graph) -> list[tuple[int, int]]:
    rows = graph.to_arrow("connections").to_pylist()
    return [(row["pre_root_id"], row["post_root_id"]) for row in rows]


def test_edges_by_name_find_the_neurons_of_the_graph(graph: Graph) -> None:
    neurons(graph, [7, 8], ["AVAL", "PVCL"])
    graph.ingest(edges(("AVAL", "PVCL"), (" PVCL", "AVAL ")), as_="connections")
    assert pairs(graph) == [(7, 8), (8, 7)]
    assert graph.info().counts["neurons"] == 2


def test_synapses_by_name_find_them_too_and_new_names_are_told(graph: Graph) -> None:
    neurons(graph, [7, 8], ["AVAL", None])
    table = pa.table({"pre_name": ["AVAL", "NEW"], "post_name": ["NEW", "AVAL"]})
    summary = graph.ingest(table, as_="synapses")
    assert sorted(pairs(graph)) == sorted([(7, root_id_of_name("NEW")), (root_id_of_name("NEW"), 7)])
    assert "1 neurons that only synapses name were added" in str(summary)


def test_a_name_of_two_neurons_is_refused(graph: Graph) -> None:
    neurons(graph, [7, 8, 9], ["KC", "KC", "X"])
    with pytest.raises(IdError, match="2 neurons of the graph are called 'KC', 7 and 8"):
        graph.ingest(edges(("KC", "X")), as_="connections")
    graph.ingest(edges(("X", "Y")), as_="connections")


def test_labels_by_name_complete_neurons_and_make_none(graph: Graph) -> None:
    neurons(graph, [7, 8], ["AVAL", "PVCL"])
    labels = pa.table({"name": ["AVAL", "GHOST", "ALSO"], "cell_type": ["command", "x", "y"]})
    summary = graph.ingest(labels, as_="neurons")
    assert str(summary).startswith("<Table>: MOST ROWS WERE LEFT OUT, 2; 1 rows of neurons")
    assert summary.notes[0] == "most rows were left out: 2 of 3"
    assert "2 rows name no neuron of the graph, 'GHOST' for example" in str(summary)
    found = graph.to_arrow("neurons").select(["root_id", "cell_type"]).to_pylist()
    assert found == [{"root_id": 7, "cell_type": "command"}, {"root_id": 8, "cell_type": None}]
    with pytest.raises(SchemaError, match="all 1 rows name no neuron of the graph, 'GHOST'"):
        graph.ingest(labels.slice(1, 1), as_="neurons")


def test_a_graph_of_names_takes_further_names(graph: Graph) -> None:
    graph.ingest(edges(("A", "B")), as_="connections")
    graph.ingest(pa.table({"name": ["B", "C"], "cell_type": ["b", "c"]}), as_="neurons")
    assert sorted(graph.to_arrow("neurons")["name"].to_pylist()) == ["A", "B", "C"]


@pytest.mark.parametrize(("rule", "kept"), [(None, ["b", "a"]), ("first", ["a", "a"])])
def test_a_second_source_says_what_it_changes(graph: Graph, rule: str | None, kept: list[str]) -> None:
    graph.ingest(pa.table({"root_id": [1, 2], "cell_type": ["a", "a"], "x": [1, 2]}), as_="neurons")
    second = pa.table({"root_id": [1, 2], "cell_type": ["b", None], "x": [5, 6]})
    summary = graph.ingest(second, as_="neurons", duplicates=rule)
    said = "values of the graph were replaced" if rule is None else "other values than the graph's were left out"
    assert f"{said}: cell_type in 1 rows, x in 2 rows" in str(summary)
    assert graph.to_arrow("neurons").sort_by("root_id")["cell_type"].to_pylist() == kept


def test_a_second_source_may_be_refused(graph: Graph) -> None:
    graph.ingest(pa.table({"root_id": [1, 2], "cell_type": ["a", "a"]}), as_="neurons")
    graph.ingest(pa.table({"root_id": [1], "side": ["left"]}), as_="neurons", duplicates="refuse")
    with pytest.raises(SchemaError, match="other values than the graph: cell_type in 1 rows; --duplicates first"):
        graph.ingest(pa.table({"root_id": [1], "cell_type": ["b"]}), as_="neurons", duplicates="refuse")


def test_min_score_needs_scores(graph: Graph) -> None:
    graph.ingest(pa.table({"pre_root_id": [1], "post_root_id": [2]}), as_="synapses")
    with pytest.raises(SchemaError, match="synapses of this graph have no scores, so min_score 50"):
        graph.set_recipe(min_score=50)
    graph.set_recipe(merge_within_nm=100)


@pytest.mark.parametrize("column", ["animal", "Dataset", "worm"])
def test_several_animals_are_told(graph: Graph, column: str) -> None:
    table = pa.table({"pre_root_id": [1, 1], "post_root_id": [2, 2], "weight": [1.0, 2.0], column: ["w1", "w2"]})
    summary = graph.ingest(table, as_="connections")
    assert f"the column {column!r} names 2 animals or data sets (w1, w2)" in str(summary)

"""Saved sets in verbs and queries, pasted ids, links there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, GraphlabError, SchemaError, UnknownNameError

BASE = 720575940600000000


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    neurons = pd.DataFrame(
        {
            "root_id": [BASE + i for i in range(6)], "name": list("abcdef"),
            "cell_type": ["X", "X", "Y", "Y", "Z", None],
            "x_nm": [0.0, 10, 20, 30, 40, 50], "y_nm": [1.0] * 6, "z_nm": [2.0] * 6,
            "in_graph": [True] * 5 + [False],
        }
    )  # fmt: skip
    rows = pd.DataFrame(
        [(0, 1, 5), (1, 2, 4), (2, 3, 3), (3, 0, 2), (0, 2, 9)], columns=["pre_root_id", "post_root_id", "weight"]
    )
    rows["pre_root_id"] += BASE
    rows["post_root_id"] += BASE
    with Graph.create(tmp_path / "g", dataset="FlyWire", materialization="783") as made:
        made.ingest(neurons, as_="neurons")
        made.ingest(rows, as_="connections")
        yield made


def ids(found: Any) -> list[int]:
    return [i - BASE for i in found.root_ids.tolist()]


def test_sets_in_verbs_and_in_every_language(graph: Graph) -> None:
    graph.sets.save("xs", "X")
    graph.sets.save("tail", ["c", "d", "e"])
    assert list(graph.sets) == ["tail", "xs"]
    assert len(graph.sets) == 2
    assert ids(graph.sets["xs"]) == [0, 1]
    listed = graph.sets.list().to_pandas()
    assert listed[["name", "neurons", "in_graph"]].values.tolist() == [["tail", 3, 3], ["xs", 2, 2]]
    assert len(graph.connections("xs", "tail")) == 2
    assert len(graph.connections("xs", {"in_set": "tail", "cell_type": "Y"})) == 2
    assert graph.paths("xs", graph.sets["tail"]).to_pandas()["path"].nunique() == 4
    assert graph.subset("xs").info().counts["neurons"] == 2
    texts = (
        "MATCH (a)-[e]->(b) WHERE a.bodyId IN $xs RETURN b.bodyId",
        "SELECT post_root_id FROM connections WHERE pre_root_id IN (SELECT unnest($xs))",
        "FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b) WHERE a.root_id IN $xs COLUMNS (b.root_id AS post))",
    )
    assert [len(graph.query(text)) for text in texts] == [3, 3, 3]
    assert len(graph.query(texts[0].replace("$xs", "$who"), parameters={"who": graph.sets["tail"]})) == 2
    assert len(graph.query(texts[0].replace("$xs", "$who"), parameters={"who": graph.neurons("Y")})) == 2
    assert len(graph.query(texts[0], parameters={"xs": [BASE + 3]})) == 1, "a value that is given comes first"
    graph.sets.remove("xs")
    with pytest.raises(GraphlabError, match="no value for the parameter"):
        graph.query(texts[0])


def test_union_intersection_difference(graph: Graph) -> None:
    graph.sets.save("xs", "X")
    assert ids(graph.sets.union("xs", "c", BASE + 1)) == [0, 1, 2]
    assert ids(graph.sets.intersection("xs", ["b", "c"])) == [1]
    assert ids(graph.sets.difference({"name": list("abcd")}, "xs", "d", save="rest")) == [2]
    assert ids(graph.sets["rest"]) == [2]
    with pytest.raises(SchemaError, match="one set or more"):
        graph.sets.union()


def test_ids_that_are_no_neurons(graph: Graph) -> None:
    with pytest.raises(SchemaError, match="1 of 2 ids are no neurons.*graph.sets.check"):
        graph.sets.save("mixed", [BASE, 5])
    graph.sets.save("mixed", [BASE, 5], missing="keep")
    assert graph.sets.list().to_pandas()[["neurons", "in_graph"]].values.tolist() == [[2, 1]]
    assert graph.connections("mixed").notes == ("pre: 5 is no neuron of this graph",)
    with pytest.raises(SchemaError, match="no neuron for the set"):
        graph.sets.save("none", {"cell_type": "absent"})
    with pytest.raises(UnknownNameError, match="did you mean 'keep'"):
        graph.sets.save("none", "X", missing="keeep")


def test_pasted_ids(graph: Graph) -> None:
    text = f"root_id\n{BASE}, '{BASE + 5}'; [77]\t7.2057594e+17 {BASE}\n88 99"
    earlier = pa.table(
        {
            "root_id": pa.array([77, 88, 88, 66, 66], pa.uint64()),
            "successor_id": pa.array([66, None, None, BASE + 2, 55]),
        }
    )
    found = graph.sets.check(text, earlier=earlier)
    rows = {row["said"]: row for row in found.to_arrow().to_pylist()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "root_id": "no id", str(BASE): "current", str(BASE + 5): "kept out of the graph", "77": "stale",
        "7.2057594e+17": "a number that lost digits", "88": "stale", "99": "unknown",
    }  # fmt: skip
    assert rows["77"]["successors"] == [BASE + 2]
    assert (rows["77"]["name"], rows["77"]["cell_type"]) == ("c", "Y")
    assert rows["88"]["successors"] == []
    assert rows["root_id"]["root_id"] is None
    assert "2 stale" in found.notes[0]
    again = graph.sets.check([77, str(BASE)], earlier=earlier.to_pandas().astype({"successor_id": "Int64"}))
    assert [row["status"] for row in again.to_arrow().to_pylist()] == ["stale", "current"]
    assert graph.sets.check("77", earlier=[77]).to_arrow()["status"].to_pylist() == ["stale"]
    assert graph.sets.check("77").to_arrow()["status"].to_pylist() == ["unknown"]
    assert graph.sets.check(BASE).to_arrow()["status"].to_pylist() == ["current"]
    assert len(graph.sets.check("")) == 0
    with pytest.raises(SchemaError, match="found old"):
        graph.sets.check("77", earlier=pa.table({"old": [1]}))


def test_real_ids_of_two_materializations(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "flywire_783_ids"
    old = pd.read_csv(folder / "2023_03_23_completeness_630_final.csv", index_col=0).index
    new = pd.read_csv(folder / "Completeness_783.csv", index_col=0).index
    with Graph.create(tmp_path / "g", materialization="783") as graph:
        graph.ingest(folder / "Completeness_783.csv", as_="neurons")
        pasted = "\n".join(map(str, old[:4000])) + "\n12345"
        found = graph.sets.check(pasted, earlier=pd.DataFrame({"root_id": old})).to_pandas()
        counts = found["status"].value_counts().to_dict()
        current = int(old[:4000].isin(new).sum())
        assert counts == {"current": current, "stale": 4000 - current, "unknown": 1}
        assert 0 < current < 4000


def test_a_set_becomes_a_link_and_a_link_a_set(graph: Graph) -> None:
    address = graph.sets.link("X")
    assert address.startswith("https://neuroglancer-demo.appspot.com/#!")
    assert ids(graph.sets.from_link(address, "again")) == [0, 1]
    with pytest.raises(SchemaError, match="no neuron to show"):
        graph.sets.link({"cell_type": "absent"})
    with pytest.raises(AnalysisError, match="holds no state"):
        graph.sets.from_link("https://example.org/", "x")
    graph.sets.save("mixed", [BASE, 5], missing="keep")
    graph.describe(dataset="mine")
    assert "precomputed" in graph.sets.link("X", segmentation="precomputed://gs://mine/seg")
    with Graph.create(graph.path.parent / "h", dataset="mine") as other:
        other.ingest(pd.DataFrame({"root_id": [1]}), as_="neurons")
        with pytest.raises(SchemaError, match="no segmentation is known of the data set 'mine'"):
            other.sets.link(1)

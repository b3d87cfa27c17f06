"""The words of a graph: every one of them can be said in a question."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError, UnknownNameError


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    made = Graph.create(tmp_path / "g", dataset="toy")
    made.ingest(
        pa.table({"root_id": [1, 2, 3, 4], "cell_type": ["MBON", "mbin", None, "MBON"], "age": [1, 2, 12, 1]}),
        as_="neurons",
    )
    wiring = {
        "pre_root_id": [1, 2, 3],
        "post_root_id": [2, 3, 1],
        "weight": [4.0, 5.0, 6.0],
        "neuropil": ["EB", "FB", "EB"],
    }
    made.ingest(pa.table(wiring), as_="connections")
    made.create_view("heavy", "SELECT * FROM connections WHERE weight > 4")
    made.sets.save("mine", [1, 2])
    return made


def test_every_word_can_be_said(graph: Graph) -> None:
    words = graph.words()
    for relation, columns in words["relations"].items():
        names = ", ".join(f'"{column["name"]}"' for column in columns)
        assert graph.query(f'SELECT {names} FROM "{relation}"').columns == [column["name"] for column in columns]
    assert {"neurons", "connections", "heavy"} <= words["relations"].keys()
    for edge in words["property_graphs"]["connectome"]["edges"]:
        if (edge["source"], edge["target"]) == ("neurons", "neurons"):
            for label in edge["labels"]:
                assert graph.query(f"MATCH (a:neuron)-[e:{label}]->(b:neuron) RETURN count(*)").scalar() >= 0
    neuron = next(v for v in words["property_graphs"]["connectome"]["vertices"] if v["label"] == "neuron")
    assert {"root_id", "bodyId", "cell_type", "type", "age"} <= {*neuron["properties"]}
    for name in neuron["properties"]:
        assert len(graph.query(f"MATCH (a:neuron) RETURN a.`{name}`")) == 4
    assert words["neuropils"] == ["EB", "FB"]
    assert words["sets"] == ["mine"]
    assert words["columns"][:3] == ["root_id", "name", "cell_type"]
    assert words["has"]["neuropils"]
    assert words["has"]["cell_types"]
    assert not any(
        words["has"][name] for name in ("positions", "embeddings", "skeletons", "single_synapses", "recordings")
    )


def test_words_of_a_part_are_those_of_the_graph(graph: Graph) -> None:
    whole, part = graph.words(), graph.subset([1, 2, 3], neuropil="EB").words()
    assert part["relations"]["neurons"] == whole["relations"]["neurons"]
    assert part["neuropils"] == ["EB"]


def test_values_by_their_beginning(graph: Graph) -> None:
    found = graph.values("cell_type", "mb")
    assert found.to_arrow().to_pylist() == [{"value": "MBON", "neurons": 2}, {"value": "mbin", "neurons": 1}]
    assert graph.values("cell_type", "MBO%").to_arrow().num_rows == 0
    assert graph.values("age", "1").to_arrow()["value"].to_pylist() == ["1", "12"]
    one = graph.values("cell_type", limit=1)
    assert (len(one), one.truncated) == (1, True)
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        graph.values("cel_type")
    with pytest.raises(SchemaError, match="limit is 0"):
        graph.values("age", limit=0)

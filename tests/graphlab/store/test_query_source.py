"""Relations beside the database are made for the questions that read them, whatever words a text has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.store.query_source import question_source
from ingest.schema.errors import GraphlabError

LANGUAGE = """
from queries.ir.statement import Statement


class Vectors:
    name = "vectors"

    def recognizes(self, text):
        return text == "how many vectors"

    def parse(self, text):
        return Statement("SELECT count(*) AS n FROM embeddings", (), self.name, text)


LANGUAGE = Vectors()
"""


def vectors(seed: int) -> pa.Table:
    values = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    columns = {"root_id": pa.array([1, 2, 3], pa.uint64()), "node_id": pa.array([0, 0, 0], pa.uint64())}
    columns |= {f"{axis}_nm": pa.array([1.0, 2.0, 3.0], pa.float32()) for axis in "xyz"}
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 4)
    return pa.table(columns)


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    pairs = pa.table({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [1.0, 2.0]})
    with Graph.create(tmp_path / "g") as made:
        made.ingest(pairs, as_="connections")
        for model in ("one", "two"):
            made.ingest(vectors(len(model)), as_="embeddings", model=model, segmentation_version="1")
        yield made


def test_a_word_is_no_relation(graph: Graph) -> None:
    """Damage to files that a question does not read is none of its business."""
    for path in (graph.path / "embeddings").rglob("*.arrow"):
        path.write_bytes(b"ARROW1 and nothing else")
    assert graph.query("SELECT 'embeddings' AS word -- of embeddings_one").to_arrow().to_pylist() == [
        {"word": "embeddings"}
    ]
    assert graph.query("MATCH (embeddings)-[e]->(b) RETURN count(*) AS n").scalar() == 2
    for text in ("SELECT count(*) FROM embeddings_one", 'FROM "EMBEDDINGS_ONE"', "FROM temp.embeddings_one"):
        with pytest.raises(GraphlabError, match="arrow"):
            graph.query(text)


def test_only_what_is_read_is_made(graph: Graph) -> None:
    with question_source(graph.folder) as source:
        registered = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND view_name LIKE 'embed%'"
        assert source.connection.execute(registered).fetchall() == []
        source.provide("Embeddings_One")
        source.provide("embeddings")
        assert source.connection.execute(registered).fetchall() == [("embeddings_one",)]


def test_a_language_that_does_not_say_the_word_reads_the_relation(
    graph: Graph, tmp_path: Path, package: Callable[..., Path]
) -> None:
    package("acme_vectors", {"graphlab.languages": {"vectors": "acme_vectors:LANGUAGE"}}, LANGUAGE)
    with pytest.raises(GraphlabError, match="there is no table 'embeddings'; did you mean 'embeddings_"):
        graph.query("how many vectors")
    with Graph.create(tmp_path / "single") as single:
        single.ingest(pa.table({"root_id": [1, 2, 3]}), as_="neurons")
        assert single.query("how many vectors").scalar() == 0
        single.ingest(vectors(0), as_="embeddings", model="one", segmentation_version="1")
        assert single.query("how many vectors").scalar() == 3
        assert single.query("how many vectors", count=True).scalar() == 1


def test_a_property_graph_over_embeddings_reads_them(graph: Graph) -> None:
    graph.create_property_graph(
        "CREATE PROPERTY GRAPH near VERTEX TABLES (neurons KEY (root_id) LABEL neuron, "
        "embeddings_one KEY (root_id) LABEL place)"
    )
    text = "SELECT count(*) AS n FROM GRAPH_TABLE (near MATCH (p IS place) COLUMNS (p.root_id AS r))"
    assert graph.query(text).scalar() == 3


WEIGHTS = (
    "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e IS {label}]->(b) WHERE e.weight >= {least} "
    "COLUMNS (a.root_id AS pre, b.root_id AS post, e.weight AS w)) ORDER BY ALL"
)


def test_a_question_that_is_asked_again_is_answered_anew(graph: Graph) -> None:
    """What is kept of a question is how it meets the tables, never what they hold, nor a relation of its connection."""
    text = WEIGHTS.format(label="synapse", least=1)
    assert [row["w"] for row in graph.query(text).to_arrow().to_pylist()] == [1.0, 2.0]
    assert graph.query(text).to_arrow().equals(graph.query(text, kind="chemical", engine="csr").to_arrow())
    new = pa.table({"pre_root_id": [3], "post_root_id": [1], "weight": [5.0], "neuropil": ["ME"]})
    graph.ingest(new, as_="connections")
    assert [row["w"] for row in graph.query(text).to_arrow().to_pylist()] == [1.0, 2.0, 5.0]
    by_neuropil = "MATCH (a)-[e:ConnectsTo]->(b) RETURN a.bodyId AS pre, e.roiInfo AS rois ORDER BY pre"
    told = [graph.query(by_neuropil).to_arrow().to_pylist() for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 3


def test_equal_values_of_other_types_are_other_questions(graph: Graph) -> None:
    for _ in range(2):
        kinds = []
        for value in ("1", "1.0", "true"):
            text = f"SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b) COLUMNS ({value} AS x)) LIMIT 1"
            kinds.append(str(graph.query(text).to_arrow().schema.field("x").type))
        assert len(set(kinds)) == 3, kinds


def test_a_property_graph_of_the_same_name_is_another_one(graph: Graph) -> None:
    define = "CREATE OR REPLACE PROPERTY GRAPH own VERTEX TABLES (neurons KEY (root_id) LABEL cell) EDGE TABLES ({})"
    edges = (
        "{table} SOURCE KEY (pre_root_id) REFERENCES neurons (root_id) DESTINATION KEY (post_root_id) "
        "REFERENCES neurons (root_id) LABEL edge"
    )
    graph.create_view("strong", "SELECT * FROM connections WHERE weight > 1")
    text = "SELECT * FROM GRAPH_TABLE (own MATCH (a)-[e IS edge]->(b) COLUMNS (e.weight AS w)) ORDER BY w"
    for table, weights in (("connections", [1.0, 2.0]), ("strong", [2.0]), ("connections", [1.0, 2.0])):
        graph.create_property_graph(define.format(edges.format(table=table)))
        for _ in range(2):
            assert [row["w"] for row in graph.query(text).to_arrow().to_pylist()] == weights

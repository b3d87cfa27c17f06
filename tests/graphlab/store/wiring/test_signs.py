"""Signs from a named map: known, unknown, below the cut; on connections, and after later sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import ParseError, SchemaError, UnknownNameError

Rows = Callable[[str], list[tuple[Any, ...]]]
SIGNED = "SELECT pre_root_id, post_root_id, kind, sign FROM connections"


@pytest.fixture
def typed(graph: Graph, synapses: Callable[..., pa.Table]) -> Graph:
    neurons = pa.table(
        {
            "root_id": pa.array([1, 2, 3, 4, 5], pa.uint64()),
            "nt_type": ["acetylcholine", "GABA", "GLUT", "dopamine", None],
            "nt_confidence": pa.array([0.9, None, 0.3, 0.9, 0.9]),
        }
    )
    graph.ingest(neurons, as_="neurons")
    graph.ingest(synapses([(1, 2), (2, 3), (3, 1), (4, 1), (5, 1)]), as_="synapses")
    return graph


def test_unknown_stays_unknown(typed: Graph, rows_of: Rows) -> None:
    counts = typed.set_signs("fly")
    assert rows_of("SELECT root_id, sign FROM neurons") == [(1, 1), (2, -1), (3, None), (4, None), (5, None)]
    assert counts.neurons == {"excitatory": 1, "inhibitory": 1, "unknown": 3}
    assert counts.connections == {"excitatory": 1, "inhibitory": 1, "unknown": 3}
    typed.set_signs("fly", min_confidence=0.2)
    assert rows_of("SELECT sign FROM neurons WHERE root_id = 3") == [(-1,)]
    typed.set_signs("mouse", min_confidence=0.2)
    assert rows_of("SELECT sign FROM neurons WHERE root_id = 3") == [(1,)], "glutamate excites in cortex"
    assert any("map 'mouse'" in note for note in typed.info().notes)


def test_signs_are_asked_for_in_patterns(typed: Graph) -> None:
    typed.set_signs("fly")
    found = typed.query(
        "SELECT * FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) "
        "WHERE s.sign = -1 COLUMNS (a.root_id AS pre, b.root_id AS post))"
    ).to_arrow()
    assert found.to_pylist() == [{"pre": 2, "post": 3}]


@pytest.mark.parametrize(
    ("motif", "wanted"),
    [
        ("A -+ B", {(1, 2)}),
        ("A -| B", {(2, 3)}),
        ("A -- B", {(2, 3)}),
        ("A -+ B\nB -| C", {(1, 2, 3)}),
        ("A -+ B\nB -+ C", set()),
        ("A -+ B [weight > 1]", set()),
        ("A -> B\nA !+ B", {(2, 3), (3, 1), (4, 1), (5, 1)}),
        ("A -> B\nA ~| B", {(1, 2), (3, 1), (4, 1), (5, 1)}),
        ("A -> B\nA !+ B\nA !- B", {(3, 1), (4, 1), (5, 1)}),
        ("up(x, y) { x -+ y }\nup(A, B)\nB -> C", {(1, 2, 3)}),
    ],
)
def test_signed_edges_of_dotmotif(typed: Graph, motif: str, wanted: set[tuple[int, ...]]) -> None:
    with pytest.raises(ParseError, match="has no property 'sign'"):
        typed.query(motif, "dotmotif")
    typed.set_signs("fly")
    for engine in ("duckdb", "csr"):
        found = typed.query(motif, "dotmotif", engine=engine).to_arrow()
        assert {tuple(row.values()) for row in found.to_pylist()} == wanted


def test_later_sources_and_recipes_keep_signs(typed: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    typed.set_signs("fly")
    typed.ingest(synapses([(1, 5), (2, 5)]).drop_columns("synapse_id"), as_="synapses")
    gap = pa.table({"pre_root_id": pa.array([1], pa.uint64()), "post_root_id": pa.array([2], pa.uint64())})
    typed.ingest(gap.append_column("weight", pa.array([1.0])), as_="connections", kind="electrical")
    wanted = {(1, 2, "chemical", 1), (1, 5, "chemical", 1), (2, 3, "chemical", -1), (2, 5, "chemical", -1)}
    signed = [row for row in rows_of(SIGNED) if row[3] is not None]
    assert set(signed) == wanted
    assert (1, 2, "electrical", None) in rows_of(SIGNED)
    typed.set_recipe(merge_within_nm=10.0)
    assert {row for row in rows_of(SIGNED) if row[3] is not None} == wanted


def test_a_transmitter_of_the_pair_counts_before_that_of_the_neuron(graph: Graph, rows_of: Rows) -> None:
    pairs = pa.table(
        {
            "pre_root_id": pa.array([1, 1, 1], pa.uint64()),
            "post_root_id": pa.array([2, 3, 4], pa.uint64()),
            "weight": [1.0, 1.0, 1.0],
            "nt_type": ["GABA", None, "DA"],
        }
    )
    graph.ingest(pa.table({"root_id": pa.array([1], pa.uint64()), "nt_type": ["ACH"]}), as_="neurons")
    graph.ingest(pairs, as_="connections")
    graph.set_signs("fly")
    assert [row[3] for row in rows_of(SIGNED)] == [-1, 1, None]


def test_wrong_maps_confidences_and_columns(graph: Graph, typed: Graph, rows_of: Rows) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mouse'"):
        typed.set_signs("mouze")
    with pytest.raises(SchemaError, match="from 0 to 1"):
        typed.set_signs("fly", min_confidence=50)
    percent = pa.table({"root_id": pa.array([9], pa.uint64()), "nt_type": ["ACH"], "nt_confidence": [88.0]})
    graph.ingest(percent, as_="neurons")
    with pytest.raises(SchemaError, match="found 88"):
        graph.set_signs("fly")
    assert "sign" not in [row[0] for row in rows_of("DESCRIBE neurons")], "nothing half-done"


def test_a_column_of_a_source_is_not_written_over(graph: Graph) -> None:
    graph.ingest(pa.table({"root_id": pa.array([9], pa.uint64()), "sign": [1]}), as_="neurons")
    with pytest.raises(SchemaError, match="column 'sign' from a source"):
        graph.set_signs("fly")

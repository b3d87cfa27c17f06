"""Neurons: one row a root_id, completed by later sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError

Rows = Callable[[str], list[tuple[Any, ...]]]


def neurons(ids: list[int], **columns: Any) -> pa.Table:
    return pa.table({"root_id": pa.array(ids, pa.uint64()), **columns})


def test_a_later_source_completes_and_an_empty_cell_does_not_erase(graph: Graph, rows_of: Rows) -> None:
    graph.ingest(neurons([1, 2], cell_type=["KC", None]), as_="neurons")
    summary = graph.ingest(neurons([2, 1, 3], cell_type=["MBON", None, "PN"], side=["left"] * 3), as_="neurons")
    assert rows_of("SELECT root_id, cell_type, side FROM neurons") == [
        (1, "KC", "left"),
        (2, "MBON", "left"),
        (3, "PN", "left"),
    ]
    assert "2 neurons were known and completed" in summary.notes


def test_repeated_rows(graph: Graph, rows_of: Rows) -> None:
    frame = neurons([1, 2, 1], cell_type=["a", "b", "c"])
    with pytest.raises(SchemaError, match="rows 1 and 3 hold the same root_id 1"):
        graph.ingest(frame, as_="neurons", duplicates="refuse")
    summary = graph.ingest(frame, as_="neurons")
    assert rows_of("SELECT root_id, cell_type FROM neurons") == [(1, "a"), (2, "b")]
    assert any("1 repeated rows" in note for note in summary.notes)


def test_given_totals_are_not_recomputed(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(neurons([1, 2], total_in=[100.0, 200.0]), as_="neurons")
    graph.ingest(synapses([(1, 2)]), as_="synapses")
    assert rows_of("SELECT root_id, total_in FROM neurons") == [(1, 100.0), (2, 200.0)]


def test_ids_of_every_size(graph: Graph) -> None:
    ids = [0x7FFFFFFFFFFFFFFF + 5, 2**64 - 1, 720575940626838909]
    graph.ingest(neurons(ids), as_="neurons")
    assert sorted(ids) == graph.to_arrow("neurons")["root_id"].to_pylist()


def test_a_later_source_may_have_a_narrower_type(graph: Graph) -> None:
    ids = pa.array([1], pa.uint64())
    graph.ingest(pa.table({"root_id": ids, "layer": ["x"]}), as_="neurons")
    graph.ingest(pa.table({"root_id": ids, "layer": pa.array([3], pa.int32())}), as_="neurons")
    assert graph.to_arrow("neurons")["layer"].to_pylist() == ["3"]

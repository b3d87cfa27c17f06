"""Columns that several sources bring: widened where nothing changes, refused where something would."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError

BIG = 2**53 + 1


def bring(graph: Graph, first: int, values: pa.Array) -> None:
    ids = pa.array(range(first, first + len(values)), pa.uint64())
    graph.ingest(pa.table({"root_id": ids, "x": values}), as_="neurons")


def held(graph: Graph) -> list[Any]:
    return list(graph.to_arrow("neurons").sort_by("root_id")["x"].to_pylist())


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (pa.array([1, 2]), pa.array([0.5]), [1.0, 2.0, 0.5]),
        (pa.array([0.5]), pa.array([1, None]), [0.5, 1.0, None]),
        (pa.array([1], pa.int8()), pa.array([BIG]), [1, BIG]),
        (pa.array([1], pa.int64()), pa.array([5], pa.uint64()), [1, 5]),
        (pa.array([2**63 + 1], pa.uint64()), pa.array([5], pa.int64()), [2**63 + 1, 5]),
        (pa.nulls(1), pa.array([2**63 + 1], pa.uint64()), [None, 2**63 + 1]),
        (pa.array([None], pa.string()), pa.array([0.5]), [None, 0.5]),
        (pa.array([3]), pa.nulls(1), [3, None]),
        (pa.array(["a"]), pa.nulls(1), ["a", None]),
        (pa.array(["a"]), pa.array([5]), ["a", "5"]),
        (pa.array([0.5], pa.float32()), pa.array([0.1]), [0.5, 0.1]),
    ],
)
def test_a_second_source_of_other_numbers(graph: Graph, before: pa.Array, after: pa.Array, wanted: list[Any]) -> None:
    bring(graph, 1, before)
    bring(graph, 10, after)
    assert held(graph) == wanted


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (pa.array([BIG]), pa.array([0.5]), "'x' is DOUBLE in this source and BIGINT in the graph"),
        (pa.array([0.5]), pa.array([1, BIG]), "row 2: x is 9007199254740993; the graph has decimals there"),
        (pa.array([0.5]), pa.array([2**64 - 1], pa.uint64()), "row 1: x is 18446744073709551615"),
        (pa.array([1]), pa.array(["a"]), "'x' is VARCHAR in this source and BIGINT in the graph"),
        (pa.array(["F"]), pa.array([True]), "'x' is BOOLEAN in this source and VARCHAR in the graph"),
        (pa.array([2**63 + 1], pa.uint64()), pa.array([-5]), "a value does not fit its column in the graph"),
        (pa.array([1]), pa.array([2**63 + 1], pa.uint64()), "a value does not fit its column in the graph"),
    ],
)
def test_what_would_change_a_value_is_refused(graph: Graph, before: pa.Array, after: pa.Array, message: str) -> None:
    bring(graph, 1, before)
    with pytest.raises(SchemaError, match=message):
        bring(graph, 10, after)
    assert held(graph) == before.to_pylist()

"""Values of our Cypher as neuPrint's JSON has them, and skeletons as SWC that our own reader takes back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from graphlab.web.neuprint.values import arrow_table, cells, swc
from ingest.schema.errors import SchemaError
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.swc import parse_swc
from queries.result import JSON_DOCUMENT


def test_cells() -> None:
    big = 2**64 - 1
    document = pa.field("d", pa.string(), metadata=JSON_DOCUMENT)
    documents = pa.field("l", pa.list_(pa.string()), metadata=JSON_DOCUMENT)
    table = pa.table(
        [
            pa.array([big, None], pa.uint64()),
            pa.array([1.5, float("nan")]),
            pa.array(['{"EB": {"post": 3}}', None]),
            pa.array([['{"a": 1}'], None]),
            pa.array([{"x": 1.0, "y": None}, None], pa.struct([("x", pa.float64()), ("y", pa.float64())])),
            pa.array([[{"id": big, "t": "A"}], []], pa.list_(pa.struct([("id", pa.uint64()), ("t", pa.string())]))),
        ],
        schema=pa.schema(
            [
                ("i", pa.uint64()),
                ("f", pa.float64()),
                document,
                documents,
                ("s", pa.struct([("x", pa.float64()), ("y", pa.float64())])),
                ("m", pa.list_(pa.struct([("id", pa.uint64()), ("t", pa.string())]))),
            ]
        ),
    )
    got = cells(table)
    assert got == [
        [big, 1.5, {"EB": {"post": 3}}, [{"a": 1}], {"x": 1.0, "y": None}, [[big, "A"]]],
        [None, None, None, None, None, []],
    ]
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    with pytest.raises(SchemaError, match="use_arrow=False"):
        arrow_table(table)
    small = arrow_table(pa.table({"i": pa.array([7], pa.uint64()), "s": [{"x": 1.0}], "t": ["A"]}))
    assert small.schema.field("i").type == pa.int64()
    assert small.to_pylist() == [{"i": 7, "s": {"x": 1.0}, "t": "A"}]


@pytest.mark.parametrize("ids", [[5, 9, 2], [2**40, 3, 9], [0, 1, 2]])
def test_skeletons_come_back(ids: list[int]) -> None:
    skeleton = Skeleton(
        7,
        np.array(ids, np.uint64),
        np.array([[0.1, 2, 3], [1e6, 5, 6.25], [7, 8, 9]]),
        np.array([1, -1, 0]),
        None,
        np.array([1.5, 0.25, 2]),
    )
    text = swc(skeleton)
    again = parse_swc(text.encode(), "x.swc", 1.0, 7)
    numbers = ids if max(ids) < 2**31 and min(ids) > 0 else [1, 2, 3]
    order = [numbers.index(node) for node in again.node_ids.tolist()]
    assert sorted(order) == [0, 1, 2]
    assert again.points_nm.tolist() == skeleton.points_nm[order].tolist()
    parents = [None if at < 0 else int(again.node_ids[at]) for at in again.parents]
    assert parents == [{0: numbers[1], 1: None, 2: numbers[0]}[place] for place in order]
    unknown = Skeleton(7, skeleton.node_ids, skeleton.points_nm, skeleton.parents)
    assert all(line.split()[5] == "nan" for line in swc(unknown).splitlines()[1:])
    first = [line.split()[0] for line in text.splitlines()[1:]]
    assert first == [str(numbers[1]), str(numbers[0]), str(numbers[2])]  # parents before their children

"""Tables that agree: every type but floats exactly, floats by a relative tolerance, wherever they stand."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from graphlab.store.runs.agreement import agreement, has_floats

TABLE = pa.table(
    {
        "root_id": pa.array([2**64 - 1, None, 3], pa.uint64()),
        "motif": ["021D", "030T", None],
        "z": [1.0, math.nan, -math.inf],
        "small": [1e-300, 0.0, None],
        "edges": pa.array([[[1.0, 2.0]], [], None], pa.list_(pa.list_(pa.float64()))),
        "parts": pa.array([{"n": 1, "x": 2.5}, {"n": 2, "x": None}, None]),
    }
)


def with_column(name: str, values: list) -> pa.Table:
    at = TABLE.column_names.index(name)
    return TABLE.set_column(at, TABLE.schema.field(name), pa.array(values, TABLE.schema.field(name).type))


def test_a_table_agrees_with_itself_in_pieces() -> None:
    found = agreement(TABLE, pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]))
    assert found.problem is None
    assert found.largest == 0.0
    assert agreement(TABLE.slice(0, 0), TABLE.slice(3)).problem is None


@pytest.mark.parametrize(
    ("name", "values", "largest"),
    [
        ("z", [1.0 + 1e-10, math.nan, -math.inf], 1e-10),
        ("small", [1e-300 * (1 + 1e-10), 0.0, None], 1e-10),
        ("edges", [[[1.0, 2.0 * (1 - 1e-10)]], [], None], 1e-10),
        ("parts", [{"n": 1, "x": 2.5 * (1 + 1e-10)}, {"n": 2, "x": None}, None], 1e-10),
    ],
)
def test_floats_within_the_tolerance_agree(name: str, values: list, largest: float) -> None:
    found = agreement(TABLE, with_column(name, values))
    assert found.problem is None
    assert found.largest == pytest.approx(largest, rel=1e-3)
    assert agreement(TABLE, with_column(name, values), tolerance=1e-11).problem


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("root_id", [2**64 - 2, None, 3], "column 'root_id', row 1: recorded 18446744073709551615, recomputed"),
        ("root_id", [2**64 - 1, 0, 3], "column 'root_id', row 2: recorded None"),
        ("motif", ["021D", "030C", None], "column 'motif', row 2: recorded '030T', recomputed '030C'"),
        ("z", [1.0 + 1e-8, math.nan, -math.inf], "column 'z': recorded 1.0, recomputed 1.00000001"),
        ("z", [1.0, 0.0, -math.inf], "column 'z': recorded nan, recomputed 0.0"),
        ("z", [1.0, math.nan, math.inf], "column 'z': recorded -inf, recomputed inf"),
        ("small", [1e-300, 1e-300, None], "column 'small': recorded 0.0, recomputed 1e-300"),
        ("small", [1e-300, 0.0, 0.0], "column 'small': other cells are empty"),
        ("edges", [[[1.0], [2.0]], [], None], "column 'edges': lists of other lengths"),
        ("edges", [[[1.0, 2.1]], [], None], "column 'edges': recorded 2.0, recomputed 2.1"),
        ("parts", [{"n": 3, "x": 2.5}, {"n": 2, "x": None}, None], "column 'parts', row 1: recorded 1, recomputed 3"),
    ],
)
def test_what_differs_is_told(name: str, values: list, told: str) -> None:
    assert str(agreement(TABLE, with_column(name, values)).problem).startswith(told)


def test_other_shapes_differ() -> None:
    assert "rows" in str(agreement(TABLE, TABLE.slice(1)).problem)
    assert "columns" in str(agreement(TABLE, TABLE.drop_columns(["z"])).problem)
    other = TABLE.set_column(2, "z", pa.array([1, 2, 3]))
    assert "type" in str(agreement(TABLE, other).problem)


def test_where_floats_are() -> None:
    assert has_floats(TABLE)
    assert has_floats(TABLE.select(["edges"]))
    assert has_floats(TABLE.select(["parts"]))
    assert not has_floats(TABLE.select(["root_id", "motif"]))

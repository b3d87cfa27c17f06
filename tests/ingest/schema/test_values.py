"""Arrow columns of any origin into our types; the first value that does not fit is named by row and column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import root_id_of_name, root_ids_of_names
from ingest.schema.values import NameIds, Place, convert, points

IDS = st.lists(st.one_of(st.none(), st.integers(0, 2**64 - 1)), max_size=12)


def place(n: int) -> Place:
    return Place("a.csv", "c", np.arange(11, 11 + n))


def as_kind(values: Any, kind: pa.DataType, required: bool = False) -> list[Any]:
    array = values if isinstance(values, pa.Array | pa.DictionaryArray) else pa.array(values)
    return list(convert(array, kind, place(len(array)), required).to_pylist())


@settings(deadline=None)
@given(IDS)
def test_ids_of_every_origin(ids: list[int | None]) -> None:
    assert as_kind(pa.array(ids, pa.uint64()), pa.uint64()) == ids
    text = [None if value is None else f" {value} " for value in ids]
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        assert as_kind(pa.array(text, kind), pa.uint64()) == ids
    assert as_kind(pa.array(text, pa.string()).dictionary_encode(), pa.uint64()) == ids
    small = [None if value is None else value % 2**63 for value in ids]
    assert as_kind(pa.array(small, pa.int64()), pa.uint64()) == small


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1).map(str), min_size=1),
    st.sampled_from(["-1", "1.0", "1e3", "0x1", "", "AVAL", "٣", str(2**64), "9" * 30]),
)
def test_the_first_wrong_id_is_named(good: list[str], wrong: str) -> None:
    if wrong == "":
        with pytest.raises(SchemaError, match=rf"a.csv, row {11 + len(good)}, column 'c': the cell is empty"):
            as_kind([*good, wrong], pa.uint64(), required=True)
        return
    with pytest.raises(IdError, match=rf"a.csv, row {11 + len(good)}, column 'c': found"):
        as_kind([*good, wrong, "x"], pa.uint64())


@pytest.mark.parametrize("values", [pa.array([1.0]), pa.array([None, 2.5]), pa.array([True]), pa.array([[1]])])
def test_no_other_type_is_an_id(values: pa.Array) -> None:
    with pytest.raises(IdError, match="a.csv, row 1[12], column 'c': found"):
        as_kind(values, pa.uint64())


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=12))
def test_numbers(values: list[float | None]) -> None:
    assert as_kind(pa.array(values, pa.float64()), pa.float64()) == values
    assert as_kind(pa.array([None if v is None else repr(v) for v in values], pa.string()), pa.float64()) == values


def test_numbers_that_are_none() -> None:
    for values, message in (
        ([1.0, float("nan")], "row 12, column 'c': found nan; wanted a finite number, or an empty cell"),
        (["1", "inf"], "row 12, column 'c': found inf"),
        (["1", "", "many"], "row 13, column 'c': found 'many'; wanted a number"),
        ([[1.0]], "row 11, column 'c': found list"),
    ):
        with pytest.raises(SchemaError, match=message):
            as_kind(values, pa.float64())


def test_truths_and_texts() -> None:
    assert as_kind(["true", "F", " 1", "no", ""], pa.bool_()) == [True, False, True, False, None]
    assert as_kind([True, None], pa.bool_()) == [True, None]
    with pytest.raises(SchemaError, match="row 12, column 'c': found 'maybe'; wanted true or false"):
        as_kind(["yes", "maybe"], pa.bool_())
    assert as_kind(["a", "", "nan", "NaN", "None", " b "], pa.string()) == ["a", None, None, None, None, " b "]
    assert as_kind([1.0, 2.0, None], pa.string()) == ["1", "2", None]
    assert as_kind([1.5], pa.string()) == ["1.5"]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1, 2, 3], None]),
        pa.array([[1, 2, 3], None], pa.list_(pa.int64(), 3)),
        pa.array([[1, 2, 3], None], pa.large_list(pa.float64())),
        pa.array(["[1 2    3]", ""]),
        pa.array(["(1, 2,3)", None]),
        pa.array(["1 2 3", " "]).dictionary_encode(),
    ],
)
def test_points_of_every_origin(array: pa.Array) -> None:
    x, y, z = points([array], place(2), (4, 4, 40))
    assert (x.to_pylist(), y.to_pylist(), z.to_pylist()) == ([4, None], [8, None], [120, None])


def test_points_that_are_none() -> None:
    for array, message in (
        (pa.array([[1, 2, 3], [1, 2]]), r"row 12, column 'c': found \[1, 2\]; wanted three numbers"),
        (pa.array(["1 2"]), "row 11, column 'c': found"),
        (pa.array([7]), r"found int64; wanted points as \[x, y, z\]"),
        (pa.array(["1 2 x"]), "found 'x'; wanted a number"),
    ):
        with pytest.raises(SchemaError, match=message):
            points([array], place(2), (4, 4, 40))


def test_names_to_ids_over_batches() -> None:
    ids = NameIds(root_ids_of_names)
    assert ids(pa.array(["AVAL", None, "AVAR"])).to_pylist() == [root_id_of_name("AVAL"), None, root_id_of_name("AVAR")]
    assert ids(pa.array(["AVAR"])).to_pylist() == [root_id_of_name("AVAR")]
    assert ids(pa.array([], pa.string())).to_pylist() == []

"""Columns of Python values: exact integers, floats only where they hold every number, text otherwise."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ingest.tables.types.cells import column_of

BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([None, "", float("nan"), pd.NA, pd.NaT], pa.null(), [None] * 5),
        ([True, None, np.False_], pa.bool_(), [True, None, False]),
        ([BIG, None, -1], pa.int64(), [BIG, None, -1]),
        ([2**63 + 1, 5], pa.uint64(), [2**63 + 1, 5]),
        ([2**63 + 1, -5], pa.string(), [str(2**63 + 1), "-5"]),
        ([2**64], pa.string(), [str(2**64)]),
        ([1, 2.5, None], pa.float64(), [1.0, 2.5, None]),
        ([np.int64(1), np.float32(0.5)], pa.float64(), [1.0, 0.5]),
        ([BIG, 0.5], pa.string(), [str(BIG), "0.5"]),
        ([True, 1], pa.string(), ["true", "1"]),
        (["F", None], pa.string(), ["F", None]),
        ([[1, 2], {"a": 1}, np.array([1.5])], pa.string(), ["[1, 2]", '{"a": 1}', "[1.5]"]),
        ([decimal.Decimal("0.1"), "x"], pa.string(), ["0.1", "x"]),
    ],
)
def test_the_type_that_changes_no_value(values: list[Any], kind: pa.DataType, wanted: list[Any]) -> None:
    made = column_of(values)
    assert made.type == kind
    assert made.to_pylist() == wanted

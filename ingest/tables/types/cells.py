"""The type of a column whose cells come one by one: JSON values, cells of a workbook, Python objects of a frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pyarrow as pa

EXACT = 2**53
"""From here on a float does not tell neighbouring whole numbers apart."""


def column_of(values: Sequence[Any]) -> pa.Array:
    """Values of one column as Arrow, no digit lost.

    All true or false is bool, all whole is int64 or uint64, whole and decimal numbers together are float64 where a
    float holds each of them. Anything else is text, each value as it is written. None, NaN and "" are null.
    """
    cells = [None if empty(value) else value for value in values]
    present = [cell for cell in cells if cell is not None]
    if not present:
        return pa.nulls(len(cells))
    if all(isinstance(cell, bool | np.bool_) for cell in present):
        return pa.array([None if cell is None else bool(cell) for cell in cells], pa.bool_())
    if all(isinstance(cell, Real) and not isinstance(cell, bool | np.bool_) for cell in present):
        whole = [int(cell) for cell in present if isinstance(cell, Integral)]
        if len(whole) == len(present):
            kind = _integers(min(whole), max(whole))
            if kind is not None:
                return pa.array([None if cell is None else int(cell) for cell in cells], kind)
        elif not whole or max(map(abs, whole)) < EXACT:
            return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    return pa.array([None if cell is None else _written(cell) for cell in cells], pa.string())


def _integers(least: int, most: int) -> pa.DataType | None:
    if least >= -(2**63) and most < 2**63:
        return pa.int64()
    return pa.uint64() if least >= 0 and most < 2**64 else None


def empty(value: Any) -> bool:
    """None, NaN, pandas' NA and NaT, empty text."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return value == "" if isinstance(value, str) else isinstance(value, Real) and bool(value != value)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)

"""Whether a result agrees with the recorded one: whole numbers, ids and text to the byte, floats nearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

TOLERANCE = 1e-9
"""Relative. Another processor, numpy or numba may add the same floats up in another order."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two tables have in common."""

    problem: str | None
    """The first thing that differs by more than is allowed; None where nothing does."""
    largest: float
    """Largest relative difference of two floats, in the columns looked at."""


def has_floats(table: pa.Table) -> bool:
    """Whether any column holds floats, lists of them included."""
    return any(_floats(field.type) for field in table.schema)


def agreement(recorded: pa.Table, again: pa.Table, tolerance: float = TOLERANCE) -> Agreement:
    """Compare two tables column by column.

    Floats agree when they differ by at most ``tolerance`` times the larger of the two; NaN agrees with NaN, an
    infinity with itself, and an empty cell with nothing but an empty cell.
    """
    if recorded.column_names != again.column_names:
        return Agreement(f"the columns were {recorded.column_names} and are {again.column_names}", 0.0)
    if recorded.num_rows != again.num_rows:
        return Agreement(f"there were {recorded.num_rows:,} rows and are {again.num_rows:,}", 0.0)
    largest = 0.0
    for name in recorded.column_names:
        before, now = (_whole(table.column(name)) for table in (recorded, again))
        problem, most = _compare(before, now, tolerance)
        if problem:
            return Agreement(f"column {name!r}{problem}", most)
        largest = max(largest, most)
    return Agreement(None, largest)


def _floats(kind: pa.DataType) -> bool:
    if pa.types.is_floating(kind):
        return True
    return any(_floats(kind.field(i).type) for i in range(kind.num_fields))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _compare(before: pa.Array, now: pa.Array, tolerance: float) -> tuple[str, float]:
    """What differs, and by how much floats do at most."""
    if before.type != now.type:
        return f" was of type {before.type} and is of {now.type}", 0.0
    if not _floats(before.type):
        return ("" if before.equals(now) else _first_other(before, now)), 0.0
    if not before.is_valid().equals(now.is_valid()):
        return ": other cells are empty", 0.0
    before, now = before.drop_null(), now.drop_null()
    if pa.types.is_floating(before.type):
        return _compare_floats(before, now, tolerance)
    if pa.types.is_struct(before.type):
        pairs = list(zip(before.flatten(), now.flatten(), strict=True))
    else:
        if not before.value_lengths().equals(now.value_lengths()):
            return ": lists of other lengths", 0.0
        pairs = [(before.flatten(), now.flatten())]
    results = [_compare(*pair, tolerance) for pair in pairs]
    return next((problem for problem, _ in results if problem), ""), max((most for _, most in results), default=0.0)


def _compare_floats(before: pa.Array, now: pa.Array, tolerance: float) -> tuple[str, float]:
    a, b = (array.to_numpy(zero_copy_only=False).astype(np.float64) for array in (before, now))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        relative = np.where(same, 0.0, np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))
    relative = np.where(np.isnan(relative), np.inf, relative)  # only one of the two is finite
    most = float(relative.max(initial=0.0))
    if most <= tolerance:
        return "", most
    worst = int(relative.argmax())
    return f": recorded {float(a[worst])!r}, recomputed {float(b[worst])!r}", most


def _first_other(before: pa.Array, now: pa.Array) -> str:
    row = next(i for i in range(len(before)) if before[i] != now[i])
    return f", row {row + 1}: recorded {before[row].as_py()!r}, recomputed {now[row].as_py()!r}"

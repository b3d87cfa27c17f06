"""A matrix of numbers, its labels, and which side its rows are: connections, or the neurons that label it.

Nobody guesses what rows are: half of all labs write presynaptic neurons down the side, the other half along the top.

Tests: tests/ingest/tables/matrices/test_stored.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.columnar.files import BATCH_ROWS
from ingest.reader import Reading, ReadRequest
from ingest.schema.errors import SchemaError
from ingest.schema.limits import require_room
from ingest.tables.assemble import assemble
from ingest.tables.matrices.label_files import labels_of
from ingest.tables.types.labels import NUMBERS, ROWS, checked_labels, numbered, orientation

LABELS, COLUMN_LABELS, LABEL_COLUMN = "labels", "column_labels", "label_column"
OPTIONS = (ROWS, LABELS, COLUMN_LABELS, LABEL_COLUMN)
EXACT = 2**53
PIECE = 1 << 20
"""Cells of a full matrix that are looked at together."""
Part = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
"""Rows and columns from 0, and the numbers there."""


@dataclass(frozen=True)
class Matrix:
    """Numbers in rows and columns."""

    source: str
    shape: tuple[int, ...]
    parts: Callable[[], Iterator[Part]]
    """All numbers that are not 0, and maybe some that are."""
    kind: np.dtype[Any]
    size: int | None = None
    """Bytes of its file."""
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Further arrays beside it, by their names: an option may call one of them the labels."""


def full(
    source: str, values: npt.NDArray[Any], size: int | None = None, arrays: Mapping[str, Any] | None = None
) -> Matrix:
    """A matrix with a number in every cell."""

    def parts() -> Iterator[Part]:
        step = max(1, PIECE // max(1, values.shape[1]))
        for first in range(0, values.shape[0], step):
            piece = np.asarray(values[first : first + step])
            rows, columns = np.nonzero(piece)
            yield rows + first, columns, piece[rows, columns]

    return Matrix(source, values.shape, parts, values.dtype, size, arrays or {})


def read_matrix(matrix: Matrix, request: ReadRequest) -> Reading:
    """Connections, or neurons, of a matrix.

    Raises:
        SchemaError: it is not said what rows are, labels that do not fit, a number that is not finite.
    """
    name, shape = matrix.source, matrix.shape
    if request.as_ not in ("connections", "neurons"):
        raise SchemaError(f"{name}: a matrix holds connections; say --as connections")
    if len(shape) != 2 or matrix.kind.kind not in "biuf":
        raise SchemaError(f"{name}: found {matrix.kind} of shape {shape}; wanted numbers in rows and columns")
    pre_first = orientation(name, request)
    if pre_first is None and request.as_ == "connections":
        raise SchemaError(
            f"{name}: are its rows presynaptic or postsynaptic? Say --option {ROWS}=pre or --option {ROWS}=post"
        )
    rows, columns = _labels(matrix, request)
    if request.as_ == "neurons":
        return _neurons(name, rows, columns, request)
    word = "root_id" if pa.types.is_uint64(rows.type) else "name"
    schema = pa.schema([(f"pre_{word}", rows.type), (f"post_{word}", rows.type), ("weight", pa.float64())])
    seen = np.zeros(len(rows), bool), np.zeros(len(columns), bool)
    reading = assemble(name, request, schema, _batches(matrix, rows, columns, bool(pre_first), schema, seen))
    found = reading.batches

    def counted() -> Iterator[pa.RecordBatch]:
        yield from found
        silent = int((~seen[0] & ~seen[1]).sum()) if rows is columns else int((~seen[0]).sum() + (~seen[1]).sum())
        more = f", {silent:,} of them without connections (ingest it --as neurons, too, to have them)" if silent else ""
        size = f"{len(rows):,}" if rows is columns else f"{len(rows):,} x {len(columns):,}"
        reading.notes.append(f"a matrix of {size} neurons{more}; its rows are {'pre' if pre_first else 'post'}synaptic")

    reading.batches = counted()
    return reading


def _labels(matrix: Matrix, request: ReadRequest) -> tuple[pa.Array, pa.Array]:
    """Labels of the rows and of the columns; the same array where they are the same neurons."""
    name, (height, width), said = matrix.source, matrix.shape, request.options
    labels, tops = said.get(LABELS), said.get(COLUMN_LABELS)
    if labels is None:
        raise SchemaError(
            f"{name}: whose are its {height:,} rows? Say --option {LABELS}=FILE (an id or a name a line, in their "
            f"order), or --option {LABELS}={NUMBERS} to number neurons 1, 2, 3, ..."
        )
    if tops is None and height != width:
        raise SchemaError(
            f"{name}: {height:,} rows and {width:,} columns; --option {LABELS}=FILE names the rows, then say "
            f"--option {COLUMN_LABELS}=FILE, too"
        )
    if isinstance(labels, str) and labels == NUMBERS:
        if tops is not None or said.get(LABEL_COLUMN) is not None:
            raise SchemaError(f"{name}: {LABELS}={NUMBERS} takes no other option about labels; leave it out")
        require_room(f"{name}: labels of {height:,} neurons", 16 * height, matrix.size)
        rows = numbered(height)
        return rows, rows
    rows = _named(matrix, labels, height, "rows", said.get(LABEL_COLUMN))
    if tops is None:
        return rows, rows
    columns = _named(matrix, tops, width, "columns", said.get(LABEL_COLUMN))
    if rows.type != columns.type:
        raise SchemaError(f"{name}: one of its sides is labelled by ids, the other by names; label both alike")
    return rows, columns


def _named(matrix: Matrix, labels: Any, n: int, of: str, column: Any) -> pa.Array:
    if isinstance(labels, str) and labels in matrix.arrays:
        if column is not None:
            raise SchemaError(f"{matrix.source}: the labels {labels!r} are an array without columns; leave it out")
        return checked_labels(matrix.arrays[labels], f"{matrix.source} [{labels}]", n, of)
    values, called = labels_of(labels, matrix.source, None if column is None else str(column))
    return checked_labels(values, called, n, of)


def _neurons(name: str, rows: pa.Array, columns: pa.Array, request: ReadRequest) -> Reading:
    every = rows if rows is columns else pa.concat_arrays([rows, columns]).unique()
    table = pa.table({"root_id" if pa.types.is_uint64(every.type) else "name": every})
    return assemble(name, request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), len(every))


def _batches(
    matrix: Matrix,
    rows: pa.Array,
    columns: pa.Array,
    pre_first: bool,
    schema: pa.Schema,
    seen: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
) -> Iterator[pa.RecordBatch]:
    for all_row, all_column, all_data in matrix.parts():
        for first in range(0, len(all_data), BATCH_ROWS):
            row, column, data = (part[first : first + BATCH_ROWS] for part in (all_row, all_column, all_data))
            _check(matrix.source, row, column, data)
            there = data != 0
            row, column, data = row[there], column[there], data[there]
            seen[0][row] = True
            seen[1][column] = True
            sides = rows.take(pa.array(row.astype(np.int64))), columns.take(pa.array(column.astype(np.int64)))
            pre, post = sides if pre_first else sides[::-1]
            yield pa.RecordBatch.from_arrays([pre, post, pa.array(data.astype(np.float64))], schema=schema)


def _check(name: str, row: npt.NDArray[Any], column: npt.NDArray[Any], data: npt.NDArray[Any]) -> None:
    kind = data.dtype.kind
    if kind == "b":
        return
    wrong = ~np.isfinite(data) if kind == "f" else (data > EXACT) if kind == "u" else (data > EXACT) | (data < -EXACT)
    if wrong.any():
        at = int(np.argmax(wrong))
        wanted = "a finite number" if kind == "f" else "a weight below 2^53, which a float holds"
        raise SchemaError(f"{name}, row {row[at] + 1}, column {column[at] + 1}: found {data[at]}; wanted {wanted}")

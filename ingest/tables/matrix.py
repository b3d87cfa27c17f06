"""Adjacency matrices as rows of cells: cells are weights, labels where there are any.

Rows are presynaptic, unless ``--option rows=post`` says that they are not; a note says which.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from ingest.reader import Reading, ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.ids import is_id
from ingest.tables.assemble import assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.types.labels import ROWS, orientation, refuse_float_ids

LOOK = 60
"""Rows that decide whether a table is a matrix."""


def is_matrix(lines: list[str], separator: str, request: ReadRequest) -> bool:
    """Whether the first lines of a text table are those of a matrix, labelled or bare.

    ``--option matrix=yes`` or ``no`` decides it by word.
    """
    stated = matrix_option(request)
    if stated is not None or request.as_ != "connections":
        return bool(stated)
    cells = [[cell.strip(' "') for cell in line.split(separator)] for line in lines]
    return looks_square(cells)


def matrix_option(request: ReadRequest) -> bool | None:
    """What ``--option matrix=`` says; None where it is not given.

    Raises:
        UnknownNameError: neither yes nor no. SchemaError: yes, and no matrix could hold such rows.
    """
    choice = str(request.options.get("matrix", "")).lower()
    if choice not in ("", "yes", "true", "1", "no", "false", "0"):
        raise UnknownNameError("value of the option matrix", choice, ("yes", "no"))
    matrix = choice in ("yes", "true", "1")
    if matrix and request.as_ not in ("connections", "neurons"):
        raise SchemaError(f"a matrix holds connections or neurons, not {request.as_}; leave --option matrix=yes out")
    return None if not choice else matrix


def refuse_rows(source: str, request: ReadRequest) -> None:
    """Refuse to hear what the rows of a matrix are where there is no matrix."""
    if ROWS in request.options:
        raise SchemaError(
            f"{source}: --option {ROWS}={request.options[ROWS]} is for matrices, and this was read as a table; "
            "leave it out, or say --option matrix=yes, too"
        )


def looks_square(rows: list[list[Any]]) -> bool:
    """A corner cell that is empty with labels along both edges, or a square of numbers alone."""
    if len(rows) < 2 or len(rows[0]) < 3:
        return False
    width = len(rows[0])
    head, body = rows[0], rows[1:LOOK]
    if any(len(row) != width for row in body):
        return False
    numbers = all(_number(cell) for row in body for cell in row[1:])
    labelled = str(head[0] or "").strip() in ("", "column0") and len({str(h) for h in head[1:]}) == width - 1
    if labelled and numbers and width > 3:
        # A table saved by pandas has an empty corner, too; a matrix repeats its row labels along the top.
        labels = {str(cell) for cell in head[1:]}
        return all(str(row[0]) in labels for row in body)
    bare = all(_number(cell) for cell in head) and numbers and width > 3
    return bare and all(_number(row[0]) for row in body) and (len(rows) == width or (len(rows) >= LOOK < width))


def as_edges(source: str, rows: list[list[Any]], request: ReadRequest) -> Reading:
    """Connections of a matrix given as rows of cells.

    Empty cells and zeros are no connections. A bare matrix numbers its neurons 1, 2, 3, ...

    Raises:
        SchemaError: a cell that is no number, a bare matrix that is not square.
    """
    first_row, first_column, labels, tops = _labels(source, rows)
    pre, post, weight = [], [], []
    for i, (label, row) in enumerate(zip(labels, rows[first_row:], strict=True)):
        if label in ("", "None"):
            continue  # totals under the matrix
        for j, cell in enumerate(row[first_column:]):
            if cell is None or cell in ("", 0) or j >= len(tops) or not tops[j]:
                continue
            value = _value(cell)
            if value is None or not math.isfinite(value):
                raise SchemaError(
                    f"{source}, row {first_row + i + 1}, column {first_column + j + 1}: found {cell!r}; "
                    "wanted a finite number or an empty cell"
                )
            if value != 0:
                pre.append(label)
                post.append(tops[j])
                weight.append(value)
    return edges(source, pre, post, weight, _all(labels, tops), request)


def as_neurons(source: str, rows: list[list[Any]], request: ReadRequest) -> Reading:
    """The neurons that label a matrix, those without connections included."""
    *_, labels, tops = _labels(source, rows)
    return neurons(source, _all(labels, tops), request)


def neurons(source: str, labels: list[str], request: ReadRequest) -> Reading:
    """A Reading of neurons by their labels; labels that are all integers are ids, others are names."""
    refuse_float_ids(source, labels)
    column = "root_id" if all(is_id(label) for label in labels) else "name"
    table = pa.table({column: pa.array(labels, pa.string())})
    return assemble(source, request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), len(labels))


def _labels(source: str, rows: list[list[Any]]) -> tuple[int, int, list[str], list[str]]:
    """Rows and columns before the numbers, labels of the rows, labels of the columns."""
    first_row, first_column = _corner(rows)
    head = rows[first_row - 1][first_column:] if first_row else []
    body = rows[first_row:]
    labels = [str(row[first_column - 1]).strip() for row in body] if first_column else []
    tops = [str(cell).strip() if cell is not None else "" for cell in head]
    if not labels:
        if any(len(row) != len(body) for row in body):
            raise SchemaError(
                f"{source}: a matrix without labels must be square; found {len(body)} rows of {len(body[0])}"
            )
        labels = tops = [str(number) for number in range(1, len(body) + 1)]
    return first_row, first_column, labels, tops


def _all(labels: list[str], tops: list[str]) -> list[str]:
    return sorted({*labels, *tops} - {"", "None"})


def edges(
    source: str, pre: list[str], post: list[str], weight: list[float], labels: list[str], request: ReadRequest
) -> Reading:
    """A Reading of labelled connections; labels that are all integers are ids, others are names."""
    refuse_float_ids(source, labels)
    named = not all(is_id(label) for label in labels)
    rows_pre = orientation(source, request) is not False
    if not rows_pre:
        pre, post = post, pre
    columns = ("pre_name", "post_name") if named else ("pre_root_id", "post_root_id")
    table = pa.table(
        {columns[0]: pa.array(pre, pa.string()), columns[1]: pa.array(post, pa.string()), "weight": weight}
    )
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    reading = assemble(source, request, table.schema, batches, len(weight))
    silent = len(labels) - len({*pre, *post})
    reading.notes.append(
        f"a matrix of {len(labels):,} neurons"
        + (f", {silent} of them without connections (ingest it --as neurons, too, to have them)" if silent else "")
        + (f"; its rows are {'pre' if rows_pre else 'post'}synaptic")
        + ("" if ROWS in request.options else f" (--option {ROWS}=post takes its columns)")
    )
    return reading


def _corner(rows: list[list[Any]]) -> tuple[int, int]:
    """Where the numbers begin: (rows of labels, columns of labels).

    Labels are the column, and then the row, with the most different texts near the corner (Cook's sheets have
    group names outside them); ids as labels are told by an empty corner cell.
    """
    columns = [
        len({str(row[j]) for row in rows if j < len(row) and _is_text(row[j])}) for j in range(min(6, len(rows[0])))
    ]
    if max(columns) >= len(rows) / 3:
        first_column = columns.index(max(columns)) + 1
    else:
        first_column = 1 if str(rows[0][0] if rows[0][0] is not None else "").strip() in ("", "column0") else 0
    tops = [len({str(cell) for cell in row[first_column:] if _is_text(cell)}) for row in rows[:6]]
    if max(tops) > 0:
        return tops.index(max(tops)) + 1, first_column
    return (1, first_column) if first_column else (0, 0)


def _is_text(cell: Any) -> bool:
    return not _number(cell)


def _number(cell: Any) -> bool:
    return cell is None or cell == "" or _value(cell) is not None


def _value(cell: Any) -> float | None:
    if isinstance(cell, int | float):
        return float(cell)
    try:
        return float(str(cell).strip())
    except ValueError:
        return None

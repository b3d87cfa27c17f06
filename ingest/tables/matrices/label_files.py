"""Labels of a matrix from a file beside it, or as Python hands them over: one a row, in the order of the rows.

Tests: tests/ingest/tables/matrices/test_stored.py.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.arrays.numpy_files import ENDING, open_npy
from ingest.columnar.files import ENDINGS, read_columns
from ingest.dialects import OWNERS, SYNONYMS
from ingest.schema.errors import ReadError, SchemaError, did_you_mean
from ingest.tables.files import checked, ends

HEADS = ("root_id", "id", "ids", "name", "names", "label", "labels", "neuron", "neurons", "pt_root_id",
         *SYNONYMS["neurons"]["root_id"], *OWNERS)  # fmt: skip
"""First lines of a list that are no label."""
POSITIONS = ("idx", "index")
"""Columns that say which row of the matrix is meant."""
LONGEST = 512 << 20
PICKLES = (".npz", ".pkl", ".pickle")


def labels_of(labels: Any, source: str, column: str | None) -> tuple[Any, str]:
    """Values that may be labels, and how they are called in messages.

    Args:
        labels: a path to a list, CSV, .npy, Parquet or Feather file; or a sequence, a column of a frame.
        source: of the matrix. column: of a file with several.

    Raises:
        ReadError: no such file. SchemaError: several columns and none is chosen.
    """
    if not isinstance(labels, str | Path):
        if column is not None:
            raise SchemaError(f"{source}: label_column does nothing for labels in memory; leave it out")
        values = labels.to_list() if hasattr(labels, "to_list") and not hasattr(labels, "type") else labels
        if not hasattr(values, "__len__") or isinstance(values, bytes | dict):
            raise SchemaError(f"{source}: labels are {type(labels).__name__}; wanted one a row, in their order")
        return (values if isinstance(values, pa.Array | pa.ChunkedArray) else _plain(values)), f"{source}: its labels"
    path = checked(labels)
    if ends(path, ENDING):
        if column is not None:
            raise SchemaError(f"{path}: an array has no column {column!r}; leave label_column out")
        array = open_npy(path)
        if array.ndim != 1:
            raise SchemaError(f"{path}: found an array of shape {array.shape}; wanted one label a row")
        return array, str(path)
    if ends(path, *PICKLES):
        raise ReadError(f"{path}: labels are no such file; wanted a list, CSV, .npy, Parquet or Feather")
    if ends(path, *ENDINGS):
        table = read_columns(path)
        return _column(table, path, column), str(path)
    return _text(path, column), str(path)


def _plain(values: Any) -> Any:
    return values if hasattr(values, "dtype") else list(values)


def _column(table: pa.Table, path: Path, column: str | None) -> pa.ChunkedArray:
    name = _chosen(table.column_names, path, column)
    _check_order([table.column(at).to_pylist() for at in table.column_names if at in POSITIONS and at != name], path)
    return table.column(name)


def _text(path: Path, column: str | None) -> pa.Array:
    """Labels of a text file: all lines of a list, or one column below a header."""
    if path.stat().st_size > LONGEST:
        raise ReadError(f"{path} has {path.stat().st_size:,} bytes; labels are read up to {LONGEST:,}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        head = lines[0] if lines else ""
        separator = next((mark for mark in "\t,;" if mark in head), ",")
        rows = list(csv.reader(lines, delimiter=separator))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{path}: this is no list of labels in UTF-8: {error}") from None
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise ReadError(f"{path} is empty")
    names = [cell.strip() for cell in rows[0]]
    width = len(names)
    odd = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if odd is not None:
        raise SchemaError(f"{path}, line {odd + 1}: found {len(rows[odd])} cells; wanted {width}, as in line 1")
    if width == 1 and column is None:
        return pa.array([row[0] for row in rows[names[0] in HEADS :]], pa.string())
    name = _chosen(names, path, column)
    at = names.index(name)
    _check_order([[row[i] for row in rows[1:]] for i, head in enumerate(names) if head in POSITIONS and i != at], path)
    return pa.array([row[at] for row in rows[1:]], pa.string())


def _chosen(names: list[str], path: Path, column: str | None) -> str:
    if column is not None:
        if column not in names:
            raise SchemaError(f"{path} has no column {column!r}{did_you_mean(column, names)}")
        return column
    if len(names) == 1:
        return names[0]
    if "root_id" in names:
        return "root_id"
    raise SchemaError(
        f"{path}: found the columns {', '.join(names)}; say which holds labels: --option label_column=NAME"
    )


def _check_order(positions: list[list[Any]], path: Path) -> None:
    """Refuse a table whose column of positions says another order than its lines."""
    for said in positions:
        try:
            found = [int(value) for value in said]
        except (TypeError, ValueError):
            continue
        if found not in (list(range(len(found))), list(range(1, len(found) + 1))):
            raise SchemaError(
                f"{path}: its column {' or '.join(POSITIONS)} says another order than its lines; sort by it"
            )

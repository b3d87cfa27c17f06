"""Measured responses to perturbation: who was stimulated, who responded, by how much. The only causal edges.

A long table has ``pre_name`` (or ``pre_root_id``, the stimulated neuron), ``post_name`` (the responding one) and
``value``, and may have ``p``, ``q``, ``connected`` (the source's own verdict). A CSV matrix has names in its first
column and first row; which side was stimulated must be said, since a transposed matrix looks just as good.

Tests: tests/ingest/synthetic/test_responses.py.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.recordings.tables import as_table
from ingest.schema.errors import SchemaError, did_you_mean

ROWS = ("response", "stimulus")
LONG = ("pre_name", "post_name", "pre_root_id", "post_root_id", "value", "p", "q", "connected")


def read_responses(source: Any, rows: str | None = None) -> pa.Table:
    """One row a measured ordered pair, i = j left out.

    Args:
        source: a path or a table. rows: for a matrix, what its rows are: ``response`` or ``stimulus``.

    Raises:
        SchemaError: a matrix without ``rows``, names twice, cells that are no numbers, a pair twice.
    """
    if isinstance(source, str | Path) and Path(source).suffix.lower() in (".csv", ".tsv"):
        with Path(source).open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, delimiter="\t" if str(source).lower().endswith(".tsv") else ","))
        if lines and not {"pre_name", "pre_root_id"} & set(lines[0]):
            return from_matrix(*_matrix(lines, str(source)), rows, str(source))
    table, name, _ = as_table(source)
    columns = table.schema.names
    pair = ("pre_root_id", "post_root_id") if "pre_root_id" in columns else ("pre_name", "post_name")
    for column in (*pair, "value"):
        if column not in columns:
            raise SchemaError(f"{name}: responses need {', '.join((*pair, 'value'))}; found {', '.join(columns)}")
    table = table.select([column for column in LONG if column in columns])
    pre, post = (table.column(column).to_pylist() for column in pair)
    twice = [key for key, count in Counter(zip(pre, post, strict=True)).items() if count > 1]
    if twice:
        raise SchemaError(f"{name}: the response of {twice[0][1]} to {twice[0][0]} is given twice")
    return table.filter(pa.array([a != b for a, b in zip(pre, post, strict=True)]))


def _matrix(lines: list[list[str]], source: str) -> tuple[np.ndarray, list[str], list[str]]:
    columns, rows = lines[0][1:], [line[0] for line in lines[1:]]
    try:
        values = np.array([[float(cell) if cell.strip() else np.nan for cell in line[1:]] for line in lines[1:]])
    except ValueError as error:
        raise SchemaError(f"{source}: {error}; wanted a matrix of numbers with names in first row and column") from None
    return values, rows, columns


def from_matrix(values: np.ndarray, row_names: list[str], column_names: list[str], rows: str | None,
                source: str = "matrix") -> pa.Table:  # fmt: skip
    """A matrix of responses as rows: NaN is a pair that was not measured."""
    if rows not in ROWS:
        hint = did_you_mean(str(rows), ROWS) if rows else ""
        raise SchemaError(f"{source}: say what the rows of the matrix are, rows=response or rows=stimulus{hint}")
    if values.shape != (len(row_names), len(column_names)):
        raise SchemaError(f"{source}: {values.shape} values for {len(row_names)} rows and {len(column_names)} columns")
    for names in (row_names, column_names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise SchemaError(f"{source}: duplicated name: {twice[0]!r} names several rows or columns")
    i, j = np.nonzero(np.isfinite(values))
    off = np.array([row_names[a] != column_names[b] for a, b in zip(i, j, strict=True)], dtype=bool)
    i, j = i[off], j[off]
    row, column = [row_names[a] for a in i], [column_names[b] for b in j]
    pre, post = (column, row) if rows == "response" else (row, column)
    return pa.table({"pre_name": pre, "post_name": post, "value": values[i, j]})

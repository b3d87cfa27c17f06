"""Rows of pairs as a matrix: a row a presynaptic group, a column a postsynaptic one.

Tests: tests/graphlab/verbs/everyday/test_connections.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ingest.schema.errors import SchemaError, UnknownNameError

MOST_COLUMNS = 10_000
UNKNOWN = "(unknown)"
"""The column of groups whose label is not known."""
VALUES = ("weight", "connections", "fraction_in", "fraction_out")


def matrix(table: pa.Table, labels: list[str], by_neuropil: bool, values: str, beside: list[str]) -> pa.Table:
    """The matrix of a table of pairs; 0 where no row is.

    Args:
        table: ``connections`` or ``adjacency``. labels: what its groups are by. by_neuropil: they are by neuropil, too.
        beside: columns of the presynaptic side that stand beside its labels.

    Returns:
        The presynaptic labels, then a column of doubles for each postsynaptic group: its labels (and the neuropil), as
        text, joined by `` | ``; rows and columns in the order of their labels.

    Raises:
        SchemaError: no two sides, or more than ``MOST_COLUMNS`` columns. UnknownNameError: no such value.
    """
    known = [name for name in VALUES if name in table.column_names]
    if values not in known:
        raise UnknownNameError("values of a matrix", values, known)
    if not labels:
        raise SchemaError("a matrix has a presynaptic and a postsynaptic side; by='neuropil' alone has neither")
    pre, post = ([_column(name, end) for name in labels] for end in ("pre", "post"))
    post += ["neuropil"] if by_neuropil else []
    rows, row_keys = _numbered(table, pre)
    columns, column_keys = _numbered(table, post)
    if len(column_keys) > MOST_COLUMNS:
        raise SchemaError(
            f"the matrix would have {len(column_keys):,} columns, more than {MOST_COLUMNS:,}; choose fewer neurons, or "
            "take the table of pairs"
        )
    filled = np.zeros((len(row_keys), len(column_keys)))
    filled[rows, columns] = np.nan_to_num(table[values].to_numpy())
    names = [" | ".join(UNKNOWN if part is None else str(part) for part in key) for key in column_keys]
    more = [f"{name}_pre" for name in beside if f"{name}_pre" not in pre and f"{name}_pre" in table.column_names]
    first = np.zeros(len(row_keys), dtype=np.int64)
    first[rows[::-1]] = np.arange(len(rows))[::-1]
    head = [table[name].take(pa.array(first)).combine_chunks() for name in [*pre, *more]]
    heading = [*pre, *more]
    if len(set(names)) < len(names) or set(names) & set(heading):
        raise SchemaError("two columns of the matrix would have one name; take the table of pairs")
    return pa.Table.from_arrays([*head, *(pa.array(column) for column in filled.T)], names=[*heading, *names])


def _column(label: str, end: str) -> str:
    """The column of a label on one side of a connection."""
    return f"{end}_root_id" if label == "root_id" else f"{label}_{end}"


def _numbered(table: pa.Table, columns: list[str]) -> tuple[Any, list[tuple[Any, ...]]]:
    """Which group each row is of, and the groups in the order of their labels, unknown ones last."""
    keys = list(zip(*(table[name].to_pylist() for name in columns), strict=True))
    groups = sorted(set(keys), key=lambda key: [(part is None, part) for part in key])
    place = {key: number for number, key in enumerate(groups)}
    return np.array([place[key] for key in keys], dtype=np.int64), groups

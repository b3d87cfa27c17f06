"""Answers of Cypher as neuPrint's JSON has them, and skeletons as its SWC.

Tests: tests/graphlab/web/neuprint/test_values.py.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.exchange.table_files import plain
from ingest.schema.errors import SchemaError
from ingest.skeletons.skeleton import Skeleton

LARGEST_NODE = 2**31 - 1
"""Of the numbers that neuprint-python reads nodes as."""


def cells(table: pa.Table) -> list[list[Any]]:
    """Rows as neuPrint gives them: ids are numbers, documents are objects, lists of unlike values are lists."""
    columns = []
    for place, field in enumerate(table.schema):
        document = (field.metadata or {}).get(b"graphlab") == b"json"
        values = table.column(place).to_pylist()
        columns.append([_document(value) if document else _value(value, field.type) for value in values])
    return [list(row) for row in zip(*columns, strict=True)]


def _document(value: Any) -> Any:
    if isinstance(value, list):
        return [_document(item) for item in value]
    return None if value is None else json.loads(value)


def _value(value: Any, kind: pa.DataType, inside: bool = False) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_value(item, kind.value_type, True) for item in value]
    if pa.types.is_struct(kind):
        told = {name: _value(item, kind.field(name).type) for name, item in value.items()}
        return list(told.values()) if inside else told  # in a list, it is a list of values of several types
    return plain(value)


def arrow_table(table: pa.Table) -> pa.Table:
    """The same as Arrow: ids int64, as neuPrint has them.

    Raises:
        SchemaError: an id past 2^63, a column whose values are of several types.
    """
    rows = cells(table)
    columns = {}
    for place, field in enumerate(table.schema):
        try:
            values = [row[place] for row in rows]
            columns[field.name] = table.column(place) if _is_plain(field) else pa.array(values)
            if pa.types.is_uint64(field.type):
                columns[field.name] = table.column(place).cast(pa.int64())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            raise SchemaError(
                f"column {field.name!r} has values that Arrow cannot say; ask with use_arrow=False"
            ) from None
    return pa.table(columns)


def _is_plain(field: pa.Field) -> bool:
    document = (field.metadata or {}).get(b"graphlab") == b"json"
    return not document and not pa.types.is_nested(field.type) and not pa.types.is_uint64(field.type)


def swc(skeleton: Skeleton) -> str:
    """A skeleton as SWC in nm, every node after its parent, with its own numbers where these are small enough.

    Unknown radii are ``nan``, which neuprint-python reads as unknown; types are 0.
    """
    ids = skeleton.node_ids.astype(object)
    if len(ids) and (max(ids) > LARGEST_NODE or min(ids) < 1):
        ids = np.arange(1, len(ids) + 1).astype(object)
    radii = np.full(len(ids), np.nan) if skeleton.radii_nm is None else skeleton.radii_nm
    types = np.zeros(len(ids), np.int64) if skeleton.types is None else skeleton.types
    lines = ["# nanometers"]
    for node in skeleton.order.tolist():
        parent = skeleton.parents[node]
        x, y, z = (repr(float(value)) for value in skeleton.points_nm[node])
        lines.append(
            f"{ids[node]} {types[node]} {x} {y} {z} {float(radii[node])!r} {-1 if parent < 0 else ids[parent]}"
        )
    return "\n".join(lines) + "\n"

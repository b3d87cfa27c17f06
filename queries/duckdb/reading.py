"""A SELECT under way, as Arrow.

Tests: tests/queries/test_result.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from queries.result import JSON_DOCUMENT

BATCH_ROWS = 122_880


def opened_reader(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any], rows: int = BATCH_ROWS
) -> pa.RecordBatchReader:
    """A statement under way; its schema says which texts are JSON documents."""
    relation = connection.sql(sql, params=dict(parameters) or None)
    documents = [number for number, kind in enumerate(relation.types) if str(kind) in ("JSON", "JSON[]")]
    reader = relation.to_arrow_reader(rows)
    if not documents:
        return reader
    schema = reader.schema
    for number in documents:
        schema = schema.set(number, schema.field(number).with_metadata(JSON_DOCUMENT))
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

"""Parquet, Feather and Arrow files, streamed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ingest.columnar.files import ARROW, BATCH_ROWS, FEATHER1, PARQUET, open_columns
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.files import begins, checked, named

__all__ = ["BATCH_ROWS", "ColumnarReader"]


class ColumnarReader:
    """Files that know their types; ids stay integers from disk to store."""

    uses = AcceptedOptions("Parquet and Arrow files", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        if begins(source, PARQUET, ARROW, FEATHER1):
            return Sure.FORMAT
        return named(source, ".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        opened = open_columns(path)
        attributes = _pandas_attributes(opened.schema)
        return assemble(str(path), request, _plain(opened.schema), opened.batches, opened.rows, attributes)


def _plain(schema: pa.Schema) -> pa.Schema:
    return schema.remove_metadata()


def _pandas_attributes(schema: pa.Schema) -> dict[str, Any]:
    """``df.attrs`` as pandas saves them with a Parquet file."""
    import json

    stored = (schema.metadata or {}).get(b"PANDAS_ATTRS")
    try:
        attributes = json.loads(stored) if stored else {}
    except (ValueError, RecursionError):
        return {}
    return attributes if isinstance(attributes, dict) else {}

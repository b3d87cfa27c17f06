"""Parquet, Feather, Arrow and Avro files, streamed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ingest.columnar.files import ARROW, AVRO, BATCH_ROWS, ENDINGS, FEATHER1, PARQUET, open_columns, pandas_attributes
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.files import begins, checked, named

__all__ = ["BATCH_ROWS", "ColumnarReader"]


class ColumnarReader:
    """Files that know their types; ids stay integers from disk to store."""

    uses = AcceptedOptions("Parquet, Arrow and Avro files", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        if begins(source, PARQUET, ARROW, FEATHER1, AVRO):
            return Sure.FORMAT
        return named(source, *ENDINGS)

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        opened = open_columns(path)
        attributes = pandas_attributes(opened.schema)
        return assemble(str(path), request, _plain(opened.schema), opened.batches, opened.rows, attributes)


def _plain(schema: pa.Schema) -> pa.Schema:
    return schema.remove_metadata()

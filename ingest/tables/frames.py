"""Tables in memory, as CAVEclient, fafbseg and neuprint-python return them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ingest.errors import IdError, SchemaError
from ingest.reader import Reading, ReadRequest, Uses, source_name
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.columnar import BATCH_ROWS


class FrameReader:
    """pandas, polars and pyarrow tables; ``df.attrs`` may say resolution and materialization."""

    uses = Uses("tables in memory", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: Any) -> bool:
        return isinstance(source, pa.Table | pa.RecordBatch) or type(source).__name__ == "DataFrame"

    def read(self, source: Any, request: ReadRequest) -> Reading:
        name = source_name(source)
        request.check(self.uses)
        attributes = dict(getattr(source, "attrs", {}) or {})
        frame = _arrow(source, name)
        batches = frame.to_batches(max_chunksize=BATCH_ROWS)
        return assemble(name, request, frame.schema.remove_metadata(), batches, frame.num_rows, attributes)


def _arrow(source: Any, name: str) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if hasattr(source, "to_arrow"):
        return source.to_arrow()
    frame = source
    if not all(isinstance(column, str) for column in frame.columns):
        frame = frame.rename(columns=str)
    if frame.index.name is not None or any(name is not None for name in frame.index.names):
        # root ids often sit in the index of an annotation table
        twice = [level for level in frame.index.names if level in frame.columns]
        if twice:
            raise SchemaError(f"{name}: {twice[0]!r} is both an index and a column; rename one of them")
        frame = frame.reset_index()
    if frame.attrs:
        frame = frame.copy(deep=False)
        frame.attrs = {}  # arrays among them are no JSON, of which pyarrow would warn
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise SchemaError(f"{name}: the column {twice!r} occurs twice")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except OverflowError as error:
        raise IdError(f"{name}: {error}; ids are integers from 0 to 2^64-1") from None
    except pa.ArrowException as error:
        raise SchemaError(f"{name}: a column mixes types: {str(error).splitlines()[0]}") from None

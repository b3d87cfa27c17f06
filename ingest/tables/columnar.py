"""Parquet, Feather and Arrow files, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.reader import Reading, ReadRequest, Uses
from ingest.schema.errors import ReadError
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.files import ARROW, FEATHER1, PARQUET, STREAM, begins, checked, ends

BATCH_ROWS = 1 << 17


class ColumnarReader:
    """Files that know their types; ids stay integers from disk to store."""

    uses = Uses("Parquet and Arrow files", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: Any) -> bool:
        return begins(source, PARQUET, ARROW, FEATHER1) or ends(
            source, ".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc"
        )

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        try:
            if begins(path, FEATHER1):
                raise ReadError(f"{path} is of the old Feather format; save it as Feather 2 or Parquet")
            if begins(path, ARROW, STREAM):
                return self._arrow(path, request)
            return self._parquet(path, request)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{path}: {_reason(path, error)}") from None

    def _parquet(self, path: Path, request: ReadRequest) -> Reading:
        from pyarrow import parquet

        file = parquet.ParquetFile(path, pre_buffer=True)
        attributes = _pandas_attributes(file.schema_arrow)
        batches = _checked(path, file.iter_batches(batch_size=BATCH_ROWS))
        return assemble(str(path), request, _plain(file.schema_arrow), batches, file.metadata.num_rows, attributes)

    def _arrow(self, path: Path, request: ReadRequest) -> Reading:
        if begins(path, STREAM):
            stream = pa.ipc.open_stream(pa.memory_map(str(path)))
            attributes = _pandas_attributes(stream.schema)
            return assemble(str(path), request, _plain(stream.schema), _checked(path, stream), None, attributes)
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        batches = (file.get_batch(i) for i in range(file.num_record_batches))
        attributes = _pandas_attributes(file.schema)
        return assemble(str(path), request, _plain(file.schema), _checked(path, batches), None, attributes)


def _checked(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches; damage met half way is an error that names the file.

    Offsets of an Arrow file are taken as they are, and a wrong one ends the process: so look at each batch first.
    """
    try:
        for batch in batches:
            batch.validate(full=True)
            yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: {_reason(path, error)}") from None


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


def _reason(path: Path, error: Exception) -> str:
    what = "Arrow file" if begins(path, ARROW, STREAM) else "Parquet file"
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"this is no whole {what} (truncated or damaged): {first}"

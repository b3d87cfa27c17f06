"""A columnar file, batch by batch or whole: its size is seen before it is read, its content before it is given."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.columnar import avro
from ingest.columnar.arrow_sizes import CELL, expanded_bytes, unpacked_batches
from ingest.columnar.mapped import MappedFile
from ingest.columnar.parquet_pages import pages_of
from ingest.schema.errors import ReadError
from ingest.schema.limits import most_bytes, require_room

PARQUET, ARROW, FEATHER1, STREAM = b"PAR1", b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"
ENDINGS = (".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc", ".avro")
AVRO = avro.MAGIC
BATCH_ROWS = 1 << 17
READ: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1 << 20}
"""Read ahead by the megabyte, not all row groups that are asked for: those stay in memory until the last is read."""
DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError, struct.error, MemoryError, IndexError)


@dataclass(frozen=True)
class ColumnarFile:
    """A columnar file that is open: nothing of it takes more memory than is given (``ingest.schema.limits``)."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    rows: int | None


def open_columns(path: Path) -> ColumnarFile:
    """A Parquet, Feather, Arrow or Avro file, batch by batch.

    Raises:
        ReadError: no such file, damaged, or one that would take too much memory; also while batches are read.
    """
    try:
        magic = _magic(path)
        if magic.startswith(FEATHER1):
            raise ReadError(f"{path} is of the old Feather format; save it as Feather 2 or Parquet")
        if magic.startswith((ARROW, STREAM)):
            opened = _arrow(path)
        elif magic.startswith(AVRO):
            schema, batches, rows = avro.open_avro(path, BATCH_ROWS)
            opened = ColumnarFile(schema, _checked(path, batches), rows)
        else:
            opened = _parquet(path)
        _ = opened.schema.names  # decoded here, where a name that is no text is damage
        return opened
    except DAMAGE as error:
        raise _as_ours(path, error) from None


def read_columns(path: Path) -> pa.Table:
    """All of a columnar file in memory.

    Raises:
        ReadError: as ``open_columns``; all of it would take too much memory.
    """
    opened = open_columns(path)
    batches, taken, size = [], 0, path.stat().st_size
    for batch in opened.batches:
        taken += batch.nbytes
        require_room(str(path), taken, size)
        batches.append(batch)
    return pa.Table.from_batches(batches, opened.schema)


def _parquet(path: Path) -> ColumnarFile:
    from pyarrow import parquet

    file = parquet.ParquetFile(path, **READ)
    return ColumnarFile(file.schema_arrow, _checked(path, _parquet_batches(path, file)), file.metadata.num_rows)


def _arrow(path: Path) -> ColumnarFile:
    mapped, count = MappedFile(path), None
    content = mapped.buffer
    if _magic(path).startswith(ARROW):
        count = pa.ipc.open_file(content).num_record_batches
        content = content.slice(len(ARROW) + 2)  # the rest of the file is a stream, and a footer
    stream = pa.ipc.open_stream(content)
    sizes = unpacked_batches(pa.ipc.MessageReader.open_stream(content))
    return ColumnarFile(stream.schema, _checked(path, _arrow_batches(path, mapped, stream, sizes, count)), None)


def _arrow_batches(
    path: Path, mapped: MappedFile, stream: Any, sizes: Iterator[int], count: int | None
) -> Iterator[pa.RecordBatch]:
    """Batches, each looked at before it is unpacked."""
    size, found = path.stat().st_size, 0
    for taken in sizes:
        require_room(str(path), taken, size)
        batch = stream.read_next_batch()
        yield batch
        mapped.was_read(batch.nbytes)
        found += 1
    if count is not None and found != count:
        raise ReadError(f"{path}: this is no whole Arrow file (truncated or damaged): {found} of {count} batches")


def _parquet_batches(path: Path, file: Any) -> Iterator[pa.RecordBatch]:
    """Batches; texts that repeat one long value are read as dictionaries first."""
    for rows, texts, groups in _alike(path, file):
        reader = file if not texts else _by_dictionary(path, file, texts)
        for batch in reader.iter_batches(batch_size=rows, row_groups=groups):
            if texts:
                _require_room(path, batch)
                columns = [a.cast(field.type) for a, field in zip(batch.columns, file.schema_arrow, strict=True)]
                batch = pa.RecordBatch.from_arrays(columns, schema=file.schema_arrow)
            yield batch


def _alike(path: Path, file: Any) -> Iterator[tuple[int, tuple[str, ...], list[int]]]:
    """Row groups that are read together: a batch may hold rows of all of them."""
    mapped, size = MappedFile(path), path.stat().st_size
    most, held = most_bytes(size), 0
    groups: list[int] = []
    before: tuple[int, tuple[str, ...]] | None = None
    for group in range(file.num_row_groups):
        rows, texts, taken = _shape(path, file, mapped.buffer, group)
        mapped.was_read(file.metadata.row_group(group).total_byte_size)
        if before is not None and (before != (rows, texts) or held + taken > most):
            yield *before, groups
            groups, held = [], 0
        before = rows, texts
        groups.append(group)
        held += taken
    if before is not None:
        yield *before, groups


def _shape(path: Path, file: Any, content: pa.Buffer, group: int) -> tuple[int, tuple[str, ...], int]:
    """How many rows of a row group to read at a time, which of its columns as dictionaries, bytes that it may take.

    Raises:
        ReadError: it takes too much memory whatever is done.
    """
    size = path.stat().st_size
    most, about = most_bytes(size), file.metadata.row_group(group)
    rows, texts, taken = BATCH_ROWS, [], 0
    for number in range(about.num_columns):
        column, said = about.column(number), file.schema.column(number)
        pages = pages_of(content, column, str(path))
        require_room(f"{path}, column {column.path_in_schema!r}", pages.largest, size)
        nested = said.max_repetition_level > 0
        many = pages.values if nested else min(about.num_rows, BATCH_ROWS)
        if said.physical_type == "BYTE_ARRAY":
            taken += pages.total
            if many * pages.dictionary > most:
                longest = _longest(path, file, group, column.path_in_schema) if pages.begins_by_dictionary else most
                texts += [column.path_in_schema] if many * longest > most else []
            each = pages.largest if pages.repeats else 0
        else:
            each = said.length if said.physical_type == "FIXED_LEN_BYTE_ARRAY" else CELL
        if nested or many * each <= most // 4:
            taken += many * each
        else:
            rows = min(rows, max(1, most // 4 // each))
            taken += rows * each
    require_room(f"{path}, row group {group}", taken, size)
    return rows, tuple(texts), taken


def _longest(path: Path, file: Any, group: int, column: str) -> int:
    """Bytes of the longest value of a column's dictionary."""
    reader = _by_dictionary(path, file, (column,))
    for batch in reader.iter_batches(batch_size=1, row_groups=[group], columns=[column]):
        array = batch.column(0)
        while not pa.types.is_dictionary(array.type):
            array = array.field(0) if pa.types.is_struct(array.type) else array.values
        return int(pc.max(pc.binary_length(array.dictionary)).as_py() or 0)
    return 0


def _by_dictionary(path: Path, file: Any, columns: tuple[str, ...]) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, **READ, metadata=file.metadata, read_dictionary=list(columns))


def _checked(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches; damage met half way is an error that names the file.

    Offsets of an Arrow file are taken as they are, and a wrong one ends the process: so look at each batch first.
    """
    try:
        for batch in batches:
            _require_room(path, batch)
            batch.validate(full=True)
            yield batch
    except DAMAGE as error:
        raise _as_ours(path, error) from None


def _require_room(path: Path, batch: pa.RecordBatch) -> None:
    batch.validate()
    taken = batch.num_rows * CELL + sum(map(expanded_bytes, batch.columns))
    require_room(str(path), taken, path.stat().st_size)


def _as_ours(path: Path, error: Exception) -> ReadError:
    if isinstance(error, ReadError):
        return error
    magic = _magic(path)
    what = (
        "Arrow file" if magic.startswith((ARROW, STREAM)) else "Avro file" if magic.startswith(AVRO) else "Parquet file"
    )
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ReadError(f"{path}: this is no whole {what} (truncated or damaged): {first}")


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def pandas_attributes(schema: pa.Schema) -> dict[str, Any]:
    """``df.attrs`` as pandas saves them with a Parquet file."""
    stored = (schema.metadata or {}).get(b"PANDAS_ATTRS")
    try:
        attributes = json.loads(stored) if stored else {}
    except (ValueError, RecursionError):
        return {}
    return attributes if isinstance(attributes, dict) else {}

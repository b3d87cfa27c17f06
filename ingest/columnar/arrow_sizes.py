"""What Arrow data take once they are unpacked: buffers that lie packed, values that are said once and meant often.

The metadata of a message is a flatbuffer (Arrow's ``Message.fbs``); its sizes are seen before anything is unpacked.

Tests: tests/ingest/columnar/test_files.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEADER, LENGTH, DATA, BUFFERS, COMPRESSION = 2, 0, 1, 2, 3
"""Fields of a Message, of a RecordBatch, of a DictionaryBatch (data), of a RecordBatch."""
CELL = 8
"""Bytes that a row takes at least, whatever its columns hold."""


def unpacked_bytes(message: pa.ipc.Message) -> int:
    """Bytes that the buffers of a message unpack to; of one that is not packed, what its rows take at least.

    Raises:
        struct.error, ValueError: it is damaged.
    """
    if message.type not in ("record batch", "dictionary"):
        return 0
    data = memoryview(message.metadata).cast("B")
    table = _followed(data, _field(data, _followed(data, 0), HEADER))
    if message.type == "dictionary":
        table = _followed(data, _field(data, table, DATA))
    length_at = _field(data, table, LENGTH)
    rows = struct.unpack_from("<q", data, length_at)[0] if length_at else 0
    taken = int(rows) * CELL
    buffers_at = _field(data, table, BUFFERS)
    if not (buffers_at and _field(data, table, COMPRESSION)):
        return taken
    at = _followed(data, buffers_at)
    (count,) = struct.unpack_from("<I", data, at)
    body = memoryview(message.body).cast("B")
    unpacked = 0
    for offset, length in struct.iter_unpack("<qq", data[at + 4 : at + 4 + 16 * count]):
        if length >= 8:
            (size,) = struct.unpack_from("<q", body, offset)
            unpacked += length if size == -1 else size
    return max(taken, unpacked)


def unpacked_batches(messages: Iterator[pa.ipc.Message]) -> Iterator[int]:
    """For each batch of records ``unpacked_bytes`` of it and of the dictionaries before it."""
    taken = 0
    for message in messages:
        taken += unpacked_bytes(message)
        if message.type == "record batch":
            yield taken
            taken = 0


def expanded_bytes(array: Any) -> int:
    """Bytes of what an array means beyond what it holds: a value of a dictionary counts as often as it stands there."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return int(_sizes(array.dictionary)[array.indices.drop_null().to_numpy()].sum())
    if pa.types.is_run_end_encoded(kind):
        runs = np.diff(np.asarray(array.run_ends, dtype=np.int64), prepend=0)
        return int((_sizes(array.values) * runs).sum())
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return int(_sizes(array).sum())
    if pa.types.is_struct(kind):
        return sum(expanded_bytes(array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        items = int(pc.sum(pc.list_value_length(array)).as_py() or 0)
        return items * max(CELL, int(_sizes(array.values).max(initial=0)))
    if pa.types.is_nested(kind) and hasattr(array, "values"):
        return expanded_bytes(array.values)
    return 0


def _sizes(values: Any) -> Any:
    """[n] bytes of each value."""
    kind = values.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        views = np.frombuffer(values.buffers()[1], dtype=np.int32).reshape(-1, 4)[values.offset :][: len(values)]
        return np.maximum(views[:, 0].astype(np.int64), 0)  # a view begins with the length of its value
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if any(fits(kind) for fits in texts):
        return pc.binary_length(values).fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    each = (expanded_bytes(values) + values.nbytes) // max(1, len(values))
    return np.full(len(values), max(CELL, each), dtype=np.int64)


def _followed(data: memoryview, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: memoryview, table: int, number: int) -> int:
    """Where a field of a table lies, 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, vtable)[0]:
        return 0
    (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * number)
    return table + offset if offset else 0

"""Avro files: fastavro decodes the records of a block, once its size is seen.

The container (Avro specification 1.12, "Object Container Files") is walked here, since fastavro unpacks a block of any
size at once. Records inside records become columns with a dot in their names, ``site.neuron_id``.

Tests: tests/ingest/columnar/test_avro.py.
"""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.columnar.mapped import MappedFile
from ingest.schema.errors import GraphlabError, MissingExtraError, ReadError
from ingest.schema.limits import most_bytes, require_room

MAGIC = b"Obj\x01"
SYNC = 16
"""Bytes between blocks, the same everywhere in a file."""
PER_BYTE = 10
"""Bytes that a byte of a block may take as Python objects."""
RECORDS = ("record", "error")
MOST_COLUMNS = 10_000
LONGEST = 16 << 20
"""Bytes of the header: schema and what else a writer says."""
PLAIN = {
    "null": pa.null(), "boolean": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float32(),
    "double": pa.float64(), "string": pa.string(), "enum": pa.string(), "bytes": pa.binary(), "fixed": pa.binary(),
}  # fmt: skip
LOGICAL = {
    "timestamp-millis": pa.timestamp("us", "UTC"), "timestamp-micros": pa.timestamp("us", "UTC"), "date": pa.date32(),
}  # fmt: skip


@dataclass(frozen=True)
class AvroColumn:
    """One column of the table that records make."""

    name: str
    steps: tuple[str, ...]
    """Fields that lead to its values, from the record down."""
    kind: pa.DataType
    written: bool
    """Whether its values become text, since Arrow has no one type for them."""


def open_avro(path: Path, batch_rows: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch], int]:
    """Schema, batches and number of rows of an Avro file.

    Raises:
        MissingExtraError: without fastavro. ReadError: damaged, cut short, or one that would take too much memory.
    """
    try:
        import fastavro
    except ImportError:
        raise MissingExtraError("fastavro", "avro") from None
    mapped = MappedFile(path)
    data = memoryview(mapped.buffer).cast("B")
    try:
        about, begin = _header(data)
        blocks = list(_blocks(data, begin))
        codec = about.get("avro.codec", b"null").decode()
        said = json.loads(about["avro.schema"])
        schema = fastavro.parse_schema(said)
        _require_bytes(schema)
        columns = _columns(schema)
    except ReadError:
        raise
    except Exception as error:  # a damaged schema makes fastavro raise whatever it meets
        raise _as_ours(path, error) from None
    if codec not in UNPACKED:
        raise ReadError(f"{path} is packed by {codec}, which is not read here; wanted one of {', '.join(UNPACKED)}")
    plain = _plain_header(said)

    def records() -> Iterator[Mapping[str, Any]]:
        for at, size, count in blocks:
            unpacked = _unpacked(path, codec, bytes(data[at : at + size]), len(data))
            mapped.was_read(size)
            if count > len(unpacked):
                raise ReadError(f"{path}: a block says {count:,} records in {len(unpacked):,} bytes; it is damaged")
            whole = b"".join((plain, _number(count), _number(len(unpacked)), unpacked, plain[-SYNC:]))
            found: Any = fastavro.reader(BytesIO(whole))
            yield from found

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            rows = records()
            while piece := list(islice(rows, batch_rows)):
                arrays = [_array(column, piece) for column in columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=arrow)
        except GraphlabError:
            raise
        except Exception as error:  # and so do damaged records
            raise _as_ours(path, error) from None

    arrow = pa.schema([(column.name, column.kind) for column in columns])
    return arrow, batches(), sum(count for *_, count in blocks)


def _header(data: memoryview) -> tuple[dict[str, bytes], int]:
    """What the file says of itself, and where its first block begins."""
    if bytes(data[:4]) != MAGIC:
        raise ValueError("it does not begin as Avro files do")
    head, at, about = data[:LONGEST], 4, dict[str, bytes]()
    while True:
        count, at = _long(head, at)
        if count < 0:
            count = -count
            _, at = _long(head, at)
        for _ in range(count):
            key, at = _bytes(head, at)
            about[key.decode()], at = _bytes(head, at)
        if not count:
            return about, at + SYNC


def _blocks(data: memoryview, begin: int) -> Iterator[tuple[int, int, int]]:
    """(where it lies, packed bytes, records) of each block."""
    if begin > len(data):
        raise ValueError("its header is cut short")
    sync, at = bytes(data[begin - SYNC : begin]), begin
    while at < len(data):
        count, at = _long(data, at)
        size, at = _long(data, at)
        end = at + size
        if count < 0 or size < 0 or bytes(data[end : end + SYNC]) != sync:
            raise ValueError(f"the block at byte {at:,} does not end where it says")
        yield at, size, count
        at = end + SYNC


def _long(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number >> 1 ^ -(number & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("a number has no end")


def _number(value: int) -> bytes:
    """A whole number from 0 on as Avro writes it."""
    value <<= 1
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _bytes(data: memoryview, at: int) -> tuple[bytes, int]:
    size, at = _long(data, at)
    if not 0 <= size <= len(data) - at:
        raise ValueError("its header is cut short")
    return bytes(data[at : at + size]), at + size


def _plain_header(schema: Any) -> bytes:
    """A header of the same schema without packing, for fastavro."""
    parts = [MAGIC, _number(1)]
    for text in (b"avro.schema", json.dumps(schema).encode()):
        parts += [_number(len(text)), text]
    return b"".join([*parts, _number(0), bytes(SYNC)])


def _unpacked(path: Path, codec: str, data: bytes, size: int) -> bytes:
    most = most_bytes(size) // PER_BYTE
    made = UNPACKED[codec](data, most + 1)
    require_room(f"{path}: a block", PER_BYTE * len(made), size)
    return made


def _deflated(data: bytes, most: int) -> bytes:
    return _whole(zlib.decompressobj(-15), data, most)


def _bzip2(data: bytes, most: int) -> bytes:
    return _whole(bz2.BZ2Decompressor(), data, most)


def _xz(data: bytes, most: int) -> bytes:
    return _whole(lzma.LZMADecompressor(), data, most)


def _whole(machine: Any, data: bytes, most: int) -> bytes:
    made = bytes(machine.decompress(data, most))
    if len(made) < most and not machine.eof:
        raise ValueError("a block does not unpack")
    return made


def _zstandard(data: bytes, most: int) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read(most))


def _snappy(data: bytes, most: int) -> bytes:
    """Snappy says its length first; Avro puts a checksum of four bytes behind it."""
    length = shift = at = 0
    while True:
        length |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128 or shift > 35:
            break
    if length >= most:
        return bytes(most)  # refused by whoever counts it
    made = bytes(pa.decompress(data[:-4], decompressed_size=length, codec="snappy", asbytes=True))
    if zlib.crc32(made) != int.from_bytes(data[-4:], "big"):
        raise ValueError("a block has another checksum")
    return made


UNPACKED: dict[str, Callable[[bytes, int], bytes]] = {
    "null": lambda data, most: data,
    "deflate": _deflated,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstandard": _zstandard,
    "snappy": _snappy,
}


def _require_bytes(schema: Any) -> None:
    """Refuse records, and members of lists, that take no bytes: a block may say that it has any number of them."""
    if not isinstance(schema, dict) or schema.get("type") not in RECORDS:
        raise ValueError("its schema is no record, so its rows have no columns")
    if _empty(schema, {}):
        raise ValueError("its records are empty")


def _empty(kind: Any, known: dict[str, bool]) -> bool:
    """Whether values of a type take no bytes.

    Args:
        known: the same of the types that have names, as far as they were met.
    """
    if isinstance(kind, str):
        return known.get(kind, kind == "null")
    if isinstance(kind, list):
        for one in kind:
            _empty(one, known)
        return False  # which of them it is takes one
    name = kind["type"]
    if name in RECORDS:
        known[kind["name"]] = False  # while its own fields are looked at
        fields = [_empty(field["type"], known) for field in kind["fields"]]
        known[kind["name"]] = all(fields)
        return known[kind["name"]]
    if name == "fixed":
        known[kind["name"]] = kind["size"] <= 0
        return known[kind["name"]]
    if name == "array" and _empty(kind["items"], known):
        raise ValueError("its schema has lists of nothing")
    if name == "map":
        _empty(kind["values"], known)
    return name not in ("array", "map") and _empty(name, known)


def _columns(schema: Any) -> list[AvroColumn]:
    records: dict[str, Any] = {}
    found: list[AvroColumn] = []

    def walk(kind: Any, steps: tuple[str, ...], inside: frozenset[str]) -> None:
        kind = _without_null(kind)
        kind = records.get(kind, kind) if isinstance(kind, str) else kind
        if isinstance(kind, dict) and kind["type"] in RECORDS:
            records[kind["name"]] = kind
            if kind["name"] not in inside:
                for field in kind["fields"]:
                    walk(field["type"], (*steps, field["name"]), inside | {kind["name"]})
                return
        if len(found) >= MOST_COLUMNS:
            raise ValueError(f"its schema has more than {MOST_COLUMNS:,} columns")
        arrow = _arrow_kind(kind)
        found.append(AvroColumn(".".join(steps), steps, pa.string() if arrow is None else arrow, arrow is None))

    walk(schema, (), frozenset())
    return found


def _without_null(kind: Any) -> Any:
    """The one type beside null of a union, and what a type in a type of its own stands for."""
    if isinstance(kind, list):
        others = [one for one in kind if one != "null"]
        return _without_null(others[0]) if len(others) == 1 else kind if others else "null"
    if isinstance(kind, dict) and isinstance(kind["type"], dict | list):
        return _without_null(kind["type"])
    return kind


def _arrow_kind(kind: Any) -> pa.DataType | None:
    """The type of its values in Arrow; None where they are to become text."""
    if isinstance(kind, list):
        return None
    name = kind if isinstance(kind, str) else kind["type"]
    if isinstance(kind, dict) and "logicalType" in kind:
        return LOGICAL.get(kind["logicalType"])
    if name == "array" and isinstance(kind, dict):
        item = _arrow_kind(_without_null(kind["items"]))
        return None if item is None or pa.types.is_null(item) else pa.list_(item)
    return PLAIN.get(name)


def _array(column: AvroColumn, rows: list[Mapping[str, Any]]) -> pa.Array:
    values: list[Any] = list(rows)
    for step in column.steps:
        values = [None if value is None else value[step] for value in values]
    if column.written:
        values = [None if value is None else value if isinstance(value, str) else _text(value) for value in values]
    return pa.array(values, column.kind)


def _text(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return json.dumps(value, default=str) if isinstance(value, dict | list | bool) else str(value)


def _as_ours(path: Path, error: BaseException) -> ReadError:
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return ReadError(f"{path}: this is no whole Avro file (truncated or damaged): {why}")

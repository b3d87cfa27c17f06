"""What the pages of a Parquet file say of their sizes, read from their headers: the footer may say anything.

The headers are Thrift structs in the compact protocol (parquet-format, ``PageHeader``).

Tests: tests/ingest/columnar/test_files.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ingest.schema.errors import ReadError

DATA, DICTIONARY, DATA2 = 5, 7, 8
"""Fields of a PageHeader."""
PLAIN_DICTIONARY, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 2, 7, 8
"""Encodings. In the second a text says how much of the one before it repeats."""
STOP, TRUE, FALSE, BYTE, DOUBLE, BINARY, STRUCT = 0, 1, 2, 3, 7, 8, 12


@dataclass(slots=True)
class Pages:
    """Of one column of one row group."""

    dictionary: int = 0
    """Bytes of its dictionary, unpacked."""
    total: int = 0
    """Bytes of its other pages, unpacked."""
    largest: int = 0
    """Bytes of the largest of all."""
    values: int = 0
    repeats: bool = False
    """Whether a text may repeat the one before it."""
    first: int = -1
    """Encoding of the first page of data."""

    @property
    def begins_by_dictionary(self) -> bool:
        return self.first in (PLAIN_DICTIONARY, RLE_DICTIONARY)


def pages_of(content: pa.Buffer, column: Any, name: str) -> Pages:
    """Read the headers of the pages of a column.

    Args:
        content: the whole file, mapped. column: pyarrow's metadata of it. name: of the file.

    Raises:
        ReadError: they are damaged.
    """
    data = memoryview(content).cast("B")
    begin = column.data_page_offset
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < begin:
        begin = column.dictionary_page_offset
    end = min(begin + column.total_compressed_size, len(data))
    found, at = Pages(), begin
    try:
        while 0 <= at < end and found.values < column.num_values:
            header, at = _struct(data, at)
            at += max(0, header[3])
            found.largest = max(found.largest, header[2])
            if DICTIONARY in header:
                found.dictionary = max(found.dictionary, header[2])
                continue
            found.total += max(0, header[2])
            about = header.get(DATA) or header.get(DATA2)
            if about:
                encoding = about[2 if DATA in header else 4]
                found.first = encoding if found.first < 0 else found.first
                found.values += about[1]
                found.repeats |= encoding == DELTA_BYTE_ARRAY
    except (KeyError, IndexError, TypeError, RecursionError) as error:
        raise ReadError(
            f"{name}: this is no whole Parquet file (truncated or damaged): a page of {column.path_in_schema!r} has no "
            f"header ({type(error).__name__})"
        ) from None
    return found


def _struct(data: memoryview, at: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    number = 0
    while data[at] != STOP:
        step, kind = data[at] >> 4, data[at] & 15
        at += 1
        if step:
            number += step
        else:
            number, at = _whole(data, at)
        fields[number], at = _value(data, at, kind)
    return fields, at + 1


def _value(data: memoryview, at: int, kind: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind == BYTE:
        return data[at], at + 1
    if kind < DOUBLE:
        return _whole(data, at)
    if kind == DOUBLE:
        return None, at + 8
    if kind == BINARY:
        length, at = _varint(data, at)
        return None, at + length
    if kind == STRUCT:
        return _struct(data, at)
    raise KeyError(kind)  # headers of pages hold no lists


def _whole(data: memoryview, at: int) -> tuple[int, int]:
    number, at = _varint(data, at)
    return number >> 1 ^ -(number & 1), at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise KeyError(shift)

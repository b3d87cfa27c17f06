"""The central directory of a ZIP archive to arrays (APPNOTE 6.3, sections 4.3.12 and 4.5.3).

Tests: tests/ingest/segclr/test_zip_shard.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
SIZE, COMPRESSED, OFFSET, CRC, METHOD, FLAGS, NAME_AT, NAME_LENGTH = range(8)
"""Columns of ``fields``."""
ENTRY = 0x02014B50


@njit(cache=True, nogil=True, inline="always")
def _little(data: Bytes, at: int, width: int) -> int:
    value = 0
    for i in range(width - 1, -1, -1):
        value = (value << 8) | int(data[at + i])
    return value


@njit(cache=True, nogil=True)
def count(data: Bytes) -> tuple[int, int]:
    """How many whole entries follow each other from the beginning of a directory, and where the last one ends."""
    at = entries = 0
    while at + 46 <= data.size and _little(data, at, 4) == ENTRY:
        after = at + 46 + _little(data, at + 28, 2) + _little(data, at + 30, 2) + _little(data, at + 32, 2)
        if after > data.size:
            break
        at = after
        entries += 1
    return entries, at


@njit(cache=True, nogil=True)
def walk(data: Bytes, fields: Ints, ids: npt.NDArray[np.uint64], named: npt.NDArray[np.bool_]) -> None:
    """Read the entries of a central directory.

    Args:
        data: [bytes] the directory; it has at least the n whole entries that ``count`` found.
        fields: [n, 8] written, columns as named above; -1 in OFFSET where a 64-bit field is missing.
        ids: [n] written, the number of a member called ``<number>.csv``.
        named: [n] written, whether the member is called so, without leading zeros and below 2^64.
    """
    at = 0
    for k in range(fields.shape[0]):
        name_length = _little(data, at + 28, 2)
        extra_length = _little(data, at + 30, 2)
        name = at + 46
        after = name + name_length + extra_length + _little(data, at + 32, 2)
        fields[k, FLAGS] = _little(data, at + 8, 2)
        fields[k, METHOD] = _little(data, at + 10, 2)
        fields[k, CRC] = _little(data, at + 16, 4)
        fields[k, COMPRESSED] = _little(data, at + 20, 4)
        fields[k, SIZE] = _little(data, at + 24, 4)
        fields[k, OFFSET] = _little(data, at + 42, 4)
        fields[k, NAME_AT] = name
        fields[k, NAME_LENGTH] = name_length
        _widen(data, name + name_length, name + name_length + extra_length, fields[k])
        ids[k], named[k] = _segment(data, name, name_length)
        at = after


@njit(cache=True, nogil=True)
def _widen(data: Bytes, at: int, end: int, field: Ints) -> None:
    """Replace 32-bit fields that are all ones by those of the ZIP64 extra field."""
    wanted = 0
    for column in (SIZE, COMPRESSED, OFFSET):
        wanted += field[column] == 0xFFFFFFFF
    if wanted == 0:
        return
    while at + 4 <= end:
        length = _little(data, at + 2, 2)
        if _little(data, at, 2) == 1 and length >= 8 * wanted and at + 4 + length <= end:
            at += 4
            for column in (SIZE, COMPRESSED, OFFSET):
                if field[column] == 0xFFFFFFFF:
                    field[column] = _little(data, at, 8)
                    at += 8
            return
        at += 4 + length
    field[OFFSET] = -1


@njit(cache=True, nogil=True)
def _segment(data: Bytes, at: int, length: int) -> tuple[np.uint64, bool]:
    digits = length - 4
    none = np.uint64(0)
    if digits < 1 or digits > 20 or (digits > 1 and data[at] == 48):
        return none, False
    suffix = data[at + digits : at + length]
    if suffix[0] != 46 or suffix[1] != 99 or suffix[2] != 115 or suffix[3] != 118:
        return none, False
    value = np.uint64(0)
    tenth = np.uint64(1844674407370955161)
    for i in range(digits):
        c = np.int64(data[at + i]) - 48
        if c < 0 or c > 9 or value > tenth or (value == tenth and c > 5):
            return none, False
        value = value * np.uint64(10) + np.uint64(c)
    return value, True

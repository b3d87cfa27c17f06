"""TensorFlow checkpoints read without TensorFlow: names, shapes and numbers of a tensor bundle.

An ``.index`` file is a sorted table (LevelDB's format) of messages that say where in the ``.data-*`` files each tensor
lies. Source: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, LevelDB's table_format.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ingest.schema.errors import ReadError, UnknownNameError

MAGIC = 0xDB4775248B80FB57
FOOTER, TRAILER = 48, 5
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2", 23: "<u8"}
"""TensorFlow's numbers of types that numpy has, too."""
_POLYNOMIAL = 0x82F63B78


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor lies."""

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class TensorBundle:
    """A checkpoint by its prefix: ``PREFIX.index`` and ``PREFIX.data-00000-of-00001``.

    Raises:
        ReadError: no such files, or damaged ones.
    """

    def __init__(self, prefix: str | Path) -> None:
        self.prefix = Path(prefix)
        self._shards = 1
        self.entries: dict[str, Entry] = {}
        try:
            content = Path(f"{prefix}.index").read_bytes()
        except OSError as error:
            raise ReadError(f"{prefix}.index: {error.strerror or error}") from None
        try:
            for key, value in _table(content):
                self._enter(key, value)
        except (IndexError, ValueError, KeyError) as error:
            raise ReadError(f"{prefix}.index is no whole index of a TensorFlow checkpoint: {error}") from None

    def read(self, name: str) -> npt.NDArray[Any]:
        """One tensor; its checksum is compared.

        Raises:
            UnknownNameError: no tensor of that name. ReadError: its file is missing, short or damaged.
        """
        if name not in self.entries:
            raise UnknownNameError(f"tensor of {self.prefix.name}", name, self.entries)
        entry = self.entries[name]
        path = self.prefix.with_name(f"{self.prefix.name}.data-{entry.shard:05d}-of-{self._shards:05d}")
        try:
            with path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                if file.tell() < entry.offset + entry.size:
                    raise ReadError(f"{path} ends before {name}; copy the checkpoint again")
                file.seek(entry.offset)
                content = file.read(entry.size)
        except OSError as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{path}: {error.strerror or error}") from None
        if masked_crc32c(content) != entry.checksum:
            raise ReadError(f"{path}: the checksum of {name} is another; copy the checkpoint again")
        return np.frombuffer(content, dtype=entry.dtype).reshape(entry.shape)

    def _enter(self, key: bytes, value: bytes) -> None:
        fields = list(_fields(value))
        if key == b"":
            numbers = dict(fields)
            self._shards = int(numbers.get(1, 1))
            if numbers.get(2, 0):
                raise ValueError("it is of a big-endian machine")
            return
        numbers = {number: item for number, item in fields if number != 2}
        shapes = [item for number, item in fields if number == 2]
        code = int(numbers.get(1, 0))
        if code not in DTYPES or 7 in numbers:
            return  # strings, and tensors in slices: of no use here, so not among the entries
        count, shape = 1, []
        for number, dimension in _fields(shapes[0]) if shapes else ():
            if number == 2:
                shape.append(int(dict(_fields(dimension)).get(1, 0)))
                count *= shape[-1]
        entry = Entry(
            DTYPES[code],
            tuple(shape),
            int(numbers.get(3, 0)),
            int(numbers.get(4, 0)),
            int(numbers.get(5, 0)),
            int.from_bytes(numbers.get(6, bytes(4)), "little"),
        )
        if entry.size != count * np.dtype(entry.dtype).itemsize:
            raise ValueError(f"{key!r} has {entry.size} bytes for shape {shape}")
        self.entries[key.decode()] = entry


def masked_crc32c(content: bytes) -> int:
    """CRC-32C as these files keep it: turned, and a constant added."""
    crc = int(_crc32c(np.frombuffer(content, dtype=np.uint8), _CRC_TABLE))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(content) < FOOTER or int.from_bytes(content[-8:], "little") != MAGIC:
        raise ValueError("its end is not that of an index")
    _, at = _varint(content, len(content) - FOOTER)  # of the meta index, which holds nothing
    _, at = _varint(content, at)
    start, at = _varint(content, at)
    size, _ = _varint(content, at)
    for _, handle in _block(content, start, size):
        offset, at = _varint(handle, 0)
        yield from _block(content, offset, _varint(handle, at)[0])


def _block(content: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values; each key begins with as many bytes of the one before as it says."""
    block = content[start : start + size + TRAILER]
    if len(block) != size + TRAILER:
        raise ValueError("it is cut off")
    if block[size] != 0:
        raise ValueError("it is compressed; save it again with a present TensorFlow")
    if masked_crc32c(block[: size + 1]) != int.from_bytes(block[size + 1 :], "little"):
        raise ValueError("a checksum is another")
    restarts = int.from_bytes(block[size - 4 : size], "little")
    end, at, key = size - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers of a protocol buffer with integers, or bytes for all others."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, at = _varint(message, at)
        if length is None or at + length > len(message):
            raise ValueError(f"field {number} of kind {kind}")
        yield number, message[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _crc_table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


_CRC_TABLE = _crc_table()


@numba.njit(cache=True)
def _crc32c(content: npt.NDArray[np.uint8], table: npt.NDArray[np.uint32]) -> np.uint32:  # pragma: no cover
    crc = np.uint32(0xFFFFFFFF)
    for byte in content:
        crc = table[(crc ^ np.uint32(byte)) & np.uint32(255)] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)

"""One SegCLR shard: a ZIP archive of ``<root_id>.csv``, opened without trusting it.

The directory is read once as arrays; each member is checked on the way out: its place in the file, its declared
size, its ratio, the size it really inflates to, and its checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import ReadError
from ingest.schema.ids import RootIds

PIECE = 1 << 24
"""Members above this many bytes are inflated in pieces of it."""
LARGEST_MEMBER = 1 << 34
"""Bytes; single members of the m943 release exceed 1 GB."""
SUSPECT_SIZE, SUSPECT_RATIO = 1 << 26, 200
"""Numbers as text shrink 2 to 3 times; above this size such a ratio is an attack or damage."""
END, END64, LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"

ReadAt = Callable[[int, int], bytes]
"""(offset, length) -> bytes of the archive, fewer at its end."""


@dataclass(frozen=True, eq=False)
class Shard:
    """The directory of one archive: members in the order in which they lie in the file."""

    name: str
    root_ids: RootIds
    """[n] segment of each member."""
    offset: npt.NDArray[np.int64]
    """[n] where its local header begins, from the start of the file."""
    room: npt.NDArray[np.int64]
    """[n] bytes from there to the next member or the directory."""
    compressed: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    crc: npt.NDArray[np.int64]
    method: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]
    strangers: tuple[str, ...]
    """Names of members that are no ``<root_id>.csv``."""

    @classmethod
    def open(cls, read_at: ReadAt, length: int, name: str) -> Shard:
        """Read the directory of an archive of ``length`` bytes.

        Raises:
            ReadError: no ZIP archive, truncated, or a directory that contradicts itself.
        """
        from ingest.segclr import zip_directory_kernel as kernel

        directory, declared, begin, shift = _directory(read_at, length, name)
        data = np.frombuffer(directory, dtype=np.uint8)
        # The directory itself says how many there are: without ZIP64 its count is kept in 16 bits.
        count, end = kernel.count(data)
        if end != data.size or declared > count:
            raise ReadError(
                f"{name}: the directory of this ZIP archive is damaged: {count:,} whole entries in {end:,} of its "
                f"{data.size:,} bytes, {declared:,} declared; fetch the shard again"
            )
        fields = np.zeros((count, 8), dtype=np.int64)
        ids, named = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.bool_)
        kernel.walk(data, fields, ids, named)
        if (fields[:, kernel.OFFSET] < 0).any():
            raise ReadError(f"{name}: an entry of this ZIP archive lacks its 64-bit sizes; fetch the shard again")
        fields[:, kernel.OFFSET] += shift
        order = np.argsort(fields[:, kernel.OFFSET], kind="stable")
        fields, ids, named = fields[order], ids[order], named[order]
        offset = fields[:, kernel.OFFSET]
        room = np.diff(offset, append=begin)
        strangers = [
            directory[field[kernel.NAME_AT] : field[kernel.NAME_AT] + field[kernel.NAME_LENGTH]].decode(
                "utf-8", "replace"
            )
            for field in fields[~named]
        ]
        kept = fields[named]
        return cls(
            name,
            ids[named],
            offset[named],
            room[named],
            kept[:, kernel.COMPRESSED],
            kept[:, kernel.SIZE],
            kept[:, kernel.CRC],
            kept[:, kernel.METHOD],
            kept[:, kernel.FLAGS],
            tuple(strangers),
        )

    def check(self) -> None:
        """Refuse an archive that is no plain shard.

        Raises:
            ReadError: other members, a segment twice, members that overlap, more bytes than such a file can hold.
        """
        if self.strangers:
            raise ReadError(
                f"{self.name}: member {self.strangers[0]!r} is no <root_id>.csv; a shard holds nothing else "
                "and names no folders. Fetch the shard again from its publisher"
            )
        ordered = np.sort(self.root_ids)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise ReadError(f"{self.name}: member {twice[0]}.csv is there twice; remove one of them")
        if (self.compressed + 30 > self.room).any():
            number = self.root_ids[np.argmax(self.compressed + 30 > self.room)]
            raise ReadError(
                f"{self.name}: member {number}.csv overlaps the next one or the end; the archive is damaged"
            )
        total, packed = int(self.size.sum()), int(self.compressed.sum())
        if total > 16 * SUSPECT_SIZE and total > SUSPECT_RATIO * packed:
            raise ReadError(
                f"{self.name} declares {total:,} bytes in {packed:,} compressed ones; numbers do not shrink "
                f"{SUSPECT_RATIO} times, so this looks like a ZIP bomb and is not unpacked"
            )

    def find(self, root_id: int) -> int | None:
        """Number of the member of ``root_id``; the last one where an archive has several, as ``zipfile`` does."""
        matches = np.flatnonzero(self.root_ids == np.uint64(root_id)) if 0 <= root_id < 2**64 else np.empty(0)
        return int(matches[-1]) if matches.size else None

    def inflate(self, read_at: ReadAt, k: int, piece: int = PIECE) -> Iterator[bytes]:
        """The text of member ``k`` in pieces of at most ``piece`` bytes.

        Raises:
            ReadError: encrypted, an unknown method, damaged, or another size than declared.
        """
        where = f"{self.name}, member {self.root_ids[k]}.csv"
        offset, compressed, size = int(self.offset[k]), int(self.compressed[k]), int(self.size[k])
        method = int(self.method[k])
        if self.flags[k] & 1:
            raise ReadError(f"{where} is encrypted; shards are not")
        if method not in (0, 8):
            raise ReadError(f"{where} is packed by method {method}; wanted deflate (8) or stored (0)")
        if size > LARGEST_MEMBER or (size > SUSPECT_SIZE and size > SUSPECT_RATIO * compressed):
            raise ReadError(
                f"{where} declares {size:,} bytes in {compressed:,} compressed ones; this looks like a ZIP bomb "
                "and is not unpacked"
            )
        # One read takes header and data of all but huge members; the local header may have another extra field.
        head = read_at(offset, min(int(self.room[k]), 30 + 2 * 65535 + compressed, max(piece, 1 << 18)))
        if len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise ReadError(f"{where}: no member begins where the directory says; the archive is truncated or damaged")
        name_length, extra_length = struct.unpack_from("<HH", head, 26)
        if head[30 : 30 + name_length] != b"%d.csv" % int(self.root_ids[k]):
            raise ReadError(f"{where}: the member has another name in place; the archive is damaged")
        begin = 30 + name_length + extra_length
        yield from _inflate(read_at, where, head[begin : begin + compressed], offset + begin, compressed, size,
                            int(self.crc[k]), method, piece)  # fmt: skip


def _inflate(
    read_at: ReadAt, where: str, first: bytes, at: int, compressed: int, size: int, crc: int, method: int, piece: int
) -> Iterator[bytes]:
    unpack = zlib.decompressobj(-15) if method == 8 else None
    done, taken, check, data = 0, len(first), 0, first
    while True:
        try:
            # One byte more than declared may come out, so that too much is noticed and no more than noticed.
            out = unpack.decompress(data, min(piece, size - done + 1)) if unpack else data
        except zlib.error as error:
            raise ReadError(f"{where} does not inflate ({error}); the archive is damaged, fetch it again") from None
        done += len(out)
        if done > size:
            raise ReadError(f"{where} inflates to more than the {size:,} bytes it declares; it is not unpacked")
        check = zlib.crc32(out, check)
        if out:
            yield out
        data = unpack.unconsumed_tail if unpack else b""
        if (unpack and unpack.eof) or (not data and taken >= compressed and not out):
            break
        if not data and taken < compressed:
            data = read_at(at + taken, min(piece, compressed - taken))
            taken += len(data)
            if not data:
                break
    if done != size or (unpack and not unpack.eof):
        raise ReadError(f"{where} ends after {done:,} of {size:,} bytes; the archive is truncated, fetch it again")
    if check != crc:
        raise ReadError(f"{where}: the checksum is wrong; the archive is damaged, fetch it again")


def _directory(read_at: ReadAt, length: int, name: str) -> tuple[bytes, int, int, int]:
    """The central directory, how many entries are declared, where it begins, and how far all offsets are shifted."""
    tail_at = max(0, length - 22 - 65535 - 76)
    tail = read_at(tail_at, length - tail_at)
    end = _end_record(tail)
    if end < 0 and read_at(0, 4) == b"PAR1":
        raise ReadError(
            f"{name} is a Parquet file; wanted a shard as Google publishes them. Python takes its rows: "
            'graph.ingest(pyarrow.parquet.read_table(...), as_="embeddings", model=..., segmentation_version=...)'
        )
    if end < 0:
        raise ReadError(f"{name} is no ZIP archive or a truncated one: it has no end record; fetch it again")
    count, size, offset = struct.unpack_from("<H2L", tail, end + 10)
    stop = tail_at + end
    locator = end - 20
    if locator >= 0 and tail[locator : locator + 4] == LOCATOR64:
        (record,) = struct.unpack_from("<Q", tail, locator + 8)
        # Behind other bytes the record lies further on than the locator says: then it stands right before it.
        for at in (record, tail_at + locator - 56):
            block = read_at(at, 56) if 0 <= at < length else b""
            if block[:4] == END64 and len(block) == 56:
                count, size, offset = struct.unpack_from("<3Q", block, 32)
                stop = at
                break
    begin = stop - size
    if begin < 0 or offset > begin or 46 * count > size:
        raise ReadError(f"{name}: the end record of this ZIP archive contradicts its length; fetch it again")
    directory = read_at(begin, size)
    if len(directory) != size:
        raise ReadError(f"{name} is truncated: {len(directory):,} of {size:,} bytes of its directory; fetch it again")
    return directory, count, begin, begin - offset


def _end_record(tail: bytes) -> int:
    """Where the end record begins, -1 if there is none: the last one whose comment ends the file, else the last."""
    last = at = tail.rfind(END)
    while at >= 0:
        if at + 22 <= len(tail) and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            return at
        at = tail.rfind(END, 0, at)
    return last if last >= 0 and last + 22 <= len(tail) else -1

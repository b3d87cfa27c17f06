"""Which shard of a SegCLR release a segment lies in: MD5 of its id, by the two public conventions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ingest.errors import UnknownNameError


def md5_shard(segment_id: int, num_shards: int, byteorder: str = "little", bytewidth: int = 8) -> int:
    """Shard number of a segment.

    Args:
        segment_id: unsigned, fits ``bytewidth`` bytes.
        num_shards: shards of the release.
        byteorder, bytewidth: of the id as it is hashed, and of the digest as it is read.
    """
    order = "little" if byteorder == "little" else "big"
    digest = hashlib.md5(segment_id.to_bytes(bytewidth, order), usedforsecurity=False).digest()  # type: ignore[arg-type]
    return int.from_bytes(digest, order) % num_shards  # type: ignore[arg-type]


@dataclass(frozen=True)
class Convention:
    """How a release spreads segments over ZIP files."""

    name: str
    bytewidth: int
    num_shards: int

    def sharder(self, num_shards: int | None = None) -> Callable[[int], int]:
        """Segment id -> shard number, for another number of shards when given."""
        shards = num_shards or self.num_shards
        return lambda segment_id: md5_shard(segment_id, shards, bytewidth=self.bytewidth)


CONVENTIONS = {
    # h01, MICrONS m117 and m343: exported with 64-byte keys
    "wide": Convention("wide", 64, 10_000),
    # MICrONS m943 and m1300
    "narrow": Convention("narrow", 8, 50_000),
}


def convention(name: str) -> Convention:
    """``wide`` (64-byte keys, 10,000 shards) or ``narrow`` (8-byte keys, 50,000 shards)."""
    if name not in CONVENTIONS:
        raise UnknownNameError("shard convention", name, CONVENTIONS)
    return CONVENTIONS[name]

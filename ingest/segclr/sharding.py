"""Which SegCLR shard a segment lies in: MD5 of its id, in either of the two public conventions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import UnknownNameError
from ingest.schema.ids import RootIds


@dataclass(frozen=True, slots=True)
class Convention:
    """How wide the hashed key is and over how many shards a release is spread."""

    name: str
    bytewidth: int
    num_shards: int

    def shard(self, segment_id: int) -> int:
        """The shard number of one segment; fits ``EmbeddingReader`` as its sharder."""
        return md5_shard(int(segment_id), self.num_shards, bytewidth=self.bytewidth)


BYTEWIDTH64 = Convention("bytewidth64", 64, 10_000)
"""h01, MICrONS m117 and m343."""
BYTEWIDTH8 = Convention("bytewidth8", 8, 50_000)
"""MICrONS m943 and m1300."""
CONVENTIONS = {convention.name: convention for convention in (BYTEWIDTH64, BYTEWIDTH8)}


def convention(which: Convention | str | int) -> Convention:
    """A convention by its name (``bytewidth64``), by its key width in bytes (64), or as it is.

    Raises:
        UnknownNameError: no such convention.
    """
    if isinstance(which, Convention):
        return which
    name = f"bytewidth{which}" if isinstance(which, int) or which.isdigit() else which
    if name not in CONVENTIONS:
        raise UnknownNameError("shard convention", str(which), CONVENTIONS)
    return CONVENTIONS[name]


def md5_shard(
    segment_id: int, num_shards: int, byteorder: Literal["little", "big"] = "little", bytewidth: int = 8
) -> int:
    """The shard of one segment, with the signature and the results of Google's ``md5_shard``.

    >>> md5_shard(864691135293126156, 10_000, bytewidth=64)
    8617
    """
    digest = hashlib.md5(segment_id.to_bytes(bytewidth, byteorder), usedforsecurity=False).digest()
    return int.from_bytes(digest, byteorder) % num_shards


def shards_of(root_ids: RootIds, num_shards: int, bytewidth: int) -> npt.NDArray[np.int64]:
    """The shards of many segments at once, equal to ``md5_shard`` of each.

    Args:
        root_ids: uint64 [n].
        num_shards: 1 to 2^31.
        bytewidth: 8 or 64.

    Returns:
        int64 [n].
    """
    if bytewidth not in (8, 64) or not 1 <= num_shards <= 2**31:
        raise ValueError(f"bytewidth {bytewidth} and {num_shards} shards; wanted 8 or 64 bytes and 1 to 2^31 shards")
    ids, place = np.unique(np.asarray(root_ids, dtype=np.uint64), return_inverse=True)
    keys = np.zeros((ids.size, bytewidth // 8), dtype="<u8")
    keys[:, 0] = ids
    text, md5 = keys.tobytes(), hashlib.md5
    digests = (md5(text[at : at + bytewidth], usedforsecurity=False).digest() for at in range(0, len(text), bytewidth))
    shards = np.array([int.from_bytes(digest, "little") % num_shards for digest in digests], dtype=np.int64)
    found: npt.NDArray[np.int64] = shards[place]
    return found

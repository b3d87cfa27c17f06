"""Drop-in for Google's ``connectomics.segclr.reader``: the same names, arguments and results.

Two differences: a trailing newline makes no empty entry, and the directory of a ZIP file is read once
instead of at every look-up. For many neurons convert the release and use ``EmbeddingSet``.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ingest.segclr.sharding import md5_shard

OPEN_SHARDS = 32

DATA_URL_FROM_KEY_BYTEWIDTH64 = {
    "h01": "gs://h01-release/data/20220326/c3/embeddings/segclr_csvzips",
    "h01_nm_coord": "gs://h01-release/data/20220326/c3/embeddings/segclr_nm_coord_csvzips",
    "h01_agg10um": "gs://h01-release/data/20220326/c3/embeddings/segclr_aggregated_10um_csvzips",
    "microns_v343": "gs://iarpa_microns/minnie/minnie65/embeddings_m343/segclr_csvzips",
    "microns_nm_coord_public_offset_v343": (
        "gs://iarpa_microns/minnie/minnie65/embeddings_m343/segclr_nm_coord_public_offset_csvzips"
    ),
    "microns_v343_agg25um": "gs://iarpa_microns/minnie/minnie65/embeddings_m343/segclr_aggregated_25um_csvzips",
    "microns_v117": "gs://iarpa_microns/minnie/minnie65/embeddings/segclr_csvzips",
}


class EmbeddingReader:
    """Look up the embeddings of one segment: ``reader[segment_id]``.

    Args:
        filesystem: anything with ``open(path)`` (fsspec, gcsfs, ``LocalFiles``).
        zipdir: folder of the ZIP shards.
        sharder: segment id -> shard number.
    """

    def __init__(self, filesystem: Any, zipdir: str, sharder: Callable[[int], int]) -> None:
        self._filesystem = filesystem
        self._zipdir = zipdir
        self._sharder = sharder
        self._shards: OrderedDict[int, zipfile.ZipFile] = OrderedDict()

    def __getitem__(self, seg_id: int) -> Mapping[tuple[float, float, float], list[float]]:
        """Node coordinates (x, y, z) -> embedding.

        Raises:
            KeyError: the segment has no embeddings.
            AssertionError: two nodes of one coordinate, as in Google's reader.
        """
        embeddings: dict[tuple[float, float, float], list[float]] = {}
        for line in self._csv(seg_id).split(b"\n"):
            if not line.strip():
                continue
            values = [float(field) for field in line.split(b",")[1:]]
            xyz = (values[0], values[1], values[2])
            assert xyz not in embeddings, f"segment {seg_id} has two nodes at {xyz}"
            embeddings[xyz] = values[3:]
        return embeddings

    def _csv(self, seg_id: int) -> bytes:
        shard = self._sharder(seg_id)
        archive = self._shards.get(shard)
        if archive is None:
            archive = zipfile.ZipFile(self._filesystem.open(posixpath.join(self._zipdir, f"{shard}.zip")))
            self._shards[shard] = archive
            if len(self._shards) > OPEN_SHARDS:
                _close(self._shards.popitem(last=False)[1])
        self._shards.move_to_end(shard)
        return archive.read(f"{seg_id}.csv")

    def close(self) -> None:
        """Close the shards that are open."""
        while self._shards:
            _close(self._shards.popitem()[1])

    def __enter__(self) -> EmbeddingReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalFiles:
    """The file system of this machine, as ``EmbeddingReader`` wants one."""

    def open(self, path: str) -> Any:
        return open(path, "rb")  # noqa: PTH123 - the reader closes it


def get_reader(key: str, filesystem: Any, num_shards: int = 10_000) -> EmbeddingReader:
    """The reader of a public data set by its key.

    Raises:
        ValueError: no such key.
    """
    if key not in DATA_URL_FROM_KEY_BYTEWIDTH64:
        raise ValueError(f"Key not found: {key}")

    def sharder(segment_id: int) -> int:
        return md5_shard(segment_id, num_shards=num_shards, bytewidth=64)

    return EmbeddingReader(filesystem, DATA_URL_FROM_KEY_BYTEWIDTH64[key], sharder)


def _close(archive: zipfile.ZipFile) -> None:
    file = archive.fp
    archive.close()
    if file is not None:
        file.close()  # ZipFile leaves open what it was handed open

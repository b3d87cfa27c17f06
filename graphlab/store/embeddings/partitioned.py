"""Embeddings as a folder of Parquet files: neurons spread over them by a hash of root_id, and a manifest.

Tests: tests/graphlab/store/embeddings/test_partitioned.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from graphlab.store.embeddings.files import EmbeddingSet
from ingest.running.whole_files import to_disk, write_atomically
from ingest.schema.errors import AnalysisError, StoreError
from ingest.schema.ids import rows_of
from ingest.segclr.sharding import shards_of

SHARD = "shard"
MANIFEST = "manifest.json"
MOST = 512
"""Files that are open at a time; half of what a process may have open where nobody raised it."""
HELD_ROWS = 1 << 18
"""Rows of all files that wait until their group is full."""
HASH = "md5 of root_id as 8 bytes, little-endian, read as a little-endian number, modulo the number of shards"


@dataclass(frozen=True, slots=True)
class PartitionedEmbeddings:
    """What a folder holds, as its manifest says it."""

    model: str
    segmentation_version: str
    width: int
    """Numbers of a vector."""
    rows: int
    neurons: int
    shards: int
    hash: str
    files: tuple[dict[str, str | int], ...]
    """path in the folder, rows, sha256; a shard without neurons has no file."""


def write_partitioned(vectors: EmbeddingSet, folder: Path, shards: int) -> PartitionedEmbeddings:
    """Write ``shard=K/0.parquet`` in the words of EMBEDDINGS and ``manifest.json``: all of it or nothing.

    The same embeddings are the same bytes. The hash is that of the public releases with keys of 8 bytes.

    Args:
        folder: new or empty. shards: 1 to 512.

    Raises:
        AnalysisError: another number of shards. StoreError: the folder holds something.
    """
    if not 1 <= shards <= MOST:
        raise AnalysisError(f"{shards:,} shards; wanted 1 to {MOST:,}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is there and not empty; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder) as new:
        rows = _write(vectors, new, shards)
        files: tuple[dict[str, str | int], ...] = tuple(
            {"path": path.relative_to(new).as_posix(), "rows": rows[path], "sha256": _sha256(path)} for path in rows
        )
        done = PartitionedEmbeddings(
            vectors.model,
            vectors.segmentation_version,
            vectors.width,
            vectors.rows,
            len(vectors.root_ids),
            shards,
            HASH,
            files,
        )
        (new / MANIFEST).write_text(json.dumps(asdict(done), indent=1) + "\n", encoding="utf-8")
        for path in (*rows, new / MANIFEST):
            to_disk(path)
    return done


def _write(vectors: EmbeddingSet, new: Path, shards: int) -> dict[Path, int]:
    """Rows of each file, by shard."""
    writers: dict[int, parquet.ParquetWriter] = {}
    waiting: dict[int, list[pa.RecordBatch]] = {}
    rows: dict[int, int] = {}
    group = max(HELD_ROWS // shards, 64)

    def put(shard: int) -> None:
        table = pa.Table.from_batches(waiting.pop(shard))
        if shard not in writers:
            path = _path(new, shard)
            path.parent.mkdir(parents=True)
            writers[shard] = parquet.ParquetWriter(path, table.schema, compression="zstd")
        writers[shard].write_table(table)
        rows[shard] = rows.get(shard, 0) + len(table)

    try:
        for shard, part in _by_shard(vectors, shards):
            waiting.setdefault(shard, []).append(part)
            if sum(map(len, waiting[shard])) >= group:
                put(shard)
        for shard in sorted(waiting):
            put(shard)
    finally:
        for writer in writers.values():
            writer.close()
    return {_path(new, shard): rows[shard] for shard in sorted(rows)}


def _by_shard(vectors: EmbeddingSet, shards: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows of every stored batch, apart by the shard of their neuron."""
    of_neuron = shards_of(vectors.root_ids, shards, 8)
    for batch in vectors.blocks():
        of_row = of_neuron[rows_of(vectors.root_ids, batch.column("root_id").to_numpy())]
        order = np.argsort(of_row, kind="stable")
        found, begin = np.unique(of_row[order], return_index=True)
        for shard, rows in zip(found.tolist(), np.split(order, begin[1:]), strict=True):
            yield shard, batch.take(pa.array(rows))


def _path(folder: Path, shard: int) -> Path:
    return folder / f"{SHARD}={shard}" / "0.parquet"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Embeddings by neuron and whole releases: Google's published EmbeddingReader, our drop-in, our converted files."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings
from ingest.reader import ReadRequest
from ingest.segclr.csv_zip import SegclrReader, embeddings_schema, write_shards
from ingest.segclr.embedding_reader import EmbeddingReader, LocalFiles
from ingest.segclr.sharding import Convention
from ingest.segclr.zip_shard import Shard

google = pytest.importorskip("connectomics.segclr.reader", reason="Google's reader is on PyPI for Python < 3.13")

WIDTH, NODES, ASKED = 64, 100, 1_000


@dataclass(frozen=True)
class Release:
    """Shards on disk: the neurons of interest, and how ids find their shard."""

    folder: Path
    convention: Convention
    ids: np.ndarray

    def read_google(self) -> Any:
        return google.EmbeddingReader(LocalFiles(), str(self.folder), self.convention.shard)


def rows_of(ids: np.ndarray, nodes: int, seed: int) -> Iterator[pa.RecordBatch]:
    """``nodes`` rows a neuron, vectors of random float32 as the releases print them."""
    rng = np.random.default_rng(seed)
    for part in np.array_split(ids, max(1, len(ids) * nodes // 50_000)):
        n = len(part) * nodes
        columns = [pa.array(np.repeat(part, nodes)), pa.array(np.tile(np.arange(nodes, dtype=np.uint64), len(part)))]
        columns += [pa.array(rng.uniform(0, 1e6, n).astype(np.float32)) for _ in range(3)]
        vectors = pa.array(rng.normal(0, 1, n * WIDTH).astype(np.float32))
        columns.append(pa.FixedSizeListArray.from_arrays(vectors, WIDTH))
        yield pa.RecordBatch.from_arrays(columns, schema=embeddings_schema(WIDTH))


def some_ids(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.uint64(864691135000000000) + rng.choice(2**40, count, replace=False).astype(np.uint64)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """4 shards of about 10,500 members: 2,000 neurons of 100 nodes among 40,000 fragments of one node."""
    folder, convention = tmp_path_factory.mktemp("production"), Convention("bench", 64, 4)
    ids = some_ids(42_000, 1)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from rows_of(ids[:2_000], NODES, 2)
        yield from rows_of(ids[2_000:], 1, 3)

    write_shards(folder, batches(), convention=convention)
    return Release(folder, convention, ids[:2_000])


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """10 shards of about 200 members of 100 nodes."""
    folder, convention = tmp_path_factory.mktemp("dense"), Convention("bench", 64, 10)
    ids = some_ids(2_000, 4)
    write_shards(folder, rows_of(ids, NODES, 5), convention=convention)
    return Release(folder, convention, ids)


def read(release: Release, **options: Any) -> Iterator[pa.RecordBatch]:
    return SegclrReader().read(release.folder, ReadRequest("embeddings", options=options)).batches


def test_look_up_by_neuron(production: Release, tmp_path: Path, side_by_side: Callable[..., Any]) -> None:
    written = write_embeddings(tmp_path, read(production), width=WIDTH)
    opened = EmbeddingSet.open([written.path], model="bench", segmentation_version="343")
    asked = np.random.default_rng(6).choice(production.ids, ASKED, replace=False)

    def ours() -> np.ndarray:
        return opened.lookup(asked)[0]

    def opening() -> np.ndarray:
        fresh = EmbeddingSet.open([written.path], model="bench", segmentation_version="343")
        return fresh.lookup(asked)[0]

    def drop_in() -> np.ndarray:
        with EmbeddingReader(LocalFiles(), str(production.folder), production.convention.shard) as reader:
            return np.array([vector for i in asked.tolist() for vector in reader[i].values()], dtype=np.float32)

    def published() -> np.ndarray:
        reader = production.read_google()
        return np.array([vector for i in asked.tolist() for vector in reader[i].values()], dtype=np.float32)

    measured = side_by_side(
        f"vectors of {ASKED:,} neurons, 10,500 members a shard",
        {
            "graphlab lookup": ours,
            "graphlab open + lookup": opening,
            "graphlab drop-in EmbeddingReader": drop_in,
            "connectomics 20250606 EmbeddingReader": published,
        },
        rounds=7,
        rounds_of={"connectomics 20250606 EmbeddingReader": 2},
        work=ASKED,
        unit="neurons",
    )
    for other in measured.values():
        np.testing.assert_array_equal(other.result, measured["graphlab lookup"].result)
    theirs = measured["connectomics 20250606 EmbeddingReader"].median
    for name in ("graphlab lookup", "graphlab open + lookup", "graphlab drop-in EmbeddingReader"):
        side_by_side.note(f"look-up: {name} is {theirs / measured[name].median:,.1f}x Google's reader (goal 100x)")


def test_conversion(dense: Release, tmp_path: Path, side_by_side: Callable[..., Any]) -> None:
    """Rows per second of everything a conversion does, beside what inflating alone takes."""
    rows = len(dense.ids) * NODES
    made = iter(range(1_000))

    def convert() -> int:
        return write_embeddings(tmp_path / str(next(made)), read(dense), width=WIDTH).rows

    def to_arrow(workers: int) -> int:
        return sum(batch.num_rows for batch in read(dense, workers=workers))

    def published() -> int:
        reader = dense.read_google()
        return sum(len(reader[i]) for i in dense.ids.tolist())

    def inflate() -> int:
        """The checked text of every member, two threads, nothing parsed."""

        def shard(path: Path) -> int:
            with path.open("rb") as file:
                data = file.read()
            opened = Shard.open(lambda at, n: data[at : at + n], len(data), path.name)
            return sum(
                len(p) for k in range(opened.root_ids.size) for p in opened.inflate(lambda at, n: data[at : at + n], k)
            )

        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(shard, sorted(dense.folder.glob("*.zip"))))

    def only_inflate() -> int:
        """zlib alone on one thread: the floor for any reader of these files."""
        total = 0
        for path in sorted(dense.folder.glob("*.zip")):
            data = path.read_bytes()
            opened = Shard.open(lambda at, n, data=data: data[at : at + n], len(data), path.name)
            for at, size in zip(opened.offset.tolist(), opened.compressed.tolist(), strict=True):
                begin = (
                    at
                    + 30
                    + int.from_bytes(data[at + 26 : at + 28], "little")
                    + int.from_bytes(data[at + 28 : at + 30], "little")
                )
                total += len(zlib.decompress(data[begin : begin + size], -15))
        return total

    measured = side_by_side(
        f"{rows:,} rows in 10 shards x 200 members",
        {
            "graphlab convert (read, sort, write, sync)": convert,
            "graphlab read to Arrow, 2 threads": partial(to_arrow, 2),
            "graphlab read to Arrow, 1 thread": partial(to_arrow, 1),
            "roof: inflate and check, 2 threads": inflate,
            "roof: zlib alone, 1 thread": only_inflate,
            "connectomics 20250606, member by member": published,
        },
        rounds=5,
        work=rows,
        unit="rows",
    )
    assert {m.result for name, m in measured.items() if "roof" not in name} == {rows}
    theirs = measured["connectomics 20250606, member by member"].median
    for name in ("graphlab convert (read, sort, write, sync)", "graphlab read to Arrow, 2 threads"):
        side_by_side.note(f"conversion: {name} is {theirs / measured[name].median:.2f}x Google's rows/s (goal 3x)")

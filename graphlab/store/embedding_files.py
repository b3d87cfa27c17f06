"""Embeddings on disk: uncompressed Arrow, sorted by root_id, memory-mapped, with an index of ids beside it.

Converting larger sets than memory: batches are spooled as they come, then copied neuron by neuron in id order.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.errors import SchemaError, StoreError
from ingest.ids import RootIds
from ingest.schema import ID

Floats = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]
BATCH_ROWS = 1 << 16
INDEX = ".ids"
POINT = ("x_nm", "y_nm", "z_nm")


@dataclass(frozen=True)
class WrittenEmbeddings:
    """What ``write_embeddings`` made."""

    path: Path
    rows: int
    neurons: int
    repeated: int
    """Nodes that came twice and were written once."""
    sha256: str


def schema_of(width: int) -> pa.Schema:
    """Columns of a file: root_id, node_id, x_nm, y_nm, z_nm, vector of ``width`` float32."""
    points = [pa.field(name, pa.float32()) for name in POINT]
    vector = pa.field("vector", pa.list_(pa.float32(), width))
    return pa.schema([pa.field("root_id", ID), pa.field("node_id", ID), *points, vector])


def write_embeddings(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    width: int,
    progress: Callable[[int, int], None] | None = None,
) -> WrittenEmbeddings:
    """Write one source as one file, named by the hash of its content once it is whole.

    Args:
        folder: of the model; made when missing.
        batches: in the words of EMBEDDINGS, in any order.

    Raises:
        SchemaError: no rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spool = folder / f".spool.{os.getpid()}"
    new = folder / f".new.{os.getpid()}"
    try:
        groups = _spool(spool, batches, width, progress)
        if not len(groups):
            raise SchemaError("no embeddings to write; the source is empty")
        rows, repeated, digest, ids, counts = _sorted_copy(spool, new, groups, width)
        target = folder / f"{digest[:16]}.arrow"
        index = pa.table({"root_id": pa.array(ids, ID), "start": np.concatenate([[0], np.cumsum(counts)[:-1]])})
        index_new = folder / f".index.{os.getpid()}"
        with pa.OSFile(str(index_new), "wb") as sink, pa.ipc.new_file(sink, index.schema) as writer:
            writer.write_table(index)
        index_new.rename(target.with_suffix(f"{INDEX}.arrow"))
        new.rename(target)
    finally:
        spool.unlink(missing_ok=True)
        new.unlink(missing_ok=True)
    return WrittenEmbeddings(target, rows, len(ids), repeated, digest)


def _spool(
    path: Path, batches: Iterable[pa.RecordBatch], width: int, progress: Callable[[int, int], None] | None
) -> npt.NDArray[Any]:
    """Write batches as they come; returns runs of one neuron as (root_id, batch, first, last) sorted by id."""
    runs: list[npt.NDArray[Any]] = []
    kind = np.dtype([("root_id", np.uint64), ("batch", np.int64), ("first", np.int64), ("last", np.int64)])
    schema = schema_of(width)
    done = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for number, batch in enumerate(batches):
            writer.write_batch(batch.cast(schema))
            root = batch.column("root_id").to_numpy()
            first = np.flatnonzero(np.concatenate([[True], root[1:] != root[:-1]])) if len(root) else np.array([], int)
            run = np.empty(len(first), dtype=kind)
            run["root_id"], run["batch"], run["first"] = root[first], number, first
            run["last"] = np.append(first[1:], len(root)) if len(first) else first
            runs.append(run)
            done += len(root)
            if progress:
                progress(done, 0)
    found = np.concatenate(runs) if runs else np.empty(0, dtype=kind)
    return found[np.lexsort((found["first"], found["batch"], found["root_id"]))]


def _sorted_copy(
    spool: Path, target: Path, groups: npt.NDArray[Any], width: int
) -> tuple[int, int, str, RootIds, list[int]]:
    """Copy runs in id order; a node that comes twice is written once (the first)."""
    digest = hashlib.sha256()
    ids: list[int] = []
    counts: list[int] = []
    repeated = 0
    schema = schema_of(width)
    with pa.memory_map(str(spool)) as source, pa.OSFile(str(target), "wb") as sink:
        file = pa.ipc.open_file(source)
        with pa.ipc.new_file(sink, schema) as writer:
            for table in _filled(_neurons(file, groups)):
                root, node = table["root_id"].to_numpy(), table["node_id"].to_numpy()
                order = np.lexsort((node, root))
                root, node = root[order], node[order]
                new = np.concatenate([[True], (root[1:] != root[:-1]) | (node[1:] != node[:-1])])
                # A stable sort keeps the first of equal nodes in front.
                keep = np.sort(order[new])
                repeated += len(root) - len(keep)
                batch = table.take(pa.array(keep)).combine_chunks().to_batches()[0]
                for column in batch.columns:
                    for buffer in (column.flatten() if pa.types.is_fixed_size_list(column.type) else column).buffers():
                        if buffer is not None:
                            digest.update(buffer)
                unique, per_neuron = np.unique(batch.column("root_id").to_numpy(), return_counts=True)
                ids += unique.tolist()
                counts += per_neuron.tolist()
                writer.write_batch(batch)
    with target.open("rb+") as file_to_keep:
        os.fsync(file_to_keep.fileno())
    return sum(counts), repeated, digest.hexdigest(), np.array(ids, dtype=np.uint64), counts


def _neurons(file: pa.RecordBatchFileReader, groups: npt.NDArray[Any]) -> Iterator[pa.Table]:
    """Tables of whole neurons, one each."""
    starts = np.flatnonzero(np.concatenate([[True], groups["root_id"][1:] != groups["root_id"][:-1]]))
    for first, last in zip(starts, np.append(starts[1:], len(groups)), strict=True):
        pieces = [
            file.get_batch(int(run["batch"])).slice(int(run["first"]), int(run["last"] - run["first"]))
            for run in groups[first:last]
        ]
        yield pa.Table.from_batches(pieces)


def _filled(neurons: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Tables of whole neurons of about BATCH_ROWS rows."""
    waiting: list[pa.Table] = []
    rows = 0
    for neuron in neurons:
        waiting.append(neuron)
        rows += neuron.num_rows
        if rows >= BATCH_ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


class EmbeddingSet:
    """The vectors of one model, memory-mapped: look up neurons, take means, hand all of it to SQL.

    Neurons lie whole in one record batch, so a look-up is one binary search and one slice a neuron.
    """

    def __init__(self, batches: list[pa.RecordBatch], model: str, segmentation_version: str, index: Any) -> None:
        self._batches = batches
        self.model = model
        self.segmentation_version = segmentation_version
        self.root_ids: RootIds = index["root_id"]
        """uint64 [neurons] ascending."""
        self._batch, self._first, self._last = index["batch"], index["first"], index["last"]
        self.width: int = batches[0].schema.field("vector").type.list_size
        self._vectors = [batch.column("vector").flatten().to_numpy().reshape(-1, self.width) for batch in batches]
        self._nodes = [batch.column("node_id").to_numpy() for batch in batches]
        self._points = [[batch.column(name).to_numpy() for name in POINT] for batch in batches]

    @classmethod
    def open(cls, paths: Sequence[Path], *, model: str, segmentation_version: str) -> EmbeddingSet:
        """Map the files of one model; a neuron lies in one of them."""
        batches: list[pa.RecordBatch] = []
        parts = []
        for path in paths:
            if not path.is_file():
                raise StoreError(f"{path} is gone; the graph folder is not whole. Ingest these embeddings again")
            file = _mapped(path)
            index = _mapped(path.with_suffix(f"{INDEX}.arrow")).read_all()
            sizes = [file.get_batch(i).num_rows for i in range(file.num_record_batches)]
            ends = np.cumsum(sizes)
            start = index["start"].to_numpy()
            last = np.append(start[1:], ends[-1])
            batch = np.searchsorted(ends, start, side="right")
            before = ends[batch] - np.array(sizes)[batch]
            parts.append((index["root_id"].to_numpy(), batch + len(batches), start - before, last - before))
            batches += [file.get_batch(i) for i in range(file.num_record_batches)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        names = ("root_id", "batch", "first", "last")
        made = {name: column[order] for name, column in zip(names, columns, strict=True)}
        return cls(batches, model, segmentation_version, made)

    @property
    def nodes(self) -> int:
        """Embedded nodes in all."""
        return sum(batch.num_rows for batch in self._batches)

    def lookup(self, root_ids: RootIds) -> tuple[Floats, Offsets]:
        """Vectors of neurons.

        Args:
            root_ids: uint64 [k], in any order.

        Returns:
            float32 [rows, width] and int64 [k + 1]: rows ``offsets[i]:offsets[i+1]`` are those of
            ``root_ids[i]``, none where the neuron has no embeddings.
        """
        found, offsets = self._find(root_ids)
        out = np.empty((int(offsets[-1]), self.width), dtype=np.float32)
        batch, first, last = self._batch[found].tolist(), self._first[found].tolist(), self._last[found].tolist()
        at = 0
        for b, i, j in zip(batch, first, last, strict=True):
            out[at : at + j - i] = self._vectors[b][i:j]
            at += j - i
        return out, offsets

    def points(self, root_ids: RootIds) -> tuple[npt.NDArray[np.uint64], Floats, Offsets]:
        """Node ids uint64 [rows], positions float32 [rows, 3] nm, and offsets as in ``lookup``."""
        found, offsets = self._find(root_ids)
        node = np.empty(int(offsets[-1]), dtype=np.uint64)
        point = np.empty((int(offsets[-1]), 3), dtype=np.float32)
        at = 0
        for b, i, j in zip(self._batch[found], self._first[found], self._last[found], strict=True):
            node[at : at + j - i] = self._nodes[b][i:j]
            for axis in range(3):
                point[at : at + j - i, axis] = self._points[b][axis][i:j]
            at += j - i
        return node, point, offsets

    def mean(self, root_ids: RootIds) -> Floats:
        """Mean vector of each neuron, float32 [k, width], a mixture over its nodes; NaN without embeddings."""
        vectors, offsets = self.lookup(root_ids)
        counts = np.diff(offsets)
        sums = np.zeros((len(root_ids), self.width))
        rows = np.repeat(np.arange(len(root_ids)), counts)
        np.add.at(sums, rows, vectors)
        with np.errstate(invalid="ignore", divide="ignore"):
            means: Floats = (sums / counts[:, None]).astype(np.float32)
        return means

    def to_arrow(self) -> pa.Table:
        """All rows without a copy, in id order within each file."""
        return pa.Table.from_batches(self._batches)

    def _find(self, root_ids: RootIds) -> tuple[npt.NDArray[np.int64], Offsets]:
        at = np.searchsorted(self.root_ids, root_ids)
        at = np.minimum(at, len(self.root_ids) - 1)
        here = self.root_ids[at] == root_ids
        counts = np.where(here, self._last[at] - self._first[at], 0)
        offsets = np.zeros(len(root_ids) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        return at[here], offsets

    def __repr__(self) -> str:
        return (
            f"<EmbeddingSet {self.model}, segmentation {self.segmentation_version}: {self.nodes:,} nodes of "
            f"{len(self.root_ids):,} neurons, {self.width} numbers>"
        )


def _mapped(path: Path) -> pa.RecordBatchFileReader:
    return pa.ipc.open_file(pa.memory_map(str(path)))

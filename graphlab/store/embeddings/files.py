"""Embeddings at rest: one uncompressed Arrow file, memory-mapped, sorted by root_id, with an id index beside it.

``<name>.arrow`` holds the rows, ``<name>.ids.arrow`` one row a neuron: root_id and its first row. Looking up a
neuron is a binary search and one copy.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.embeddings.sort import BLOCK_ROWS, Records, sorted_blocks
from graphlab.store.files import checksums
from ingest.running import whole_files
from ingest.running.progress import Progress
from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.schema.ids import RootIds, as_root_ids, rows_of
from ingest.schema.words import EMBEDDINGS
from queries.result import html_table

MEMORY_BYTES = 1 << 30
REMEDY = "bring the embeddings again with --option replace=yes, or take the file from a copy of the graph"
Floats = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WrittenEmbeddings:
    """A complete file of embeddings."""

    path: Path
    rows: int
    neurons: int
    sha256: str


def write_embeddings(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    width: int,
    progress: Progress | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> WrittenEmbeddings:
    """Sort rows by (root_id, node_id) and write them with their id index, whole or not at all.

    Rows beyond ``memory_bytes`` go through sorted runs in ``folder``, so its disk needs twice the space for a while.
    Held in memory: at most ``memory_bytes`` of rows, one block being written, and 16 bytes a neuron.

    Args:
        batches: the words of EMBEDDINGS, in any order.
        width: floats a vector has.
        progress: called with (rows read so far, 0).

    Raises:
        SchemaError: another width, an empty or non-finite value, a node twice, no rows at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        blocks = sorted_blocks(batches, width, work, memory_bytes, progress)
        rows_path, index_path = work / "rows", work / "ids"
        with rows_path.open("wb") as file:
            sink = _HashingFile(file)
            roots, firsts, rows = _write_rows(sink, blocks, width)
            _to_disk(file)
        if rows == 0:
            raise SchemaError("embeddings: no rows to write; the source is empty")
        index = pa.table({"root_id": pa.array(roots), "first_row": pa.array(firsts)})
        schema = index.schema.with_metadata({"rows": str(rows), **checksums.UNSEALED})
        with index_path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
            writer.write_table(index)
        checksums.seal(index_path)
        with index_path.open("rb") as sealed:
            _to_disk(sealed)
        name = f"{sink.digest()[:12]}-{uuid.uuid4().hex[:8]}"
        index_path.replace(folder / f"{name}.ids.arrow")
        path = rows_path.replace(folder / f"{name}.arrow")
        whole_files.folder_to_disk(folder)
        return WrittenEmbeddings(path, rows, roots.size, sink.digest())
    finally:
        whole_files.remove(work)


@dataclass(frozen=True, eq=False)
class EmbeddingSet:
    """The vectors of one model over one segmentation, memory-mapped from one file or several."""

    model: str
    segmentation_version: str
    width: int
    root_ids: RootIds
    """[k] neurons with embeddings, ascending."""
    _first: Offsets = field(repr=False)
    """[k] first row of each neuron, counted over all files."""
    _count: Offsets = field(repr=False)
    _table: pa.Table = field(repr=False)
    _chunk_start: Offsets = field(repr=False)
    """[chunks + 1] first row of each chunk of ``_table``."""

    @classmethod
    def open(cls, paths: Sequence[Path], *, model: str, segmentation_version: str) -> EmbeddingSet:
        """Map files written by ``write_embeddings``; nothing but the id index is read.

        Raises:
            ReadError: a file is missing, truncated or no such file.
            SchemaError: files of different widths, or a neuron in two of them.
        """
        if not paths:
            raise SchemaError(f"model {model!r} has no files of embeddings")
        tables, roots, firsts, counts, before = [], [], [], [], 0
        for path in paths:
            checksums.require_named(Path(path), "the file of embeddings", REMEDY)
            table = _mapped(Path(path))
            ids, first = _index(Path(path), table)
            tables.append(table)
            roots.append(ids)
            firsts.append(first + before)
            counts.append(np.diff(first, append=table.num_rows))
            before += table.num_rows
        widths = {table.schema.field("vector").type.list_size for table in tables}
        if len(widths) > 1:
            raise SchemaError(f"model {model!r} has files of vectors of {sorted(widths)} numbers; wanted one width")
        root_ids, first, count = np.concatenate(roots), np.concatenate(firsts), np.concatenate(counts)
        if len(paths) > 1:
            order = np.argsort(root_ids, kind="stable")
            root_ids, first, count = root_ids[order], first[order], count[order]
        if (root_ids[1:] == root_ids[:-1]).any():
            twice = root_ids[1:][root_ids[1:] == root_ids[:-1]][0]
            raise SchemaError(f"model {model!r}: neuron {twice} is in two files of embeddings; keep one of them")
        table = pa.concat_tables(tables)
        lengths = [len(chunk) for chunk in table.column("root_id").chunks]
        chunk_start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(model, segmentation_version, widths.pop(), root_ids, first, count, table, chunk_start)

    @property
    def rows(self) -> int:
        """Embedded nodes of all neurons."""
        return int(self._table.num_rows)

    def lookup(self, root_ids: Any) -> tuple[Floats, Offsets]:
        """The vectors of some neurons, copied from the map.

        Args:
            root_ids: [k] ids in any order, repeats allowed. One without embeddings gets no rows.

        Returns:
            float32 [r, width] in the order asked for, by node_id within a neuron; int64 [k + 1], neuron i has the rows
            from offsets[i] to offsets[i + 1].
        """
        first, offsets = self._find(root_ids)
        out = np.empty((int(offsets[-1]), self.width), dtype=np.float32)
        self._copy(self._vectors, first, offsets, out)
        return out, offsets

    def __repr__(self) -> str:
        return (
            f"<EmbeddingSet {self.model}: {self._table.num_rows:,} nodes of {len(self.root_ids):,} neurons, "
            f"{self.width} numbers each, segmentation {self.segmentation_version}>"
        )

    def _repr_html_(self) -> str:
        """What it holds, for a notebook."""
        facts = {"model": self.model, "segmentation": self.segmentation_version, "width": f"{self.width:,}",
                 "neurons": f"{len(self.root_ids):,}", "nodes": f"{self._table.num_rows:,}"}  # fmt: skip
        return html_table(["embeddings", ""], [[name, value] for name, value in facts.items()])

    def nodes(self, root_ids: Any) -> tuple[RootIds, Floats, Offsets]:
        """The nodes of some neurons: node_id uint64 [r], XYZ in nm float32 [r, 3], offsets as in ``lookup``."""
        first, offsets = self._find(root_ids)
        ids = np.empty(int(offsets[-1]), dtype=np.uint64)
        points = np.empty((3, ids.size), dtype=np.float32)
        self._copy(self._chunks("node_id"), first, offsets, ids)
        for axis, name in enumerate(("x_nm", "y_nm", "z_nm")):
            self._copy(self._chunks(name), first, offsets, points[axis])
        return ids, np.ascontiguousarray(points.T), offsets

    def mean(self, root_ids: Any) -> Floats:
        """The mean vector of each neuron, float32 [k, width], summed in double; NaN for one without embeddings."""
        ids = as_root_ids(root_ids)
        out = np.full((ids.size, self.width), np.nan, dtype=np.float32)
        for start in range(0, ids.size, 1024):
            vectors, offsets = self.lookup(ids[start : start + 1024])
            counts = np.diff(offsets)
            some = np.flatnonzero(counts)
            if some.size:
                sums = np.add.reduceat(vectors, offsets[some], axis=0, dtype=np.float64)
                out[start + some] = sums / counts[some, None]
        return out

    def to_arrow(self) -> pa.Table:
        """All rows in the words of EMBEDDINGS, without a copy: the columns lie in the files."""
        return self._table

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """All rows, one stored batch at a time."""
        yield from self._table.to_batches()

    def require_same_model(self, other: EmbeddingSet) -> None:
        """Refuse to compare vectors of different models.

        Raises:
            VersionError: the models differ.
        """
        if self.model != other.model or self.width != other.width:
            raise VersionError(
                f"vectors of model {self.model!r} ({self.width} numbers) and of {other.model!r} ({other.width}) were "
                "about to be compared; they live in different spaces. Embed both with one model"
            )

    @property
    def _vectors(self) -> list[npt.NDArray[Any]]:
        return [chunk.flatten().to_numpy().reshape(-1, self.width) for chunk in self._table.column("vector").chunks]

    def _chunks(self, name: str) -> list[npt.NDArray[Any]]:
        return [chunk.to_numpy() for chunk in self._table.column(name).chunks]

    def _find(self, root_ids: Any) -> tuple[Offsets, Offsets]:
        """First row of each neuron asked for, and the offsets of its rows in the answer."""
        ids = as_root_ids(root_ids)
        at = rows_of(self.root_ids, ids)
        counts = np.where(at >= 0, self._count[at], 0)
        return self._first[at], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def _copy(self, chunks: list[npt.NDArray[Any]], first: Offsets, offsets: Offsets, out: npt.NDArray[Any]) -> None:
        if not first.size:
            return
        # Neurons whose rows follow each other are copied at once.
        begins = np.flatnonzero(np.append(True, first[1:] != first[:-1] + np.diff(offsets)[:-1]))
        first, ends = first[begins], np.append(offsets[begins[1:]], offsets[-1:])
        chunk_of = np.searchsorted(self._chunk_start, first, side="right") - 1
        starts = self._chunk_start.tolist()
        for row, chunk, at, end in zip(
            first.tolist(), chunk_of.tolist(), offsets[begins].tolist(), ends.tolist(), strict=True
        ):
            while at < end:
                taken = min(end - at, starts[chunk + 1] - row)
                begin = row - starts[chunk]
                out[at : at + taken] = chunks[chunk][begin : begin + taken]
                at, row, chunk = at + taken, row + taken, chunk + 1


class _HashingFile:
    """A file for Arrow to write to that keeps the SHA-256 of what passes."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The caller closes the file, after it is safe on disk."""

    def digest(self) -> str:
        return self._hash.hexdigest()


def _write_rows(sink: _HashingFile, blocks: Iterator[Records], width: int) -> tuple[RootIds, Offsets, int]:
    """Write blocks as Arrow batches; returns the id index (root_ids, first rows) and the number of rows."""
    fixed = {"vector": pa.list_(pa.float32(), width)}
    schema = pa.schema([pa.field(c.name, fixed.get(c.name, c.type), nullable=False) for c in EMBEDDINGS.columns])
    roots: list[RootIds] = [np.empty(0, np.uint64)]
    firsts: list[Offsets] = [np.empty(0, np.int64)]
    rows, last = 0, None
    with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), schema) as writer:
        for records in _gathered(blocks):
            ids = np.ascontiguousarray(records["root_id"])
            new = np.concatenate([[last is None or int(ids[0]) != last], ids[1:] != ids[:-1]])
            roots.append(ids[new])
            firsts.append(rows + np.flatnonzero(new))
            last, rows = int(ids[-1]), rows + ids.size
            points = np.ascontiguousarray(records["point"].T)
            vectors = pa.array(np.ascontiguousarray(records["vector"]).reshape(-1))
            columns = [pa.array(ids), pa.array(np.ascontiguousarray(records["node_id"])), *map(pa.array, points)]
            columns.append(pa.FixedSizeListArray.from_arrays(vectors, width))
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return np.concatenate(roots), np.concatenate(firsts), rows


def _gathered(blocks: Iterator[Records]) -> Iterator[Records]:
    """The same rows in blocks of exactly BLOCK_ROWS (the last is shorter): bytes do not depend on how they came."""
    pending: list[Records] = []
    count = 0
    for block in blocks:
        pending.append(block)
        count += block.size
        while count >= BLOCK_ROWS:
            whole = np.concatenate(pending)
            yield whole[:BLOCK_ROWS]
            pending, count = [whole[BLOCK_ROWS:]], count - BLOCK_ROWS
    if count:
        yield np.concatenate(pending)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _mapped(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ReadError(
            f"{path}: this is no whole file of embeddings (missing, truncated or damaged): {reason}"
        ) from None
    if table.schema.names != EMBEDDINGS.names() or not pa.types.is_fixed_size_list(table.schema.field("vector").type):
        raise ReadError(f"{path}: an Arrow file, but not of embeddings; it has the columns {table.schema.names}")
    return table


def _index(path: Path, table: pa.Table) -> tuple[RootIds, Offsets]:
    """The id index of a file; made again from its root_ids when the index is missing or of another file."""
    beside = path.with_name(f"{path.stem}.ids.arrow")
    try:
        index = pa.ipc.open_file(pa.BufferReader(checksums.sealed(beside))).read_all()
        if (index.schema.metadata or {}).get(b"rows") == str(table.num_rows).encode():
            return index.column("root_id").to_numpy(), index.column("first_row").to_numpy()
    except (pa.ArrowException, OSError):  # an index says nothing that the rows do not say
        pass
    ids = table.column("root_id").to_numpy()
    new = np.concatenate([[True], ids[1:] != ids[:-1]])
    return ids[new], np.flatnonzero(new)

"""Whole SegCLR releases in bulk: every shard once, in order, as Arrow batches of embeddings.

Two threads inflate and parse (both release the interpreter lock); memory stays at a few batches whatever the size
of a shard or of a member.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.running.task_runners import Threads
from ingest.schema.errors import IdError, ReadError, SchemaError, UnknownNameError
from ingest.schema.ids import RootIds
from ingest.schema.space import Resolution
from ingest.schema.words import EMBEDDINGS
from ingest.segclr.shard_writer import write_shards
from ingest.segclr.text import EmbeddingRows, TextProblem, parse, width_of
from ingest.segclr.zip_shard import PIECE, Shard

__all__ = ["NAME", "OFFSETS", "SegclrReader", "embeddings_schema", "write_shards"]

NAME = "segclr_csvzip"
WIDTHS = (64, 128)
WORKERS = 2
OFFSETS = {"microns": (110592.0, 110592.0, 592640.0)}
"""nm to add to MICrONS positions of the sets without ``public_offset``: voxels (13824, 13824, 14816) of 8, 8, 40 nm."""
OPTIONS = ("coordinates", "offset", "width", "workers", "model", "segmentation_version")


@dataclass(frozen=True, slots=True)
class Placement:
    """From the positions in the files to nanometres: times ``scale``, plus ``offset``, both XYZ."""

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def of(cls, request: ReadRequest) -> Placement:
        """As the options ``coordinates`` (nm, voxels) and ``offset`` (microns, or X,Y,Z in nm) say.

        Raises:
            SchemaError, UnknownNameError: voxels without a resolution, another word, an offset of other than 3 numbers.
        """
        unit = str(request.options.get("coordinates", "nm"))
        if unit not in ("nm", "voxels"):
            raise UnknownNameError("unit of coordinates", unit, ("nm", "voxels"))
        if unit == "voxels" and request.resolution is None:
            raise SchemaError(
                "coordinates in voxels need the resolution of the embedding volume, like 32,32,40 (MICrONS) or "
                "32,32,33 (h01): say --resolution X,Y,Z"
            )
        scale = request.resolution.xyz if unit == "voxels" and request.resolution else (1.0, 1.0, 1.0)
        value = request.options.get("offset")
        if value is None:
            return cls(scale)
        if isinstance(value, str) and value in OFFSETS:
            return cls(scale, OFFSETS[value])
        try:
            x, y, z = (float(part) for part in (value.split(",") if isinstance(value, str) else value))
        except (TypeError, ValueError):
            raise SchemaError(f"offset {value!r}; wanted {', '.join(OFFSETS)} or X,Y,Z in nm") from None
        return cls(scale, (x, y, z))

    def __call__(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return (points * self.scale + self.offset).astype(np.float32)

    def note(self) -> str:
        scale, offset = Resolution(*self.scale), ",".join(f"{v:g}" for v in self.offset)
        unit = "nm" if self.scale == (1.0, 1.0, 1.0) else f"voxels of {scale} nm"
        return f"positions read as {unit}{f', moved by {offset} nm' if any(self.offset) else ''}"


def embeddings_schema(width: int) -> pa.Schema:
    """The words of EMBEDDINGS with vectors of a fixed width."""
    fixed = {"vector": pa.list_(pa.float32(), width)}
    return pa.schema([pa.field(c.name, fixed.get(c.name, c.type), nullable=False) for c in EMBEDDINGS.columns])


class SegclrReader:
    """CSV-ZIP shards: a folder of ``<number>.zip``, or one of them."""

    uses = AcceptedOptions("SegCLR shards", OPTIONS, ("resolution",))

    def accepts(self, source: object) -> Sure:
        """A folder or file of another kind comes here in the end, to be told what shards look like."""
        if not isinstance(source, str | Path):
            return Sure.NO
        path = Path(source)
        files = list(path.iterdir()) if path.is_dir() else [path]
        return Sure.NAME if any(_is_zip(file) and file.stem.isdigit() for file in files) else Sure.LAST

    def read(self, source: Any, request: ReadRequest) -> Reading:
        """Open a release; batches are read as they are asked for.

        Args:
            request: options ``coordinates`` (nm, voxels; default nm), ``offset`` (``microns`` or X,Y,Z in nm),
                ``width`` (floats a row, where it is neither 64 nor 128), ``workers`` (threads, default 2).

        Raises:
            ReadError, SchemaError, IdError: naming shard, member and line.
        """
        if request.as_ != "embeddings":
            raise SchemaError(f"{source} holds SegCLR embeddings, not {request.as_}; ingest it --as embeddings")
        request.check(self.uses)
        place = Placement.of(request)
        workers = _whole(request, "workers") or WORKERS
        wanted = _whole(request, "width")
        shards = _shards(source)
        width = _width(shards, wanted)
        notes = [place.note(), *_left(source)]
        return Reading(embeddings_schema(width), _batches(shards, width, place, workers, notes), notes)


def _whole(request: ReadRequest, option: str) -> int | None:
    value = request.options.get(option)
    if value is None:
        return None
    if not str(value).isdigit() or int(value) < 1:
        raise SchemaError(f"option {option} is {value!r}; wanted a whole number from 1")
    return int(value)


def _shards(source: Any) -> list[Path]:
    """The shards of a source by number."""
    if not isinstance(source, str | Path):
        raise ReadError(f"<{type(source).__name__}> is no path; name a folder of SegCLR shards (<number>.zip)")
    path = Path(source)
    if not path.exists():
        raise ReadError(f"{path} does not exist")
    shards = sorted(item for item in path.iterdir() if _is_zip(item)) if path.is_dir() else [path]
    if not shards:
        raise ReadError(f"{path} holds no shards; wanted files <number>.zip, each with members <root_id>.csv")
    if path.is_dir():
        for item in shards:
            if not (item.stem.isascii() and item.stem.isdigit()):
                raise ReadError(f"{item}: shards are called <number>.zip; move this file elsewhere")
        shards.sort(key=lambda item: int(item.stem))
        for before, after in pairwise(shards):
            if int(before.stem) == int(after.stem):
                raise ReadError(f"{path}: {before.name} and {after.name} are one shard twice; keep one of them")
    return shards


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.name[0] != "."


def _left(source: Any) -> list[str]:
    """A word about what a folder of shards holds beside them."""
    path = Path(source)
    others = sorted(item.name for item in path.iterdir() if not _is_zip(item)) if path.is_dir() else []
    others = [name for name in others if name[0] != "."]
    if not others:
        return []
    return [f"{len(others):,} other files or folders beside the shards are not read ({', '.join(others[:3])})"]


class _OpenShard:
    """An archive open for positional reads, from several threads at once."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ReadError(f"{path} cannot be read: {error.strerror}") from None
        try:
            self.shard = Shard.open(self.read_at, os.fstat(self._file.fileno()).st_size, str(path))
            self.shard.check()
        except BaseException:
            self._file.close()
            raise

    def read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        self._file.close()


def _width(shards: list[Path], wanted: int | None) -> int:
    """Floats of the first row there is."""
    for path in shards:
        opened = _OpenShard(path)
        try:
            for k in range(opened.shard.root_ids.size):
                for piece in opened.shard.inflate(opened.read_at, k):
                    width = width_of(piece)
                    if width is None:
                        continue
                    known = WIDTHS if wanted is None else (wanted,)
                    if width not in known:
                        raise SchemaError(
                            f"{_member(opened.shard, k)}, line 1: {max(width, 0)} floats in this row; "
                            f"wanted node_id, x, y, z and {' or '.join(map(str, known))} floats"
                            + ("" if wanted else " (say --option width=N where a model has another width)")
                        )
                    return width
        finally:
            opened.close()
    raise ReadError(f"{shards[0].parent}: the shards hold no rows")


def _batches(
    shards: list[Path], width: int, place: Placement, workers: int, notes: list[str]
) -> Iterator[pa.RecordBatch]:
    """Batches in the order of shards and members; two per worker are under way at a time."""
    empty = members = 0
    taken: deque[_Job] = deque()

    def taking() -> Iterator[_Job]:
        for job in _all_jobs(shards, opens):
            taken.append(job)
            yield job

    work = partial(_small, width=width, place=place)
    # Threads end before the files are closed that they read.
    with ExitStack() as opens, closing(Threads(workers).map_tasks(work, taking())) as made:
        for small in made:
            job = taken.popleft()
            if small is None:
                yield from _large(job.opened, job.first, width, place)
            else:
                batch, without = small
                empty += without
                if batch.num_rows:
                    yield batch
            members += job.last - job.first
            if job.closes:
                job.opened.close()
        if empty:
            notes.append(f"{empty:,} of {members:,} members have no rows")


@dataclass(frozen=True, slots=True)
class _Job:
    """Members ``first`` to ``last`` of a shard, which is closed after its last job."""

    opened: _OpenShard
    first: int
    last: int
    closes: bool


def _all_jobs(shards: list[Path], opens: ExitStack) -> Iterator[_Job]:
    for path in shards:
        opened = _OpenShard(path)
        opens.callback(opened.close)
        jobs = list(_jobs(opened.shard.size))
        if not jobs:
            opened.close()
        for first, last in jobs:
            yield _Job(opened, first, last, last == opened.shard.size.size)


def _jobs(sizes: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of members that together are at most one piece long; a larger member is alone."""
    first, total = 0, 0
    for k, size in enumerate(sizes.tolist()):
        if k > first and total + size > PIECE:
            yield first, k
            first, total = k, 0
        total += size
    if sizes.size:
        yield first, sizes.size


def _small(job: _Job, width: int, place: Placement) -> tuple[pa.RecordBatch, int] | None:
    """Members of a job as one batch, and how many of them are empty; None of a member to be read in pieces."""
    shard, read_at, first = job.opened.shard, job.opened.read_at, job.first
    if shard.size[first] > PIECE:
        return None
    texts = [b"".join(shard.inflate(read_at, k)) for k in range(first, job.last)]
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    rows = _parse(shard, first, 0, b"".join(texts), ends - lengths, ends, width)
    ids = np.repeat(shard.root_ids[first : job.last], rows.rows_of)
    return _batch(ids, rows, width, place, shard), int((rows.rows_of == 0).sum())


def _large(opened: _OpenShard, k: int, width: int, place: Placement) -> Iterator[pa.RecordBatch]:
    """One member of any length, piece by piece, cut at line ends."""
    rest, line = b"", 0
    for piece in _and_end(opened.shard.inflate(opened.read_at, k)):
        text = rest + piece if piece is not None else rest
        cut = text.rfind(b"\n") + 1 if piece is not None else len(text)
        text, rest = text[:cut], text[cut:]
        if len(rest) > PIECE:
            raise SchemaError(f"{_member(opened.shard, k)}: a line of more than {PIECE:,} bytes; this is no SegCLR CSV")
        if not text:
            continue
        rows = _parse(opened.shard, k, line, text, np.zeros(1, np.int64), np.array([len(text)]), width)
        line += text.count(b"\n")
        ids = np.full(rows.nodes.size, opened.shard.root_ids[k])
        if ids.size:
            yield _batch(ids, rows, width, place, opened.shard)


def _and_end(pieces: Iterator[bytes]) -> Iterator[bytes | None]:
    yield from pieces
    yield None


def _parse(
    shard: Shard,
    first: int,
    line: int,
    text: bytes,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    width: int,
) -> EmbeddingRows:
    try:
        return parse(text, starts, ends, width, np.float32)
    except TextProblem as problem:
        kind = IdError if problem.about_id else SchemaError
        where = f"{_member(shard, first + problem.member)}, line {line + problem.line}"
        raise kind(f"{where}: {problem.message}") from None


def _member(shard: Shard, k: int) -> str:
    return f"{shard.name}, member {shard.root_ids[k]}.csv"


def _batch(ids: RootIds, rows: EmbeddingRows, width: int, place: Placement, shard: Shard) -> pa.RecordBatch:
    points = place(rows.points)
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise SchemaError(
            f"{shard.name}, member {ids[row]}.csv, node {rows.nodes[row]}: a position of {rows.points[row].tolist()}; "
            "wanted finite 32-bit nanometres"
        )
    columns = [pa.array(ids), pa.array(rows.nodes), *(pa.array(np.ascontiguousarray(points[:, i])) for i in range(3))]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(rows.vectors.reshape(-1)), width))
    return pa.RecordBatch.from_arrays(columns, schema=embeddings_schema(width))

"""SegCLR embeddings in Google's CSV-ZIP shards: whole shards in order into Arrow batches, and back.

A shard ``<number>.zip`` holds members ``<segment id>.csv``, rows ``node_id,x,y,z,e0,e1,...`` without header.
Inflating runs in one thread per core; numbers are parsed a block of many neurons at a time, since a parser
called once a neuron spends its time starting (pyarrow: 190 neurons/s one by one).
"""

from __future__ import annotations

import re
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import sched_getaffinity
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.errors import ReadError, SchemaError
from ingest.ids import RootIds
from ingest.reader import READERS, Reading, ReadRequest
from ingest.schema import ID
from ingest.sharding import Convention

NAME = "segclr_csvzip"
MEMBER = re.compile(r"(\d{1,20})\.csv")
MICRONS_OFFSET_NM = (110_592.0, 110_592.0, 592_640.0)
"""From MICrONS' own nm coordinates to the public ones (13824 x 8, 13824 x 8, 14816 x 40)."""
BLOCK_BYTES = 8 << 20
MOST_RATIO = 200
MOST_MEMBER_BYTES = 64 << 30
POINT = ("x_nm", "y_nm", "z_nm")


@dataclass(frozen=True)
class Block:
    """Whole lines of one or more segments of a shard."""

    shard: Path
    text: bytes
    segments: tuple[int, ...]
    lines: tuple[int, ...]
    """Lines of each segment."""
    first_line: int
    """0-based line of the first segment's file that the block begins with."""


class CsvZipReader:
    """Reader of a folder of shards, or of one shard.

    Options: ``coordinates`` = nm, or voxels with a resolution; ``offset`` = microns adds the public offset.
    """

    def accepts(self, source: Any) -> bool:
        if not isinstance(source, str | Path):
            return False
        path = Path(source)
        return path.suffix == ".zip" if path.is_file() else path.is_dir() and any(path.glob("*.zip"))

    def read(self, source: Any, request: ReadRequest) -> Reading:
        shards = _shards(Path(source))
        scale, offset = _space(str(source), request)
        width = _width(shards)
        schema = pa.schema(
            [
                pa.field("root_id", ID),
                pa.field("node_id", ID),
                *(pa.field(name, pa.float32()) for name in POINT),
                pa.field("vector", pa.list_(pa.float32(), width)),
            ]
        )
        return Reading(schema, _batches(shards, schema, scale, offset), [f"{len(shards):,} shards"])


READERS.register(NAME, CsvZipReader())


def _shards(path: Path) -> list[Path]:
    if not path.exists():
        raise ReadError(f"{path} does not exist")
    found = sorted(path.glob("*.zip"), key=lambda p: (len(p.stem), p.stem)) if path.is_dir() else [path]
    if not found:
        raise ReadError(f"{path} holds no ZIP shards (0.zip, 1.zip, ...)")
    return found


def _space(source: str, request: ReadRequest) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    said = request.options.get("coordinates")
    if said not in ("nm", "voxels"):
        raise SchemaError(
            f"{source}: rows do not say their unit; say --option coordinates=nm (releases with nm_coord in their "
            "name) or --option coordinates=voxels with --resolution X,Y,Z (32,32,40 for MICrONS, 32,32,33 for h01)"
        )
    if said == "voxels" and request.resolution is None:
        raise SchemaError(f"{source}: coordinates are voxels; say how long one is with --resolution X,Y,Z (nm)")
    scale = request.resolution.xyz if said == "voxels" and request.resolution else (1.0, 1.0, 1.0)
    shift = request.options.get("offset")
    if shift not in (None, "microns"):
        raise SchemaError(f"{source}: offset {shift!r}; wanted microns, or none")
    return np.array(scale), np.array(MICRONS_OFFSET_NM if shift else (0.0, 0.0, 0.0))


def _width(shards: list[Path]) -> int:
    for block in _blocks(shards):
        fields = block.text.split(b"\n", 1)[0].count(b",") + 1
        if fields < 5:
            raise SchemaError(
                f"{block.shard}, {block.segments[0]}.csv, line 1: found {fields} columns; "
                "wanted node_id,x,y,z and the embedding"
            )
        return fields - 4
    raise ReadError(f"{shards[0].parent}: the shards hold no rows")


def _members(shard: Path) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo, int]]:
    try:
        archive = zipfile.ZipFile(shard)
    except (zipfile.BadZipFile, OSError) as error:
        raise ReadError(f"{shard}: this is no whole ZIP file (truncated or damaged): {error}") from None
    with archive:
        for info in archive.infolist():
            name = MEMBER.fullmatch(info.filename)
            if name is None or int(name.group(1)) >= 2**64:
                raise ReadError(
                    f"{shard}: found the member {info.filename!r}; wanted <segment id>.csv and nothing else"
                )
            if info.file_size > MOST_RATIO * max(info.compress_size, 1) + 4096 or info.file_size > MOST_MEMBER_BYTES:
                raise ReadError(
                    f"{shard}, {info.filename}: {info.compress_size:,} bytes would unpack to {info.file_size:,}; "
                    "refused as a ZIP bomb"
                )
            yield archive, info, int(name.group(1))


def _blocks(shards: Iterable[Path]) -> Iterator[Block]:
    for shard in shards:
        yield from _blocks_of(shard)


def _blocks_of(shard: Path) -> Iterator[Block]:
    """Blocks of about BLOCK_BYTES; a longer segment is cut between lines."""
    pieces: list[bytes] = []
    segments: list[int] = []
    lines: list[int] = []
    size = first_line = 0
    for archive, info, segment in _members(shard):
        done, rest = 0, b""
        try:
            with archive.open(info) as member:
                while True:
                    text = member.read(BLOCK_BYTES)
                    whole = rest + text if text else (rest + b"\n" if rest.strip() else b"")
                    cut = whole.rfind(b"\n") + 1
                    rest = whole[cut:]
                    if cut:
                        if not pieces:
                            first_line = done
                        count = whole.count(b"\n", 0, cut)
                        pieces.append(whole[:cut])
                        segments.append(segment)
                        lines.append(count)
                        done += count
                        size += cut
                    if size >= BLOCK_BYTES:
                        yield Block(shard, b"".join(pieces), tuple(segments), tuple(lines), first_line)
                        pieces, segments, lines, size = [], [], [], 0
                    if not text:
                        break
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise ReadError(f"{shard}, {info.filename}: the member is damaged: {error}") from None
        except Exception as error:  # zlib.error is no OSError
            if type(error).__name__ != "error":
                raise
            raise ReadError(f"{shard}, {info.filename}: the member is damaged: {error}") from None
    if pieces:
        yield Block(shard, b"".join(pieces), tuple(segments), tuple(lines), first_line)


def _batches(shards: list[Path], schema: pa.Schema, scale: Any, offset: Any) -> Iterator[pa.RecordBatch]:
    """Inflate and parse shards in as many threads as cores; batches come in the order of the shards."""
    workers = len(sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        queue: deque[Future[pa.RecordBatch]] = deque()
        for block in _blocks(shards):
            queue.append(pool.submit(_parse, block, schema, scale, offset))
            while len(queue) > 2 * workers:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()


def _parse(block: Block, schema: pa.Schema, scale: Any, offset: Any) -> pa.RecordBatch:
    from pyarrow import csv

    width = schema.field("vector").type.list_size
    names = ["node", "x", "y", "z", *(f"e{i}" for i in range(width))]
    types = {name: pa.float64() for name in names} | {"node": pa.int64()}
    try:
        table = csv.read_csv(
            pa.BufferReader(block.text),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block.text) + 1),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        raise _fault(block, width) from None
    if table.num_rows != sum(block.lines):
        raise _fault(block, width)
    values = np.empty((table.num_rows, width), dtype=np.float32)
    with np.errstate(over="ignore"):  # past float32 becomes infinite and is told below
        for i in range(width):
            values[:, i] = table.column(4 + i).to_numpy()
    xyz = np.stack([table.column(1 + axis).to_numpy() for axis in range(3)], axis=1) * scale + offset
    node = table.column(0).to_numpy()
    if not (np.isfinite(values).all() and np.isfinite(xyz).all() and (node >= 0).all()):
        raise _fault(block, width)
    root: RootIds = np.repeat(np.array(block.segments, dtype=np.uint64), block.lines)
    with np.errstate(over="ignore"):
        point = xyz.astype(np.float32)
    arrays = [
        pa.array(root),
        pa.array(node.astype(np.uint64)),
        *(pa.array(np.ascontiguousarray(point[:, axis])) for axis in range(3)),
        pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fault(block: Block, width: int) -> Exception:
    """Find the first line that is wrong, slowly, and say what is wrong with it."""
    lines = iter(block.text.split(b"\n"))
    for number, (segment, count) in enumerate(zip(block.segments, block.lines, strict=True)):
        start = block.first_line if number == 0 else 0
        for line_number in range(start + 1, start + count + 1):
            place = f"{block.shard}, {segment}.csv, line {line_number}"
            line = next(lines)
            fields = line.split(b",")
            if len(fields) != width + 4:
                return SchemaError(f"{place}: found {len(fields)} columns, the first row has {width + 4}")
            if not fields[0].strip().isdigit():
                return SchemaError(
                    f"{place}: found the node id {fields[0][:40].decode(errors='replace')!r}; wanted an integer"
                )
            for column, field in enumerate(fields[1:], 2):
                try:
                    with np.errstate(over="ignore"):
                        finite = np.isfinite(np.float32(float(field)))
                except (ValueError, OverflowError):
                    finite = False
                if not finite:
                    found = field[:40].decode(errors="replace")
                    return SchemaError(f"{place}, column {column}: found {found!r}; wanted a finite number")
    return ReadError(f"{block.shard}: {block.segments[0]}.csv to {block.segments[-1]}.csv cannot be parsed")


def write_shards(
    folder: Path, batches: Iterable[pa.RecordBatch], *, convention: Convention, num_shards: int | None = None
) -> list[Path]:
    """Write embeddings as Google publishes them; rows of a segment must come together.

    Args:
        folder: made when missing.
        batches: in the words of EMBEDDINGS; float32 values are printed so that they read back exactly.
        num_shards: of the convention when absent.

    Raises:
        SchemaError: a segment whose rows are not together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sharder = convention.sharder(num_shards)
    archives: dict[int, zipfile.ZipFile] = {}
    done: set[int] = set()
    try:
        for segment, text in _segments(batches):
            if segment in done:
                raise SchemaError(f"segment {segment}: its rows are not together; sort by root_id")
            done.add(segment)
            shard = sharder(segment)
            if shard not in archives:
                archives[shard] = zipfile.ZipFile(folder / f"{shard}.zip", "w", zipfile.ZIP_DEFLATED)
            # A fixed date, so that the same embeddings make the same bytes.
            archives[shard].writestr(zipfile.ZipInfo(f"{segment}.csv"), text, zipfile.ZIP_DEFLATED)
    finally:
        for archive in archives.values():
            archive.close()
    return [folder / f"{shard}.zip" for shard in sorted(archives)]


def _segments(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
    current: int | None = None
    rows: list[str] = []
    for batch in batches:
        root = batch.column("root_id").to_numpy()
        node = batch.column("node_id").to_pylist()
        point = [batch.column(name).to_numpy() for name in POINT]
        vector = batch.column("vector")
        values = vector.flatten().to_numpy().reshape(len(root), -1)
        for i, segment in enumerate(root):
            if current is not None and segment != current:
                yield current, "\n".join(rows).encode()
                rows = []
            current = int(segment)
            rows.append(",".join([str(node[i]), *(str(axis[i]) for axis in point), *map(str, values[i])]))
    if current is not None:
        yield current, "\n".join(rows).encode()

"""Embeddings out as SegCLR CSV-ZIP shards, readable by Google's reader and ours."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.running import whole_files
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.words import EMBEDDINGS
from ingest.segclr.sharding import Convention, shards_of
from ingest.segclr.sharding import convention as named_convention

PARTS = 64
"""Temporary parts; memory holds one of them at a time, so about a 64th of all rows."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""One time stamp for all members, so that the same rows give the same bytes."""


def write_shards(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    convention: Convention | str | int,
    num_shards: int | None = None,
) -> list[Path]:
    """Write rows as ``<shard>.zip`` with members ``<root_id>.csv``; positions stay nanometres.

    Rows of one segment may come in any batch; they keep their order. Floats are written with the fewest digits that
    give the same 32-bit float back, lines are separated (not ended) by newlines, as Google's reader expects.

    Args:
        folder: made when missing; must hold none of the shards yet.
        batches: the words of EMBEDDINGS.
        convention: ``bytewidth64`` or ``bytewidth8``.
        num_shards: the convention's own number when None.

    Returns:
        The shards written, by number.

    Raises:
        SchemaError: a missing column, an empty cell, or a number that is not finite.
        ReadError: a shard of that number is there already.
    """
    which = named_convention(convention)
    count = num_shards or which.num_shards
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    parts = Path(tempfile.mkdtemp(prefix=".parts-", dir=folder))
    try:
        for part in _spread(parts, batches, count, which.bytewidth):
            with pa.ipc.open_stream(part) as stream:
                table = stream.read_all()
            written += _write_part(folder, table)
            part.unlink()
    except BaseException:
        for path in written:
            path.unlink()
        raise
    finally:
        shutil.rmtree(parts)
    return sorted(written, key=lambda path: int(path.stem))


def _spread(parts: Path, batches: Iterable[pa.RecordBatch], num_shards: int, bytewidth: int) -> list[Path]:
    """Rows to temporary parts, so that all rows of a shard are in one; each with its column ``shard``."""
    writers: dict[int, pa.RecordBatchStreamWriter] = {}
    try:
        for batch in batches:
            checked = _checked(batch)
            shards = shards_of(checked.column("root_id").to_numpy(), num_shards, bytewidth)
            table = pa.Table.from_batches([checked]).append_column("shard", pa.array(shards))
            part_of = shards % PARTS
            for part in np.unique(part_of).tolist():
                rows = table.filter(pa.array(part_of == part))
                if part not in writers:
                    writers[part] = pa.ipc.new_stream(str(parts / f"{part}.arrows"), rows.schema)
                writers[part].write_table(rows)
    finally:
        for writer in writers.values():
            writer.close()
    return [parts / f"{part}.arrows" for part in sorted(writers)]


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    missing = [name for name in EMBEDDINGS.names() if name not in batch.schema.names]
    if missing:
        raise SchemaError(f"embeddings lack the column {missing[0]!r}; wanted {', '.join(EMBEDDINGS.names())}")
    for name in ("root_id", "node_id"):
        if not pa.types.is_uint64(batch.schema.field(name).type):
            raise SchemaError(f"{name} is {batch.schema.field(name).type}; wanted uint64")
    for name in EMBEDDINGS.names():
        column = batch.column(name)
        values = column.flatten() if name == "vector" else column
        if column.null_count or values.null_count:
            raise SchemaError(f"embeddings have an empty {name}; every row needs one")
        if pa.types.is_floating(values.type) and not pc.all(pc.is_finite(values)).as_py() and len(values):
            raise SchemaError(f"embeddings have a {name} that is not finite; shards hold finite numbers")
    return batch.select(EMBEDDINGS.names())


def _write_part(folder: Path, table: pa.Table) -> list[Path]:
    order = np.lexsort((table.column("root_id").to_numpy(), table.column("shard").to_numpy()))
    table = table.take(pa.array(order)).combine_chunks()
    shards, ids = table.column("shard").to_numpy(), table.column("root_id").to_numpy()
    new_shard = np.flatnonzero(np.diff(shards, prepend=-1))
    lines = _lines(table)
    written: list[Path] = []
    for start, stop in zip(new_shard.tolist(), [*new_shard[1:].tolist(), shards.size], strict=True):
        path = folder / f"{shards[start]}.zip"
        if path.exists():
            for done in written:
                done.unlink()
            raise ReadError(f"{path} exists already; write shards into a new folder")
        inside = ids[start:stop]
        members = start + np.flatnonzero(np.concatenate([[True], inside[1:] != inside[:-1]]))
        with (
            whole_files.write_atomically(path, one_of_many=True) as new,
            zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for first, last in zip(members.tolist(), [*members[1:].tolist(), stop], strict=True):
                entry = zipfile.ZipInfo(f"{ids[first]}.csv", EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, "\n".join(lines.slice(first, last - first).to_pylist()))
        written.append(path)
    return written


def _lines(table: pa.Table) -> pa.Array:
    vectors = table.column("vector").combine_chunks()
    width = len(vectors.flatten()) // max(len(vectors), 1)
    if pa.types.is_list(vectors.type) and not pc.all(pc.equal(pc.list_value_length(vectors), width)).as_py():
        raise SchemaError(f"embeddings have vectors of several widths; wanted {width} floats in every row")
    numbers = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    cells = [table.column("node_id").cast(pa.string())]
    cells += [_text(table.column(name).to_numpy()) for name in ("x_nm", "y_nm", "z_nm")]
    cells += [_text(np.ascontiguousarray(numbers[:, i])) for i in range(width)]
    return pc.binary_join_element_wise(*cells, ",")


def _text(values: npt.NDArray[np.floating]) -> pa.Array:
    """Floats as text that gives the same 32-bit float when read as a double and rounded."""
    text = pa.array(values.astype(np.float32)).cast(pa.string())
    back = text.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
    wrong = np.flatnonzero(back.view(np.uint32) != values.astype(np.float32).view(np.uint32))
    if wrong.size == 0:
        return text
    # Rounding twice (text to double to float) can miss by one: those few get all digits of the double.
    fixed = text.to_pylist()
    for i in wrong.tolist():
        fixed[i] = repr(float(np.float32(values[i])))
    return pa.array(fixed, pa.string())

"""Google's training pairs: TFRecord files of ``tf.train.Example`` with two places of one skeleton each.

Features as published: int64 ``skeleton_id-0``, ``skeleton_id-1`` [1], ``center-0``, ``center-1`` [1, 3] (XYZ voxels),
``distance`` [1] (nm of path), and others (``node_id``, ``class_label``, bytes ``vol_name``), kept as they are.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.running import whole_files
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.limits import require_room

KINDS = {"int64_list": pa.int64(), "float_list": pa.float32(), "bytes_list": pa.binary()}
GZIP = b"\x1f\x8b"
PIECE = 1 << 24


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of places: ids int64 [n, 2], centres int64 [n, 2, 3] in XYZ voxels, path distance int64 [n] in nm."""

    skeleton_ids: npt.NDArray[np.int64]
    centers: npt.NDArray[np.int64]
    distance_nm: npt.NDArray[np.int64]

    def to_arrow(self) -> pa.Table:
        """One list column a feature, under Google's names."""
        columns = {f"skeleton_id-{i}": self.skeleton_ids[:, i, None] for i in (0, 1)}
        columns |= {f"center-{i}": self.centers[:, i] for i in (0, 1)}
        columns["distance"] = self.distance_nm[:, None]
        return pa.table({name: pa.array(list(values), pa.list_(pa.int64())) for name, values in columns.items()})

    @classmethod
    def of(cls, table: pa.Table) -> Pairs:
        """Raises SchemaError: a feature is missing, of another type or length."""
        ids = [_feature(table, f"skeleton_id-{i}", 1)[:, 0] for i in (0, 1)]
        centers = [_feature(table, f"center-{i}", 3) for i in (0, 1)]
        return cls(np.stack(ids, axis=1), np.stack(centers, axis=1), _feature(table, "distance", 1)[:, 0])


def read_examples(path: str | Path) -> pa.Table:
    """Every example of a TFRecord file (plain or GZIP) as a row: one list column a feature, null where absent.

    Raises:
        ReadError: missing, cut anywhere, damaged, or no TFRecord file. SchemaError: a feature of two types.
        MissingExtraError: TensorFlow is not installed.
    """
    tf = _tensorflow()
    path = Path(path)
    rows: list[dict[str, Any]] = []
    kinds: dict[str, str] = {}
    for data in _records(path):
        try:
            features = tf.train.Example.FromString(data).features.feature
        except Exception:
            raise ReadError(f"{path}: record {len(rows)} is no tf.train.Example") from None
        row = {}
        for name in features:
            kind = features[name].WhichOneof("kind")
            if kind is None:
                continue
            if kinds.setdefault(name, kind) != kind:
                raise SchemaError(f"{path}: feature {name!r} is {kinds[name]} and, in record {len(rows)}, {kind}")
            row[name] = list(getattr(features[name], kind).value)
        rows.append(row)
    schema = pa.schema([pa.field(name, pa.list_(KINDS[kinds[name]])) for name in sorted(kinds)])
    return pa.Table.from_pylist(rows, schema=schema)


def write_examples(path: str | Path, table: pa.Table, *, compressed: bool = False) -> None:
    """Write rows as ``read_examples`` gives them; the same rows give the same bytes. Whole or not at all.

    Raises:
        SchemaError: a column that is no list of int64, float32 or binary. ReadError: cannot be written.
    """
    tf = _tensorflow()
    path = Path(path)
    kinds = {}
    for field in table.schema:
        value = field.type.value_type if pa.types.is_list(field.type) else None
        kind = next((name for name, arrow in KINDS.items() if arrow == value), None)
        if kind is None:
            raise SchemaError(f"feature {field.name!r} is {field.type}; wanted a list of int64, float or binary")
        kinds[field.name] = kind
    options = tf.io.TFRecordOptions(compression_type="GZIP" if compressed else "")
    try:
        with whole_files.write_atomically(path) as new, tf.io.TFRecordWriter(str(new), options) as writer:
            for row in table.to_pylist():
                example = tf.train.Example()
                for name, values in row.items():
                    if values is not None:
                        getattr(example.features.feature[name], kinds[name]).value.extend(values)
                writer.write(example.SerializeToString(deterministic=True))
    except (OSError, tf.errors.OpError) as error:
        raise ReadError(f"cannot write {path}: {str(error).splitlines()[0]}") from None


def _records(path: Path) -> Iterator[bytes]:
    """Payloads of a TFRecord file: after 8 bytes of length and a checksum of them, the bytes and their checksum."""
    if not path.is_file():
        raise ReadError(f"{path} does not exist")
    with path.open("rb") as raw:
        head = raw.read(12)
        raw.seek(0)
        # A record of 35,615 bytes begins like GZIP: only a first length without its checksum is packed.
        packed = head[:2] == GZIP and not (len(head) == 12 and _holds(head[:8], head[8:]))
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        number = taken = 0
        try:
            while (record := _record(file, path, number, taken)) is not None:
                yield record
                taken += len(record)
                number += 1
        except (EOFError, OSError, zlib.error) as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{path} is cut short or damaged in or after record {number}: {error}") from None


def _record(file: Any, path: Path, number: int, before: int) -> bytes | None:
    """The next record, None at the end; ``before`` bytes of records are in memory already."""
    head = file.read(12)
    if not head:
        return None
    if len(head) == 12 and not _holds(head[:8], head[8:]):
        raise ReadError(f"{path} is damaged or no TFRecord file: the length of record {number} misses its checksum")
    length = int.from_bytes(head[:8], "little")
    require_room(f"{path}, up to record {number},", before + length, path.stat().st_size)
    data = b"".join(_taken(file, length)) if len(head) == 12 else b""
    check = file.read(4) if len(data) == length else b""
    if len(head) != 12 or len(check) != 4:
        raise ReadError(f"{path} is cut short: record {number} is not whole; fetch or write it again")
    if not _holds(data, check):
        raise ReadError(f"{path} is damaged: record {number} does not hold its checksum")
    return data


def _taken(file: Any, length: int) -> Iterator[bytes]:
    """``length`` bytes or fewer, in pieces: a length is not believed before its bytes are there."""
    while length > 0 and (piece := file.read(min(length, PIECE))):
        yield piece
        length -= len(piece)


def _holds(data: bytes, check: bytes) -> bool:
    from ingest.segclr.crc32c_kernel import crc32c

    crc = int(crc32c(np.frombuffer(data, dtype=np.uint8)))
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    return masked == int.from_bytes(check, "little")


def _feature(table: pa.Table, name: str, length: int) -> npt.NDArray[np.int64]:
    if name not in table.schema.names:
        raise SchemaError(f"pairs have no feature {name!r}; found {', '.join(table.schema.names) or 'nothing'}")
    column = table.column(name).combine_chunks()
    if column.type != pa.list_(pa.int64()) or column.null_count:
        raise SchemaError(f"feature {name!r} is {column.type} with {column.null_count} gaps; wanted int64 in every row")
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    if (lengths != length).any():
        row = int(np.argmax(lengths != length))
        raise SchemaError(f"feature {name!r} has {lengths[row]} numbers in row {row}; wanted {length}")
    values: npt.NDArray[np.int64] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, length)
    return values


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow
    except ImportError:
        raise MissingExtraError("tensorflow", "tensorflow") from None
    return tensorflow

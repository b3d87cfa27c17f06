"""Pairs of places as arrays, and as a Parquet file.

Tests: tests/gpu_embed/training/pairs/test_sampling.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.running import whole_files
from ingest.schema.errors import ReadError, SchemaError, did_you_mean

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """n pairs of places.

    Args:
        root_ids: uint64 [n, 2]; equal where the pair is a positive.
        points_nm: float64 [n, 2, 3] XYZ.
        path_nm: float64 [n] along the cable, NaN for pairs of two neurons.
        radii_nm: float64 [n, 2], NaN where unknown.
        notes: what was left out on the way, for people.

    Raises:
        SchemaError: arrays of different lengths, places that are not finite, a path between two neurons.
    """

    root_ids: npt.NDArray[np.uint64]
    points_nm: Floats
    path_nm: Floats
    radii_nm: Floats
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.root_ids)
        shapes = [self.root_ids.shape, self.points_nm.shape, self.path_nm.shape, self.radii_nm.shape]
        if shapes != [(n, 2), (n, 2, 3), (n,), (n, 2)]:
            raise SchemaError(f"pairs: arrays of {shapes}; wanted [n, 2], [n, 2, 3], [n] and [n, 2]")
        if not np.isfinite(self.points_nm).all():
            row = int(np.argmin(np.isfinite(self.points_nm).all(axis=(1, 2))))
            raise SchemaError(f"pairs: a place is not finite, that of pair {row}")
        wrong = ~self.positive & ~np.isnan(self.path_nm)
        if wrong.any():
            raise SchemaError(f"pairs: pair {int(np.argmax(wrong))} is of two neurons and has a path between them")

    def __len__(self) -> int:
        return len(self.root_ids)

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        same: npt.NDArray[np.bool_] = self.root_ids[:, 0] == self.root_ids[:, 1]
        return same

    @property
    def apart_nm(self) -> Floats:
        """[n] straight distances."""
        apart: Floats = np.linalg.norm(self.points_nm[:, 0] - self.points_nm[:, 1], axis=1)
        return apart

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(self.root_ids[rows], self.points_nm[rows], self.path_nm[rows], self.radii_nm[rows], self.notes)

    def sha256(self) -> str:
        """Of all numbers, in their order."""
        digest = hashlib.sha256()
        for values in (self.root_ids, self.points_nm, self.path_nm):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def write_pairs(path: Path, pairs: Pairs) -> None:
    """A Parquet file of root_id_0, root_id_1, x_nm_0 .. z_nm_1, path_nm, radius_nm_0, radius_nm_1."""
    with whole_files.write_atomically(path) as new:
        pq.write_table(pa.table(dict(zip(_names(), _columns(pairs), strict=True))), new)


def read_pairs(path: Path) -> Pairs:
    """What ``write_pairs`` wrote.

    Raises:
        ReadError: not there, or no Parquet file. SchemaError: a column is missing or empty somewhere.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ReadError(f"{path} cannot be read as pairs: {error}") from None
    columns = []
    for name in _names():
        if name not in table.schema.names:
            raise SchemaError(f"{path} has no column {name!r}{did_you_mean(name, table.schema.names)}")
        column = table.column(name)
        wanted = pa.uint64() if name.startswith("root_id") else pa.float64()
        if column.type != wanted or column.null_count:
            raise SchemaError(f"{path}: {name} is {column.type} with {column.null_count} empty; wanted {wanted}, none")
        columns.append(column.to_numpy())
    ids, points, (path_nm,), radii = columns[:2], columns[2:8], columns[8:9], columns[9:]
    return Pairs(np.stack(ids, 1), np.stack(points, 1).reshape(-1, 2, 3), path_nm, np.stack(radii, 1))


def _names() -> list[str]:
    places = [f"{axis}_nm_{side}" for side in (0, 1) for axis in "xyz"]
    return ["root_id_0", "root_id_1", *places, "path_nm", "radius_nm_0", "radius_nm_1"]


def _columns(pairs: Pairs) -> list[npt.NDArray[np.float64] | npt.NDArray[np.uint64]]:
    return [*pairs.root_ids.T, *pairs.points_nm.reshape(-1, 6).T, pairs.path_nm, *pairs.radii_nm.T]

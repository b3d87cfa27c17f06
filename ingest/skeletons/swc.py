"""SWC: lines of ``id type x y z radius parent``.

Tests: tests/ingest/skeletons/test_skeletons.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ingest.packed import unpacked
from ingest.schema.errors import SchemaError
from ingest.skeletons.files import root_id_of_file
from ingest.skeletons.skeleton import Skeleton

UNKNOWN_RADIUS = -1.0
"""What SWC files write for a radius that nobody knows."""


def read_swc(path: str | Path, unit_nm: float | Sequence[float], root_id: int | None = None) -> Skeleton:
    """One SWC file, also a packed one: lines of ``id type x y z radius parent``, ``#`` for comments.

    Whole numbers may be written as decimals (``1.0``); a parent below 0, or 0 where no node is 0, is none. A radius of
    -1 is unknown.

    Args:
        unit_nm: nm of one unit of the file (8 for hemibrain voxels, 1000 for um), or three of them, XYZ.
        root_id: of the neuron; the file's name when None.

    Raises:
        ReadError: missing file. SchemaError: another layout, naming the line; a parent that is no node; a cycle.
    """
    path = Path(path)
    if root_id is None:
        root_id = root_id_of_file(path)
        if root_id is None:
            raise SchemaError(f"{path}: the name is no root_id; say it")
    return parse_swc(unpacked(path), str(path), unit_nm, root_id)


def parse_swc(data: bytes, name: str, unit_nm: float | Sequence[float], root_id: int) -> Skeleton:
    """The content of an SWC file; ``name`` is what it is called in messages. Otherwise as ``read_swc``."""
    unit = np.broadcast_to(np.asarray(unit_nm, dtype=np.float64), (3,))
    if not (np.isfinite(unit).all() and (unit > 0).all()):
        raise SchemaError(f"{name}: unit of {unit_nm} nm; wanted a positive length")
    ids, types, points, radii, parents = [], [], [], [], []
    for number, line in enumerate(_text(data).splitlines(), 1):
        cells = line.split("#", 1)[0].split()
        if not cells:
            continue
        try:
            node, kind, x, y, z, radius, parent = cells[:7]
            ids.append(_whole(node))
            types.append(_whole(kind))
            points.append((float(x), float(y), float(z)))
            radii.append(float(radius))
            parents.append(_whole(parent))
        except ValueError:
            raise SchemaError(f"{name}, line {number}: {line[:80]!r}; wanted id type x y z radius parent") from None
        if not 0 <= ids[-1] < 2**64:
            raise SchemaError(f"{name}, line {number}: node id {ids[-1]}; wanted 0 to 2^64-1")
        if abs(types[-1]) >= 2**31:
            raise SchemaError(f"{name}, line {number}: structure type {types[-1]}; wanted a small whole number")
        if not 0 <= radii[-1] < float("inf"):
            if radii[-1] != UNKNOWN_RADIUS:
                raise SchemaError(
                    f"{name}, line {number}: radius {radius}; wanted 0 or more, or -1 where it is unknown"
                )
            radii[-1] = float("nan")
    at = {node: index for index, node in enumerate(ids)}
    # Without a node 0, files that count from 1 say 0 for the parent that a root has not.
    missing = [parent for parent in parents if parent >= 0 and parent not in at and parent != 0]
    if missing:
        raise SchemaError(f"{name}: parent {missing[0]} is no node of the file")
    return Skeleton(
        root_id,
        np.array(ids, dtype=np.uint64),
        np.array(points, dtype=np.float64).reshape(-1, 3) * unit,
        np.array([at.get(parent, -1) for parent in parents], dtype=np.int64),
        np.array(types, dtype=np.int64),
        np.array(radii, dtype=np.float64) * float(np.cbrt(unit.prod())),
    )


def _text(data: bytes) -> str:
    """Text in UTF-8 or, where it begins so, UTF-16; a byte order mark is no part of it."""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _whole(text: str) -> int:
    """An integer, also one written as a decimal; ValueError for anything else."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if not value.is_integer() or abs(value) > 2**53:
            raise ValueError(text) from None
        return int(value)

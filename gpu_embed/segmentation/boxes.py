"""Boxes of a volume in the order of z, y, x, cut along its chunks, none larger than memory allows.

Tests: tests/gpu_embed/segmentation/test_evaluate.py.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from ingest.schema.errors import SchemaError

WHOLE = re.compile(r"\s*-?[0-9]+\s*")
Zyx = tuple[int, int, int]
Box = tuple[Zyx, Zyx]
"""First voxel and the one after the last."""


def boxes(start: Zyx, stop: Zyx, chunk: Zyx, grid: Zyx, voxels: int) -> Iterator[Box]:
    """The boxes, which together are the volume, each voxel once.

    Args:
        chunk, grid: see ``VoxelSource``; a box ends where chunks end.
        voxels: of a box, at most (but one chunk at least).
    """
    edges = []
    sides = _sides(start, stop, chunk, voxels)
    for first, last, side, at in zip(start, stop, sides, grid, strict=True):
        begin = at + (first - at) // side * side
        edges.append([(max(low, first), min(low + side, last)) for low in range(begin, last, side)])
    for zyx in itertools.product(*edges):
        yield (zyx[0][0], zyx[1][0], zyx[2][0]), (zyx[0][1], zyx[1][1], zyx[2][1])


def _sides(start: Zyx, stop: Zyx, chunk: Zyx, voxels: int) -> Zyx:
    """Whole chunks: all along x first, then y, then z, as many as there is room for."""
    sides = list(chunk)
    for axis in (2, 1, 0):
        others = sides[0] * sides[1] * sides[2] // sides[axis]
        length = stop[axis] - start[axis]
        # One chunk more than the length, as the first may be cut.
        most = -(-length // chunk[axis]) + 1
        sides[axis] = chunk[axis] * max(1, min(most, voxels // max(others * chunk[axis], 1)))
    return sides[0], sides[1], sides[2]


def parse_box(text: str) -> Box:
    """A box written as ``X,Y,Z:X,Y,Z`` in voxels, the end not part of it.

    Raises:
        SchemaError: anything else.
    """
    corners = [part.split(",") for part in text.split(":")]
    whole = all(WHOLE.fullmatch(number) for corner in corners for number in corner)
    if not whole or [len(corner) for corner in corners] != [3, 3]:
        raise SchemaError(
            f"box {text!r}: wanted first voxel and end, X,Y,Z:X,Y,Z in whole voxels, like 0,0,0:512,512,64"
        )
    (x, y, z), (i, j, k) = ([int(n) for n in corner] for corner in corners)
    return (z, y, x), (k, j, i)


def xyz(box: Sequence[Sequence[int]]) -> str:
    """A box as ``parse_box`` reads it."""
    return ":".join(",".join(str(n) for n in tuple(corner)[::-1]) for corner in box)

"""A grid of sub-volumes that overlap: which ones are neighbours, and which voxels each one has the word for.

Tests: tests/gpu_embed/segmentation/test_reconcile.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from gpu_embed.segmentation.boxes import Box, Zyx, xyz
from ingest.schema.errors import SchemaError

Interval = tuple[int, int]


class Piece(Protocol):
    """Labels of a sub-volume; a ``Volume`` is one."""

    name: str
    start: Zyx
    stop: Zyx

    def read(self, start: Sequence[int], stop: Sequence[int], /) -> npt.NDArray[Any]:
        """The labels of a box within it, ZYX in the space that all pieces share."""


class HeldPiece:
    """A piece in memory."""

    def __init__(self, name: str, start: Sequence[int], labels: npt.NDArray[Any]) -> None:
        z, y, x = (int(n) for n in start)
        self.name, self.start, self._labels = name, (z, y, x), labels
        if labels.ndim != 3 or not labels.size:
            raise SchemaError(f"{name}: labels of shape {labels.shape}; wanted three axes, none of them empty")
        self.stop: Zyx = (z + labels.shape[0], y + labels.shape[1], x + labels.shape[2])

    def read(self, start: Sequence[int], stop: Sequence[int], /) -> npt.NDArray[Any]:
        return self._labels[tuple(slice(a - s, b - s) for a, b, s in zip(start, stop, self.start, strict=True))]


class PieceGrid:
    """Pieces in the order of z, y, x: on each axis the same intervals everywhere, each overlapping the next.

    Raises:
        SchemaError: no pieces, two at one place, a place without one, intervals that do not overlap.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        if not pieces:
            raise SchemaError("no sub-volumes; wanted one or more")
        self._axes = [_intervals(axis, pieces) for axis in range(3)]
        at: dict[tuple[Interval, ...], Piece] = {}
        for piece in pieces:
            key = tuple(zip(piece.start, piece.stop, strict=True))
            if key in at:
                raise SchemaError(
                    f"{at[key].name} and {piece.name} are one sub-volume, {xyz((piece.start, piece.stop))} (XYZ)"
                )
            at[key] = piece
        for key in itertools.product(*self._axes):
            if key not in at:
                first, end = zip(*key, strict=True)
                raise SchemaError(f"no sub-volume at {xyz((first, end))} (XYZ); wanted every place of the grid filled")
        self.pieces = [at[key] for key in itertools.product(*self._axes)]
        self.start: Zyx = _three([axis[0][0] for axis in self._axes])
        self.stop: Zyx = _three([axis[-1][1] for axis in self._axes])

    def neighbours(self) -> Iterator[tuple[int, int, Box]]:
        """Pieces that follow each other along an axis, by number, and the box that they share."""
        sizes = [len(axis) for axis in self._axes]
        for number, place in enumerate(itertools.product(*map(range, sizes))):
            for axis in range(3):
                if place[axis] + 1 < sizes[axis]:
                    other = number + math.prod(sizes[axis + 1 :])
                    one, two = self.pieces[number], self.pieces[other]
                    low = _three([max(a, b) for a, b in zip(one.start, two.start, strict=True)])
                    yield number, other, (low, _three([min(a, b) for a, b in zip(one.stop, two.stop, strict=True)]))

    def cores(self) -> list[Box]:
        """The box that each piece has the word for: overlaps are cut in the middle, so each voxel is in one core."""
        cuts = []
        for axis in self._axes:
            between = [(end + start) // 2 for (_, end), (start, _) in itertools.pairwise(axis)]
            cuts.append(list(itertools.pairwise([axis[0][0], *between, axis[-1][1]])))
        return [(_three([a for a, _ in place]), _three([b for _, b in place])) for place in itertools.product(*cuts)]


def _intervals(axis: int, pieces: Sequence[Piece]) -> list[Interval]:
    found = sorted({(piece.start[axis], piece.stop[axis]) for piece in pieces})
    for (start, stop), (then, end) in itertools.pairwise(found):
        name = "zyx"[axis]
        if then == start or end <= stop:
            raise SchemaError(
                f"sub-volumes from {start} to {stop} and from {then} to {end} along {name}: one lies in the other; "
                "wanted a grid, with the same intervals everywhere"
            )
        if then >= stop:
            raise SchemaError(
                f"sub-volumes end at {stop} along {name} and the next begin at {then}: they share no voxels, so "
                "nothing says which labels are one object. Segment them with an overlap"
            )
    return found


def _three(numbers: Sequence[int]) -> Zyx:
    z, y, x = numbers
    return z, y, x

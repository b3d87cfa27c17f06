"""``BoundingBox``: where a box begins and how large it is, XYZ (any rank); the end is not part of it.

The calls, results and JSON of ``connectomics.common.bounding_box``; where they differ stands in ``docs/google.md``.

Tests: tests/ingest/volumes/boxes/test_boxes.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError
from ingest.volumes.boxes.documents import flags, numbers, only_keys

Vector = npt.NDArray[Any]


class BoundingBoxBase:
    """A box of whole or other numbers; two are equal where they begin and end, whatever their borders.

    Args:
        start, size, end: exactly two of them, of one length; a single number for ``size`` is that of every side.
        is_border_start, is_border_end: whether the box lies at the border of what it was cut from, on each axis.

    Raises:
        SchemaError: other numbers of them, other lengths, numbers that are not of the box's kind.
    """

    kind: ClassVar[type | None] = None
    """int or float; None takes numbers as they are."""

    def __init__(
        self,
        start: Any = None,
        size: Any = None,
        is_border_start: Sequence[bool] | None = None,
        is_border_end: Sequence[bool] | None = None,
        end: Any = None,
    ) -> None:
        if (start is not None) + (size is not None) + (end is not None) != 2:
            raise SchemaError(f"box of start={start}, size={size}, end={end}; wanted exactly two of the three")
        if np.ndim(start if start is not None else end) != 1:
            raise SchemaError(f"box of start={start}, end={end}; wanted one number for each axis")
        first, last = (None if corner is None else np.asarray(corner) for corner in (start, end))
        if size is None:
            assert first is not None
            assert last is not None
            self._same_length(first, last)
            sides = last - first
        else:
            corner = first if first is not None else last
            assert corner is not None
            sides = np.asarray(size) if np.ndim(size) else np.ones_like(corner) * size
            self._same_length(corner, sides)
        if first is None:
            first = last - sides
        self._start = self._tuple(first)
        self._size = self._tuple(sides)
        self._border_start = self._borders(is_border_start, "is_border_start")
        self._border_end = self._borders(is_border_end, "is_border_end")

    @staticmethod
    def _same_length(one: Vector, other: Vector) -> None:
        if one.shape != other.shape:
            raise SchemaError(f"box of {one.tolist()} and {other.tolist()}; wanted as many numbers in each")

    def _tuple(self, values: Vector) -> tuple[Any, ...]:
        if self.kind is None:
            return tuple(values.tolist())
        if values.dtype.kind not in "iuf" or (self.kind is int and np.any(values != np.floor(values))):
            raise SchemaError(f"box of {values.tolist()}; wanted {'whole ' if self.kind is int else ''}numbers")
        return tuple(self.kind(value) for value in values.tolist())

    def _borders(self, given: Sequence[bool] | None, what: str) -> tuple[bool, ...]:
        if given is None:
            return (False,) * self.rank
        if len(given) != self.rank:
            raise SchemaError(f"{what} is {list(given)}; wanted {self.rank} words, one for each axis")
        return tuple(bool(value) for value in given)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundingBoxBase):
            return NotImplemented
        return (self._start, self._size) == (other._start, other._size)

    def __hash__(self) -> int:
        return hash((self._start, self._size))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(start={self._start}, size={self._size}, "
            f"is_border_start={self._border_start}, is_border_end={self._border_end})"
        )

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self._start)

    @property
    def start(self) -> Vector:
        return _fixed(np.asarray(self._start))

    @property
    def size(self) -> Vector:
        return _fixed(np.asarray(self._size))

    @property
    def end(self) -> Vector:
        return _fixed(np.asarray(self._start) + np.asarray(self._size))

    @property
    def is_border_start(self) -> Vector:
        return _fixed(np.asarray(self._border_start))

    @property
    def is_border_end(self) -> Vector:
        return _fixed(np.asarray(self._border_end))

    def scale(self, scale_factor: float | Sequence[float]) -> Self:
        """Start and size times a factor; of whole numbers, the start is rounded down and the size up."""
        factor = self._vector(scale_factor, "scale_factor")
        start, size = np.array(self._start, float) * factor, np.array(self._size, float) * factor
        if self.start.dtype.kind == "i":
            start, size = np.floor(start).astype(int), np.ceil(size).astype(int)
        return type(self)(start=start, size=size)

    def adjusted_by(self, start: Any = None, end: Any = None) -> Self:
        """``start`` added to where the box begins, ``end`` to where it ends."""
        if start is None and end is None:
            return self
        first = self.start if start is None else self.start + self._vector(start, "start")
        last = self.end if end is None else self.end + self._vector(end, "end")
        return type(self)(start=first, end=last)

    def translate(self, offset: float | Sequence[float] | Vector) -> Self:
        """The box moved."""
        return type(self)(start=self.start + self._vector(offset, "offset"), size=self.size)

    def intersection(self, other: BoundingBoxBase) -> Self | None:
        """What both boxes hold; None where that is nothing."""
        self._of_rank(other)
        start, end = np.maximum(self.start, other.start), np.minimum(self.end, other.end)
        return None if np.any(end <= start) else type(self)(start=start, end=end)

    def hull(self, other: BoundingBoxBase) -> Self:
        """The least box that holds both."""
        self._of_rank(other)
        return type(self)(start=np.minimum(self.start, other.start), end=np.maximum(self.end, other.end))

    def encompass(self, *boxes: BoundingBoxBase) -> Self:
        """The least box that holds this one and all others."""
        if not boxes:
            raise SchemaError("no box to encompass; give one at least")
        found = self
        for box in boxes:
            found = found.hull(box)
        return found

    def relative(self, start: Any = None, end: Any = None, size: Any = None) -> Self:
        """A box by bounds counted from where this one begins; what is not given stays as it is here."""
        if start is None and end is None:
            if size is not None:
                raise SchemaError("size alone; give start or end with it")
            return self
        if start is not None and end is not None:
            if size is not None:
                raise SchemaError("start, end and size; give two of them")
            return type(self)(start=np.add(self.start, start), size=np.subtract(end, start))
        if start is None:
            if size is None:
                return type(self)(start=self.start, size=end)
            return type(self)(start=self.start + np.subtract(end, size), size=size)
        return type(self)(start=np.add(self.start, start), size=self.size - start if size is None else size)

    def to_slice_tuple(
        self, start_dim: int | None = None, end_dim: int | None = None, order: str = "c"
    ) -> tuple[slice, ...]:
        """Slices of axes ``start_dim`` to ``end_dim``, last axis first (ZYX) unless ``order`` is ``f``."""
        begin, end = self.start[start_dim:end_dim], self.end[start_dim:end_dim]
        slices = tuple(slice(a, b, None) for a, b in zip(begin, end, strict=True))
        return slices[::-1] if order[0].lower() == "c" else slices

    def to_slice3d(self) -> tuple[slice, ...]:
        """Slices ZYX; all of an axis that the box has not."""
        return self._slices(3)

    def to_slice4d(self) -> tuple[slice, ...]:
        """Slices CZYX; all of an axis that the box has not."""
        return self._slices(4)

    def _slices(self, rank: int) -> tuple[slice, ...]:
        found = self.to_slice_tuple(0, rank)
        return (slice(None),) * (rank - len(found)) + found

    def to_dict(self) -> dict[str, Any]:
        return {
            "start": list(self._start),
            "size": list(self._size),
            "is_border_start": list(self._border_start),
            "is_border_end": list(self._border_end),
        }

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, document: Any, where: str = "bounding box") -> Self:
        """Raises SchemaError for another document."""
        checked = only_keys(document, where, ("start", "size"), ("is_border_start", "is_border_end"))
        return cls(
            numbers(checked["start"], f"{where}: start"),
            numbers(checked["size"], f"{where}: size"),
            flags(checked.get("is_border_start"), f"{where}: is_border_start"),
            flags(checked.get("is_border_end"), f"{where}: is_border_end"),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls.from_dict(json.loads(text))

    def _vector(self, value: Any, what: str) -> Vector:
        if np.ndim(value) and len(value) != self.rank:
            raise SchemaError(f"{what} is {list(value)}; wanted {self.rank} numbers, one for each axis")
        return np.asarray(value)

    def _of_rank(self, other: BoundingBoxBase) -> None:
        if self.rank != other.rank:
            raise SchemaError(f"boxes of {self.rank} and {other.rank} axes; wanted as many")


class BoundingBox(BoundingBoxBase):
    """A box of whole voxels."""

    kind = int


class FloatBoundingBox(BoundingBoxBase):
    """A box of any numbers."""

    kind = float


def intersections(
    first_box_or_boxes: BoundingBoxBase | Iterable[BoundingBoxBase],
    other_box_or_boxes: BoundingBoxBase | Iterable[BoundingBoxBase] | None = None,
) -> list[BoundingBoxBase]:
    """What every box of the one has in common with every box of the other, where that is something."""
    first = _listed(first_box_or_boxes)
    if other_box_or_boxes is None:
        return first
    others = _listed(other_box_or_boxes)
    found = (a.intersection(b) for a in first for b in others)
    return [box for box in found if box is not None]


def containing(*boxes: BoundingBoxBase) -> BoundingBoxBase:
    """The least box that holds all."""
    if not boxes:
        raise SchemaError("no box to contain; give one at least")
    return boxes[0] if len(boxes) == 1 else boxes[0].encompass(*boxes[1:])


def from_dict(document: Any, where: str = "bounding box") -> BoundingBoxBase:
    """A box of whole numbers where all are, else of floats.

    Raises:
        SchemaError: another document.
    """
    box = BoundingBoxBase.from_dict(document, where)
    whole = all(isinstance(value, int) for value in (*box._start, *box._size))
    return (BoundingBox if whole else FloatBoundingBox)(box._start, box._size, box._border_start, box._border_end)


def from_json(as_json: str) -> BoundingBoxBase:
    """``from_dict`` of a text."""
    return from_dict(json.loads(as_json))


def from_slices(slices: Sequence[slice], order: str = "c", inclusive: bool = True) -> BoundingBox:
    """The box of slices, last axis first unless ``order`` is ``f``; not ``inclusive``, ends are one less.

    Raises:
        SchemaError: a slice without both ends, or with steps.
    """
    extents = [(part.start, part.stop) for part in slices]
    if any(value is None for extent in extents for value in extent) or any(
        part.step not in (None, 1) for part in slices
    ):
        raise SchemaError(f"slices {list(slices)}; wanted a start and a stop in each")
    if not inclusive:
        extents = [(a, b - 1) for a, b in extents]
    if order[0].lower() == "c":
        extents = extents[::-1]
    start, stop = zip(*extents, strict=True)
    return BoundingBox(start, end=stop)


def boxes_of(value: Any, where: str) -> tuple[BoundingBoxBase, ...]:
    """A list of boxes as JSON has it, None for none."""
    if value is not None and not isinstance(value, list | tuple):
        raise SchemaError(f"{where}: bounding_boxes is {type(value).__name__}; wanted a list")
    return tuple(
        item if isinstance(item, BoundingBoxBase) else from_dict(item, f"{where}: box {i}")
        for i, item in enumerate(value or ())
    )


def _fixed(values: Vector) -> Vector:
    values.setflags(write=False)
    return values


def _listed(boxes: BoundingBoxBase | Iterable[BoundingBoxBase]) -> list[BoundingBoxBase]:
    return [boxes] if isinstance(boxes, BoundingBoxBase) else list(boxes)

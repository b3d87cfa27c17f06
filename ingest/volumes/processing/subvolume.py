"""``Subvolume``: voxels [channel, z, y, x] and the box they were cut from; the calls of Google's class.

Tests: tests/ingest/volumes/processing/test_processors.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError
from ingest.volumes.boxes.bounding_box import BoundingBox, BoundingBoxBase, Vector
from ingest.volumes.boxes.box_generator import BoxGenerator

Voxels = npt.NDArray[Any]


class Subvolume:
    """A view: what is written into ``data`` is written into the array it was made of.

    Args:
        data_or_subvolume: [channel, z, y, x], or another sub-volume.
        bbox: XYZ, as large as the data.

    Raises:
        SchemaError: box and data of two sizes, no box.
    """

    def __init__(self, data_or_subvolume: Voxels | Subvolume, bbox: BoundingBoxBase | None = None) -> None:
        if isinstance(data_or_subvolume, Subvolume):
            if bbox is not None or not data_or_subvolume.valid:
                raise SchemaError("a sub-volume of a sub-volume takes no box, and is not made of an empty one")
            self._data, self._bbox = data_or_subvolume.data, data_or_subvolume.bbox
            return
        if bbox is None:
            raise SchemaError("a sub-volume of an array needs its box")
        _check(bbox, data_or_subvolume)
        self._data, self._bbox = data_or_subvolume, bbox

    @property
    def bbox(self) -> BoundingBoxBase:
        return self._bbox

    @property
    def data(self) -> Voxels:
        return self._data

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def start(self) -> Vector:
        return self._bbox.start

    @property
    def size(self) -> Vector:
        return self._bbox.size

    @property
    def valid(self) -> bool:
        """Whether there are voxels, in four dimensions."""
        return len(self.shape) == 4 and bool(np.all(self.size > 0))

    def __getitem__(self, ind: Sequence[Any]) -> Subvolume:
        """A part by slices or numbers CZYX, counted from where this one begins."""
        slices = _slices(ind, self.shape)
        data = self._data[slices]
        offset = np.array([part.start for part in slices[1:]] + [0] * (4 - len(slices)))
        return Subvolume(data, type(self._bbox)(start=self.start + offset[::-1], size=data.shape[:0:-1]))

    @property
    def index_abs(self) -> _Absolute:
        """Parts by the coordinates of the whole volume."""
        return _Absolute(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Subvolume):
            return self.bbox == other.bbox and bool(np.all(self.data == other.data))
        if isinstance(other, np.ndarray | int | float):
            return bool(np.all(self.data == other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # its voxels may change

    def new_bounding_box(self, bbox: BoundingBoxBase) -> Subvolume:
        """The same voxels in another place."""
        _check(bbox, self._data)
        self._bbox = bbox
        return self

    def clip(self, bbox: BoundingBoxBase) -> Subvolume:
        """The part in a box counted from where this one begins."""
        return self[bbox.to_slice4d()]

    def clip_abs(self, bbox: BoundingBoxBase) -> Subvolume:
        """The part in a box of the whole volume."""
        return self.index_abs[bbox.to_slice4d()]

    def merge_with(self, data: Voxels | Subvolume, empty_value: float = 0) -> Subvolume:
        """Fill voxels that are ``empty_value`` from an array of this size, or where both are from another."""
        target: Subvolume = self
        if isinstance(data, Subvolume):
            common = self.bbox.intersection(data.bbox)
            if common is None:
                return self
            target, source = self.clip_abs(common), data.clip_abs(common).data
        else:
            source = data
        if target.shape != source.shape:
            raise SchemaError(f"voxels of shape {source.shape} into {target.shape}; wanted the same")
        empty = np.isnan(target.data) if np.isnan(empty_value) else target.data == empty_value
        target.data[empty] = source[empty]
        return self

    def split(
        self, size: Any, origin: Any = None, clip_output_subvolumes: bool = False, empty_value: float = 0
    ) -> list[Subvolume]:
        """Sub-volumes of a grid of ``size`` XYZ that passes through ``origin``, here if None.

        Args:
            clip_output_subvolumes: those at the ends are cut to what is here; otherwise filled up with ``empty_value``.
        """
        sides = np.asarray(size)
        begin = self.start if origin is None else np.asarray(origin) + (self.start - origin) // sides * sides
        found = []
        for box in BoxGenerator(BoundingBox(start=begin, end=self.bbox.end), sides.tolist()).boxes:
            whole = BoundingBox(box.start, sides)
            common = whole.intersection(self.bbox)
            if common is None:
                continue
            part = self.clip_abs(common)
            if clip_output_subvolumes:
                found.append(Subvolume(part.data.copy(), common))
                continue
            filled = np.full((self.shape[0], *whole.size[::-1].tolist()), empty_value, self._data.dtype)
            at = common.translate(-whole.start).to_slice3d()
            filled[(slice(None), *at)] = part.data
            found.append(Subvolume(filled, whole))
        return found


def require_finite(data: Voxels) -> None:
    """SchemaError for voxels that are NaN or infinite: what is made of them, and of those around them, is no image."""
    if data.dtype.kind == "f" and (bad := int(np.count_nonzero(~np.isfinite(data)))):
        raise SchemaError(f"{bad:,} voxels of the image are NaN or infinite; fill them first")


class _Absolute:
    def __init__(self, of: Subvolume) -> None:
        self._of = of

    def __getitem__(self, ind: Sequence[Any]) -> Subvolume:
        ends = (self._of.shape[0], *self._of.bbox.end[2::-1].tolist())
        starts = (0, *self._of.bbox.start[2::-1].tolist())
        inner = []
        for part, first, last in zip(ind, starts, ends, strict=False):
            # Coordinates of the volume may be below 0, where a slice would count from the end.
            if isinstance(part, slice) and part.step in (None, 1):
                low = first if part.start is None else part.start
                high = last if part.stop is None else part.stop
            else:
                low, high = part, part + 1
            inner.append(slice(max(low - first, 0), max(min(high, last) - first, 0)))
        return self._of[inner]


def _check(bbox: BoundingBoxBase, data: Voxels) -> None:
    wanted = tuple(bbox.size[::-1].tolist())
    if wanted != (data.shape if len(wanted) == 4 else data.shape[1:]):
        raise SchemaError(f"box of {wanted} voxels (ZYX) for data of shape {data.shape} (CZYX)")


def _slices(ind: Sequence[Any], limits: Sequence[int]) -> tuple[slice, ...]:
    if not isinstance(ind, tuple | list) or len(ind) > 4:
        raise SchemaError(f"index {ind!r}; wanted at most four slices or numbers, CZYX")
    found = []
    for part, limit in zip(ind, limits, strict=False):
        if isinstance(part, int | np.integer):
            found.append(slice(int(part), int(part) + 1))
        elif isinstance(part, slice) and part.step in (None, 1):
            found.append(slice(*part.indices(limit)))
        else:
            raise SchemaError(f"index {part!r}; wanted a slice without steps, or a number")
    return tuple(found)

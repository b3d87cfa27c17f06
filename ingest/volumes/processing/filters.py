"""Filters of images: ``HighPass`` and ``ApplyFilter``, of scipy as Google's are, so equal to the bit.

Tests: tests/ingest/volumes/processing/test_processors.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.volumes.processing.processor import SubvolumeProcessor, SuggestedXyz
from ingest.volumes.processing.subvolume import Subvolume, require_finite

FILTERS: dict[str, Any] = {
    "median": ndimage.median_filter,
    "max": ndimage.maximum_filter,
    "min": ndimage.minimum_filter,
    "uniform": ndimage.uniform_filter,
}


class HighPass(SubvolumeProcessor):
    """Each pixel plus the least inverted one around it, plane by plane: fine structures stay visible."""

    def process(self, subvol: Subvolume) -> Subvolume:
        image = subvol.data
        if image.dtype != np.uint8:
            raise SchemaError(f"high-pass of {image.dtype}; wanted uint8, 0 to 255")
        out = np.stack([[plane + ndimage.minimum_filter(255 - plane, 3) for plane in planes] for planes in image])
        return self.crop_box_and_data(subvol.bbox, out)

    def context(self) -> tuple[SuggestedXyz, SuggestedXyz]:
        return SuggestedXyz(3, 3, 0), SuggestedXyz(3, 3, 0)

    def subvolume_size(self) -> SuggestedXyz:
        return SuggestedXyz(1024, 1024, 1)


class ApplyFilter(SubvolumeProcessor):
    """A filter of ``scipy.ndimage`` over each plane or the volume, one channel.

    Args:
        filter_size: voxels on every side, or [z,] y, x.
        filter_type: ``median``, ``max``, ``min`` or ``uniform``.
        mode: ``2d`` or ``3d``.
        dtype: type to compute in; that of the input if None.
    """

    def __init__(self, filter_size: int | Sequence[int], filter_type: str, mode: str, dtype: str | None = None) -> None:
        if filter_type not in FILTERS:
            raise UnknownNameError("filter", filter_type, FILTERS)
        if mode not in ("2d", "3d"):
            raise UnknownNameError("mode", mode, ("2d", "3d"))
        sides = [filter_size] * 3 if isinstance(filter_size, int) else list(filter_size)
        if mode == "2d":
            sides = [1, *(sides[:2])]
        if len(sides) != 3 or min(sides) < 1:
            raise SchemaError(f"filter_size {filter_size!r} for {mode}; wanted one number, or {mode[0]} of them")
        self._filter_type, self._mode = filter_type, mode
        self._filter_size = tuple(sides)
        self._dtype = None if dtype is None else np.dtype(dtype).type

    @property
    def name_parts(self) -> tuple[str, ...]:
        return self._filter_type, "filter", "_".join(map(str, self._filter_size)), self._mode

    def output_type(self, input_type: Any) -> Any:
        return input_type if self._dtype is None else self._dtype

    def context(self) -> tuple[list[int], list[int]]:
        sides = self._filter_size[::-1]
        front, back = [side // 2 for side in sides], [side - side // 2 for side in sides]
        if self._mode == "2d":
            front[-1] = back[-1] = 0
        return front, back

    def process(self, subvol: Subvolume) -> Subvolume:
        if subvol.shape[0] != 1:
            raise SchemaError(f"{subvol.shape[0]} channels; wanted one")
        require_finite(subvol.data)
        image = subvol.data[0].astype(self.output_type(subvol.data.dtype))
        return self.crop_box_and_data(subvol.bbox, FILTERS[self._filter_type](image, self._filter_size)[np.newaxis])

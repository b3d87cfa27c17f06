"""One dataset of an HDF5 file as a volume.

Tests: tests/ingest/test_hdf5_links.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ingest.hdf5_links import DAMAGE, LinkedFile, damaged
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.sources import Voxels, Zyx, agreed_axes, short, three

ENDINGS = (".h5", ".hdf5", ".hdf")


def split_place(place: str) -> tuple[Path, str] | None:
    """File and dataset of ``FILE.h5:DATASET`` (the dataset is empty without a colon); None for another file."""
    if Path(place).suffix.lower() in ENDINGS:
        return Path(place), ""
    at = [i for i, letter in enumerate(place) if letter == ":" and place[:i].lower().endswith(ENDINGS)]
    cut = next((i for i in at if Path(place[:i]).is_file()), at[0] if at else None)
    return None if cut is None else (Path(place[:cut]), place[cut + 1 :].strip("/"))


class Hdf5Source:
    """One dataset of an HDF5 file, 3-D (ZYX if nothing else is said), or with axes of length 1 besides.

    Raises:
        ReadError: no such file or dataset, a link that leads out of the folder. SchemaError: other axes, no numbers.
    """

    resolution: Resolution | None = None
    origin: Zyx | None = None
    grid: Zyx = (0, 0, 0)
    absent: tuple[Zyx, ...] = ()
    fill_value = 0

    def __init__(self, path: Path, dataset: str, axes: str | None = None) -> None:
        self._file = LinkedFile(path)
        data = self._file.find(dataset) if dataset else None
        if data is None or not hasattr(data, "shape"):
            names = self._file.names()
            shown = ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
            raise ReadError(f"{path} has no dataset {dataset!r}; it has {shown or 'none'}. Write FILE.h5:DATASET")
        self._data = data
        try:
            self._describe(data, f"{path}:{dataset}", axes)
        except DAMAGE as error:
            raise damaged(path, error) from None

    def _describe(self, data: Any, place: str, axes: str | None) -> None:
        if data.dtype.kind not in "uifb" or data.shape is None:
            raise SchemaError(f"{place} holds {data.dtype}; wanted numbers")
        # What the file does not say is ZYX, as everywhere here.
        named = agreed_axes([], axes or ("zyx" if data.ndim == 3 else None), data.ndim, place)
        for at, name in enumerate(named):
            if name not in "xyz" and data.shape[at] != 1:
                raise SchemaError(f"{place} has {data.shape[at]} entries along {name!r}; wanted one channel")
        self.axes = named
        self._order = [[name for name in named if name in "xyz"].index(axis) for axis in "zyx"]
        at_axis = [named.index(axis) for axis in "zyx"]
        self.shape = three(data.shape[at] for at in at_axis)
        chunks = data.chunks
        self.chunk = three(chunks[at] if chunks else min(64, max(1, data.shape[at])) for at in at_axis)
        self.dtype = np.dtype(data.dtype).newbyteorder("=")

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        spans = {axis: slice(a, b) for axis, a, b in zip("zyx", start, stop, strict=True)}
        box: tuple[Any, ...] = tuple(spans.get(name, 0) for name in self.axes)
        try:
            return np.asarray(self._data[box]).transpose(self._order)
        except DAMAGE as error:
            raise ReadError(short(error)) from None

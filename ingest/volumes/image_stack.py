"""Stacks of images as volumes: a folder of PNG or TIFF files, or one TIFF."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np

from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.limits import require_room
from ingest.schema.space import Resolution
from ingest.volumes.sources import Voxels, Zyx, agreed_axes, short, three
from ingest.volumes.tiff import TiffFile, open_tiff

IMAGES = (".png", ".tif", ".tiff")
STACK_BYTES = 1 << 25
"""A block of a stack is so many whole slices: an image can only be decoded whole."""


class StackSource:
    """A folder of PNG or TIFF slices in the order of the number in their names; or one TIFF. No slice is left out.

    Args:
        axes: what slices, rows and columns are, ``zyx`` if nothing else is said. A file that says ``z`` is heard.

    Raises:
        ReadError: no images, unreadable. SchemaError: a gap in the numbers, slices of another size, colours.
    """

    origin: Zyx | None = None
    grid: Zyx = (0, 0, 0)
    absent: tuple[Zyx, ...] = ()
    fill_value = 0

    def __init__(self, path: Path, axes: str | None = None) -> None:
        if path.is_file():
            files = [path]
        else:
            files = [item for item in path.iterdir() if item.suffix.lower() in IMAGES and item.name[0] != "."]
            if not files:
                raise ReadError(f"{path} holds no {', '.join(IMAGES)}; wanted a folder of slices")
            files.sort(key=_number)
        opened = [open_tiff(file, axes) if file.suffix.lower() != ".png" else file for file in files]
        counts = [item.count if isinstance(item, TiffFile) else 1 for item in opened]
        _no_gap(path, files, counts)
        self._planes = [(item, k) for item, count in zip(opened, counts, strict=True) for k in range(count)]
        tiffs = [item for item in opened if isinstance(item, TiffFile)]
        labels = ["z", "y", "x"] if any(item.axes for item in tiffs) else []
        named = agreed_axes(labels, axes or (None if labels else "zyx"), 3, str(path))
        self.axes = named
        self._order = [named.index(axis) for axis in "zyx"]
        stated = {item.resolution for item in tiffs}
        if len(stated) > 1:
            raise SchemaError(f"{path}: its files say different voxel sizes: {', '.join(map(str, stated))} nm")
        self.resolution: Resolution | None = self._turned_size(stated.pop() if stated else None, named)
        first = self._plane(0)
        self._size = (len(self._planes), *first.shape)
        self.dtype = first.dtype.newbyteorder("=")
        deep = max(1, min(64, STACK_BYTES // max(first.nbytes, 1)))
        self.shape = three(self._size[at] for at in self._order)
        chunk = (min(deep, self._size[0]), *first.shape)
        self.chunk = three(chunk[at] for at in self._order)

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        spans = {at: slice(a, b) for at, a, b in zip(self._order, start, stop, strict=True)}
        voxels = np.stack([self._checked(k)[spans[1], spans[2]] for k in range(spans[0].start, spans[0].stop)])
        return voxels.transpose(self._order)

    def _checked(self, k: int) -> Voxels:
        plane = self._plane(k)
        if plane.shape != self._size[1:] or plane.dtype.newbyteorder("=") != self.dtype:
            raise ReadError(
                f"slice {k} ({self._path(k).name}) is {list(plane.shape)} {plane.dtype}; "
                f"the first is {list(self._size[1:])} {self.dtype}"
            )
        return plane

    def _path(self, k: int) -> Path:
        item = self._planes[k][0]
        return item.path if isinstance(item, TiffFile) else item

    def _plane(self, k: int) -> Voxels:
        item, number = self._planes[k]
        path = self._path(k)
        try:
            plane = item.plane(number) if isinstance(item, TiffFile) else _png(item)
        except (ReadError, SchemaError, MissingExtraError):
            raise
        except Exception as error:  # image libraries raise whatever a damaged file leads them to
            raise ReadError(f"{path} cannot be read: {short(error)}") from None
        if plane.ndim != 2:
            raise SchemaError(f"{path} has shape {list(plane.shape)}; wanted one grey value or id a pixel")
        return plane

    @staticmethod
    def _turned_size(stated: Resolution | None, named: str) -> Resolution | None:
        """The voxel size, which a file says of columns, rows and slices, by our names of them."""
        if stated is None:
            return None
        of = dict(zip(named, stated.xyz[::-1], strict=True))
        return Resolution(of["x"], of["y"], of["z"])


def _no_gap(folder: Path, files: list[Path], counts: list[int]) -> None:
    """Files are numbered one by one; those of several slices may also be, all of them, by their first slice."""
    numbers = [_number(file) for file in files] if len(files) > 1 else []
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    if steps == counts[:-1]:
        return
    for before, step in zip(numbers, steps, strict=False):
        if step != 1:
            raise SchemaError(
                f"{folder}: slice {before} is followed by {before + step}; wanted each number once, no gap"
            )


def _png(path: Path) -> Voxels:
    from PIL import Image

    with Image.open(path) as image:
        frames = int(getattr(image, "n_frames", 1))
        if frames != 1:
            raise SchemaError(f"{path} holds {frames} frames; wanted one slice a file")
        if image.mode in ("P", "PA"):
            raise SchemaError(
                f"{path} has a palette: its values are numbers of colours, not grey values or ids. Save it as greyscale"
            )
        require_room(f"{path}: an image of {image.size} pixels", image.width * image.height * 4)
        pixels: Voxels = np.asarray(image)
    return pixels


def _number(path: Path) -> int:
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise SchemaError(f"{path}: no number in the name; slices are ordered by it")
    return int(numbers[-1])

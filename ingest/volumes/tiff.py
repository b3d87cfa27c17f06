"""One TIFF file as planes: every page, or every slice of an ImageJ stack that has one page; colours are refused.

Tests: tests/ingest/volumes/test_image_stack.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.limits import require_room
from ingest.schema.space import Resolution

Plane = npt.NDArray[Any]
MINISWHITE, MINISBLACK, PALETTE = 0, 1, 3
PLAIN = ("generic", "shaped", "uniform")
"""Kinds of files whose images are their pages, one after the other."""
NANOMETRES = {
    "nm": 1.0, "nanometer": 1.0, "um": 1e3, "µm": 1e3, "\u03bcm": 1e3, "micron": 1e3, "microns": 1e3,
    "micrometer": 1e3, "\\u00b5m": 1e3, "mm": 1e6, "millimeter": 1e6, "å": 0.1, "angstrom": 0.1, "pm": 1e-3,
}  # fmt: skip


@dataclass(frozen=True)
class TiffFile:
    """Planes [y, x] of one file.

    Args:
        shape: of a plane. axes: of the file as it names them, ``z`` only where it says so.
        pages: number of the page of each plane; None where planes lie one after the other from ``offset`` on.
        resolution: nm per voxel, where the file says all three.
    """

    path: Path
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    axes: str
    pages: tuple[int, ...] | None
    offset: int
    resolution: Resolution | None

    def plane(self, k: int) -> Plane:
        """Raises ReadError: damaged, or cut short."""
        import tifffile

        size = math.prod(self.shape) * self.dtype.itemsize
        require_room(f"{self.path}: a slice of {self.shape} pixels", size)
        if self.pages is not None:
            return np.asarray(tifffile.imread(self.path, key=self.pages[k]))
        with self.path.open("rb") as file:
            file.seek(self.offset + k * size)
            data = file.read(size)
        if len(data) != size:
            raise ReadError(f"{self.path} is cut short in slice {k} of {self.count}")
        return np.frombuffer(data, dtype=self.dtype).reshape(self.shape)


def open_tiff(path: Path, axes: str | None = None) -> TiffFile:
    """Raises:
    ReadError: no TIFF, or damaged. SchemaError: several images, channels, times or colours, grey upside down.
    MissingExtraError: tifffile is not installed.
    """
    try:
        import tifffile
    except ImportError:
        raise MissingExtraError("tifffile", "volumes") from None
    try:
        with tifffile.TiffFile(path) as opened:
            return _planes(opened, path, axes)
    except (ReadError, SchemaError):
        raise
    except Exception as error:  # tifffile raises whatever a damaged file leads it to
        raise ReadError(f"{path} cannot be read as TIFF: {' '.join(str(error).split())[:200]}") from None


def _planes(opened: Any, path: Path, axes: str | None) -> TiffFile:
    series = list(opened.series)
    if not series:
        raise ReadError(f"{path} is a TIFF without an image")
    first = series[0]
    _grey(first.keyframe, path)
    named = "".join(a for a, n in zip(first.axes, first.shape, strict=True) if n != 1 or a in "YX").lower()
    shape = [n for a, n in zip(first.axes, first.shape, strict=True) if n != 1 or a in "YX"]
    if len(series) > 1:
        apart = any(one.kind not in PLAIN or one.shape != first.shape or one.dtype != first.dtype for one in series)
        if apart or len(shape) != 2:
            shapes = ", ".join(f"{one.axes} {list(one.shape)}" for one in series[:4])
            raise SchemaError(f"{path} holds {len(series)} images ({shapes}); wanted one stack of slices")
        for one in series:
            _grey(one.keyframe, path)
        named, shape = f"q{named}", [len(series), *shape]
    if len(named) == 2:
        named, shape = f"q{named}", [1, *shape]
    if named[-2:] != "yx" or len(named) != 3 or (named[0] not in "ziq" and axes is None):
        raise SchemaError(
            f"{path} has axes {named.upper()} of {shape}; wanted slices, rows and columns: one channel and one time. "
            "If the first of three axes is that of slices, say so with --axes zyx"
        )
    pages: tuple[int, ...] | None = None
    parts = [page for one in series for page in one.pages]
    if len(parts) == shape[0]:
        if any(page is None or page.parent is not opened for page in parts):
            raise SchemaError(f"{path}: some of its slices lie in other files; write them into one, or one a file")
        pages = tuple(int(page.index) for page in parts)
    elif first.dataoffset is None or len(series) > 1:
        raise SchemaError(f"{path} says {shape[0]} slices and has {len(parts)} pages; wanted one a slice")
    _whole(opened, path, parts, int(shape[0]))
    dtype = np.dtype(first.dtype).newbyteorder(opened.byteorder)
    count, rows, columns = (int(size) for size in shape)
    offset = int(first.dataoffset or 0)
    if pages is None and offset + count * rows * columns * dtype.itemsize > path.stat().st_size:
        raise ReadError(f"{path} is cut short: it says {count} slices and is too short for them")
    letter = "z" if named[0] == "z" else ""
    return TiffFile(path, count, (rows, columns), dtype, letter, pages, offset, _stated(opened))


def _whole(opened: Any, path: Path, pages: list[Any], count: int) -> None:
    """Refuse a file that ends before its pages do: libraries read what is left of it, or zeros."""
    stated = int((opened.imagej_metadata or {}).get("images", count)) if opened.is_imagej else count
    size = path.stat().st_size
    beyond = any(
        offset + length > size or length == 0
        for page in pages
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    if stated != count or beyond or _chain(path) != len(opened.pages):
        raise ReadError(f"{path} is cut short, or lacks pages: {count} of {stated} slices are whole at most")


def _chain(path: Path) -> int:
    """How many pages the file's own chain of them has; -1 where it leads out of the file or in a circle."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order: Any = "little" if head[:2] == b"II" else "big"
        big = int.from_bytes(head[2:4], order) == 43
        count_bytes, entry_bytes, offset_bytes = (8, 20, 8) if big else (2, 12, 4)
        at = int.from_bytes(head[8:16] if big else head[4:8], order)
        seen: set[int] = set()
        while at:
            if at in seen or at + count_bytes > size:
                return -1
            seen.add(at)
            file.seek(at)
            entries = int.from_bytes(file.read(count_bytes), order)
            file.seek(at + count_bytes + entries * entry_bytes)
            following = file.read(offset_bytes)
            if len(following) != offset_bytes:
                return -1
            at = int.from_bytes(following, order)
    return len(seen)


def _grey(page: Any, path: Path) -> None:
    """Refuse values that stand for something else than themselves."""
    kind = int(page.photometric)
    if kind == PALETTE:
        colours = page.colormap
        ramp = None if colours is None else np.asarray(colours)
        if ramp is not None and (np.diff(ramp, axis=0) == 0).all() and (np.diff(ramp[0].astype(np.int64)) > 0).all():
            return
        raise SchemaError(
            f"{path} has a palette: its values are numbers of colours, not grey values or ids. Save it as greyscale"
        )
    if kind == MINISWHITE:
        raise SchemaError(f"{path} says that 0 is white (MINISWHITE); save it with 0 for black, ids as they are")
    if kind != MINISBLACK or page.samplesperpixel != 1:
        raise SchemaError(
            f"{path} has {page.samplesperpixel} values a pixel (photometric {kind}); wanted one grey value or id each"
        )


def _stated(opened: Any) -> Resolution | None:
    """nm per voxel that OME or ImageJ wrote: all three lengths with a unit, or nothing."""
    try:
        resolution = _ome(opened.ome_metadata) if opened.is_ome else _imagej(opened) if opened.is_imagej else None
    except (ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError, ElementTree.ParseError):
        return None
    return resolution


def _ome(text: str) -> Resolution | None:
    for element in ElementTree.fromstring(text).iter():
        if element.tag.rsplit("}", 1)[-1] == "Pixels":
            sizes = []
            for axis in "XYZ":
                unit = element.get(f"PhysicalSize{axis}Unit", "µm").lower()
                value = element.get(f"PhysicalSize{axis}")
                if value is None or unit not in NANOMETRES:
                    return None
                sizes.append(float(value) * NANOMETRES[unit])
            return Resolution(*sizes)
    return None


def _imagej(opened: Any) -> Resolution | None:
    metadata = opened.imagej_metadata or {}
    unit = NANOMETRES.get(str(metadata.get("unit", "")).lower())
    if unit is None or "spacing" not in metadata:
        return None
    tags = opened.pages[0].tags
    x, y = (tags[name].value for name in ("XResolution", "YResolution"))
    return Resolution(unit * x[1] / x[0], unit * y[1] / y[0], unit * float(metadata["spacing"]))

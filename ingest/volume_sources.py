"""Where voxels lie: TensorStore, HDF5, stacks of images, compresso chunks. Boxes in ZYX, nothing guessed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.errors import MissingExtraError, ReadError, SchemaError
from ingest.space import Resolution

Zyx = tuple[int, int, int]
Voxels = npt.NDArray[Any]
IMAGES = (".png", ".tif", ".tiff")
DRIVERS = {
    "precomputed": "neuroglancer_precomputed",
    "neuroglancer_precomputed": "neuroglancer_precomputed",
    "zarr": "zarr",
    "zarr2": "zarr",
    "zarr3": "zarr3",
    "n5": "n5",
}
LENGTHS = {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "m": 1e9, "angstrom": 0.1}
STACK_BYTES = 1 << 25
"""A block of a stack is so many whole slices: an image can only be decoded whole."""


class VoxelSource(Protocol):
    """One 3-D array of voxels and what it says of itself."""

    shape: Zyx
    origin: Zyx | None
    """Index of the first voxel; None where the format has no word for it."""
    chunk: Zyx
    """What is fetched together."""
    dtype: np.dtype[Any]
    resolution: Resolution | None

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        """The voxels from ``start`` to ``stop``, counted from the first voxel; ReadError for a missing or bad chunk."""
        ...


class TensorStoreSource:
    """Anything that TensorStore opens: precomputed (sharded or not), zarr 2 and 3, n5, on disk or in a bucket.

    Args:
        spec: TensorStore's JSON.
        axes: names of the dimensions in order, like ``czyx``, where the format has no labels.

    Raises:
        ReadError: not there, or another format. SchemaError: axes not known, or several channels.
    """

    def __init__(self, spec: Mapping[str, Any], axes: str | None = None) -> None:
        try:
            import tensorstore
        except ImportError:
            raise MissingExtraError("tensorstore", "volumes") from None
        # A chunk that is not there is an error, not zeros: whoever computes on it should know.
        self.spec = {"fill_missing_data_reads": False, **spec}
        try:
            store = tensorstore.open(self.spec, open=True, read=True).result()
        except Exception as error:
            raise ReadError(f"{_place(spec)} cannot be opened: {_short(error)}") from None
        named = self._axes(store, axes, _place(spec))
        for at in range(len(named) - 1, -1, -1):
            if named[at] not in "xyz":
                if store.shape[at] != 1:
                    raise SchemaError(
                        f"{_place(spec)} has {store.shape[at]} entries along {named[at]!r}; wanted one channel"
                    )
                store = store[(slice(None),) * at + (int(store.domain[at].inclusive_min),)]
                named = named[:at] + named[at + 1 :]
        order = [named.index(axis) for axis in "zyx"]
        self._store = store.T if order == [2, 1, 0] else store.transpose(order)
        self.shape = _three(self._store.shape)
        self.origin: Zyx | None = _three(self._store.domain.inclusive_min)
        layout = self._store.chunk_layout
        self.chunk = _three(a or b for a, b in zip(layout.read_chunk.shape or self.shape, self.shape, strict=True))
        self.grid = _three(at or 0 for at in (layout.grid_origin or (0, 0, 0)))
        self.dtype = np.dtype(self._store.dtype.numpy_dtype)
        self.resolution = _resolution(self._store.dimension_units)

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        assert self.origin is not None
        box = tuple(slice(a + o, b + o) for a, b, o in zip(start, stop, self.origin, strict=True))
        try:
            return np.asarray(self._store[box].read().result())
        except Exception as error:
            raise ReadError(_short(error)) from None

    @staticmethod
    def _axes(store: Any, axes: str | None, place: str) -> str:
        labels = "".join(label if len(label) == 1 else "c" for label in store.domain.labels)
        labels = labels.lower() if all(store.domain.labels) else ""
        if labels and axes and labels != axes:
            raise SchemaError(f"{place} names its axes {labels}; asked for {axes}")
        named = labels or axes or ""
        if not named:
            raise SchemaError(f"{place} does not name its {store.rank} axes; say them in order, like --axes zyx")
        if len(named) != store.rank or not set("xyz") <= set(named):
            raise SchemaError(f"{place} has {store.rank} axes; {named!r} names {len(named)}, wanted x, y and z in it")
        return named


def bytes_at(place: str, file: str) -> bytes | None:
    """A file beside an array, in a folder or a bucket; None where there is none.

    Raises:
        ReadError: the place cannot be reached.
    """
    if "://" not in place or place.startswith("file://"):
        path = Path(place.removeprefix("file://")) / file
        return path.read_bytes() if path.is_file() else None
    try:
        import tensorstore
    except ImportError:
        raise MissingExtraError("tensorstore", "volumes") from None
    try:
        found = tensorstore.KvStore.open(place.rstrip("/") + "/").result().read(file).result()
    except Exception as error:
        raise ReadError(f"{place} cannot be read: {_short(error)}") from None
    return bytes(found.value) if found.state == "value" else None


class Hdf5Source:
    """One 3-D dataset (ZYX) of an HDF5 file."""

    resolution: Resolution | None = None
    origin: Zyx | None = None

    def __init__(self, path: Path, dataset: str) -> None:
        try:
            import h5py
        except ImportError:
            raise MissingExtraError("h5py", "volumes") from None
        if not path.is_file():
            raise ReadError(f"{path} does not exist")
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ReadError(f"{path} is no HDF5 file: {_short(error)}") from None
        found: list[str] = []
        self._file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        if dataset not in found:
            raise ReadError(f"{path} has no dataset {dataset!r}; it has {', '.join(found)}. Write FILE.h5:DATASET")
        self._data = self._file[dataset]
        if self._data.ndim != 3:
            raise SchemaError(f"{path}:{dataset} has {self._data.ndim} axes; wanted 3 (ZYX)")
        self.shape = _three(self._data.shape)
        self.chunk = _three(self._data.chunks or tuple(min(64, size) for size in self.shape))
        self.dtype = np.dtype(self._data.dtype)

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        try:
            return np.asarray(self._data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))])
        except OSError as error:
            raise ReadError(_short(error)) from None


class StackSource:
    """A folder of PNG or TIFF slices, one a plane, in the order of the number in their names; or one TIFF of pages.

    Raises:
        ReadError: no images, unreadable. SchemaError: a gap in the numbers, slices of another size, colours.
    """

    resolution: Resolution | None = None
    origin: Zyx | None = None

    def __init__(self, path: Path) -> None:
        if path.is_file():
            self._files, self._pages = [path], _pages(path)
        else:
            files = [item for item in path.iterdir() if item.suffix.lower() in IMAGES and item.name[0] != "."]
            if not files:
                raise ReadError(f"{path} holds no {', '.join(IMAGES)}; wanted a folder of slices")
            numbers = {item: _number(item) for item in files}
            self._files, self._pages = sorted(files, key=lambda item: numbers[item]), 0
            ordered = [numbers[item] for item in self._files]
            for before, after in itertools.pairwise(ordered):
                if after != before + 1:
                    raise SchemaError(f"{path}: slice {before} is followed by {after}; wanted each number once, no gap")
        first = self._slice(0)
        self.shape = (self._pages or len(self._files), *first.shape)
        self.dtype = first.dtype
        deep = max(1, min(64, STACK_BYTES // max(first.nbytes, 1)))
        self.chunk = (min(deep, self.shape[0]), *first.shape)

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        box = (slice(start[1], stop[1]), slice(start[2], stop[2]))
        return np.stack([self._checked(z)[box] for z in range(start[0], stop[0])])

    def _checked(self, z: int) -> Voxels:
        found = self._slice(z)
        if found.shape != self.shape[1:] or found.dtype != self.dtype:
            raise ReadError(
                f"slice {z} ({self._files[0 if self._pages else z].name}) is {list(found.shape)} {found.dtype}; "
                f"the first is {list(self.shape[1:])} {self.dtype}"
            )
        return found

    def _slice(self, z: int) -> Voxels:
        path = self._files[0 if self._pages else z]
        try:
            if path.suffix.lower() == ".png":
                from PIL import Image

                with Image.open(path) as image:
                    found = np.asarray(image)
            else:
                import tifffile

                found = np.asarray(tifffile.imread(path, key=z if self._pages else 0))
        except ImportError as error:
            raise MissingExtraError(error.name or "pillow", "volumes") from None
        except Exception as error:
            raise ReadError(f"{path} cannot be read: {_short(error)}") from None
        if found.ndim != 2:
            raise SchemaError(f"{path} has shape {list(found.shape)}; wanted one grey value or id a pixel")
        return found


class CompressoSource:
    """One scale of an unsharded precomputed segmentation in compresso, which TensorStore does not decode.

    Chunks may lie as ``.gz`` files, as some mirrors keep them.
    """

    def __init__(self, folder: Path, scale: Mapping[str, Any], data_type: str) -> None:
        if "sharding" in scale:
            raise SchemaError(f"{folder}: compresso in shards is not read; wanted an unsharded scale")
        self._folder = folder / str(scale["key"])
        self.shape = _three(scale["size"][::-1])
        self.origin: Zyx | None = _three(scale.get("voxel_offset", (0, 0, 0))[::-1])
        self.chunk = _three(scale["chunk_sizes"][0][::-1])
        self.dtype = np.dtype(data_type)
        self.resolution: Resolution | None = Resolution(*map(float, scale["resolution"]))

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        out = np.empty(tuple(b - a for a, b in zip(start, stop, strict=True)), dtype=self.dtype)
        ranges = [range(a // c, -(-b // c)) for a, b, c in zip(start, stop, self.chunk, strict=True)]
        for z in ranges[0]:
            for y in ranges[1]:
                for x in ranges[2]:
                    low = tuple(i * c for i, c in zip((z, y, x), self.chunk, strict=True))
                    high = tuple(min(a + c, s) for a, c, s in zip(low, self.chunk, self.shape, strict=True))
                    block = self._block(low, high)
                    cut, put = [], []
                    for a, b, first, last in zip(low, high, start, stop, strict=True):
                        cut.append(slice(max(a, first) - a, min(b, last) - a))
                        put.append(slice(max(a, first) - first, min(b, last) - first))
                    out[tuple(put)] = block[tuple(cut)]
        return out

    def _block(self, low: tuple[int, ...], high: tuple[int, ...]) -> Voxels:
        import gzip

        try:
            import compresso
        except ImportError:
            raise MissingExtraError("compresso", "volumes") from None
        assert self.origin is not None
        name = "_".join(f"{low[i] + self.origin[i]}-{high[i] + self.origin[i]}" for i in (2, 1, 0))
        for path in (self._folder / name, self._folder / f"{name}.gz"):
            if path.is_file():
                break
        else:
            raise ReadError(f"chunk {name} is missing")
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            block = np.asarray(compresso.decompress(data)).T
        except Exception as error:
            raise ReadError(f"chunk {name} is corrupt: {_short(error)}") from None
        if block.shape != tuple(b - a for a, b in zip(low, high, strict=True)):
            raise ReadError(f"chunk {name} is corrupt: it holds {list(block.shape)} voxels (ZYX)")
        return block


def _resolution(units: Any) -> Resolution | None:
    """Three lengths in nm (ZYX units of TensorStore), or None where one is missing or no length."""
    if any(unit is None or unit.base_unit not in LENGTHS for unit in units):
        return None
    z, y, x = (float(unit.multiplier) * LENGTHS[unit.base_unit] for unit in units)
    return Resolution(x, y, z)


def _pages(path: Path) -> int:
    try:
        import tifffile
    except ImportError:
        raise MissingExtraError("tifffile", "volumes") from None
    try:
        with tifffile.TiffFile(path) as opened:
            return len(opened.pages)
    except Exception as error:
        raise ReadError(f"{path} is no TIFF: {_short(error)}") from None


def _number(path: Path) -> int:
    found = re.findall(r"\d+", path.stem)
    if not found:
        raise SchemaError(f"{path}: no number in the name; slices are ordered by it")
    return int(found[-1])


def _three(values: Any) -> Zyx:
    z, y, x = (int(value) for value in values)
    return z, y, x


def _place(spec: Mapping[str, Any]) -> str:
    store = spec.get("kvstore", spec.get("driver", "volume"))
    if isinstance(store, Mapping):
        store = str(store.get("bucket") or store.get("base_url") or store.get("driver")) + "/" + str(store.get("path"))
    return str(store)


def _short(error: BaseException) -> str:
    """The first sentence of a library's error, without the specification it repeats."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(" [", 1)[0][:300]

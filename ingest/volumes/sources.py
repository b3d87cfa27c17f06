"""Where voxels lie: what TensorStore opens, on disk or in a bucket. Boxes in ZYX, nothing guessed.

Tests: tests/ingest/volumes/test_volume.py.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.space import Resolution

Zyx = tuple[int, int, int]
Voxels = npt.NDArray[Any]
DRIVERS = {
    "precomputed": "neuroglancer_precomputed",
    "neuroglancer_precomputed": "neuroglancer_precomputed",
    "zarr": "zarr",
    "zarr2": "zarr",
    "zarr3": "zarr3",
    "n5": "n5",
}
LENGTHS = {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "m": 1e9, "angstrom": 0.1}
RETRIES = {"max_retries": 5, "initial_delay": "200ms", "max_delay": "4s"}
"""Of a request that a server did not answer well; TensorStore's own would go on for a quarter of an hour."""
CONTEXT = {f"{kind}_request_retries": RETRIES for kind in ("http", "gcs", "s3")}
WAIT_S = 300.0
"""One read may take so long; a server that is silent for longer is an error."""
ABSENT = "NOT_FOUND: chunk "
"""How TensorStore begins its word about a chunk that is not there (no file, or 404)."""


class VoxelSource(Protocol):
    """One 3-D array of voxels and what it says of itself."""

    shape: Zyx
    origin: Zyx | None
    """Index of the first voxel; None where the format has no word for it."""
    chunk: Zyx
    """What is fetched together."""
    grid: Zyx
    """Where some chunk begins, in the indices of ``origin``."""
    dtype: np.dtype[Any]
    resolution: Resolution | None
    axes: str
    """What the stored dimensions are, in order, a letter each."""

    @property
    def absent(self) -> Collection[Zyx]:
        """First voxels of the chunks that were asked for and are not there."""
        ...

    @property
    def fill_value(self) -> object:
        """What stands for their voxels."""
        ...

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        """The voxels from ``start`` to ``stop``, counted from the first voxel; ReadError for a missing or bad chunk."""
        ...


class TensorStoreSource:
    """Anything that TensorStore opens: precomputed (sharded or not), zarr 2 and 3, n5, on disk or in a bucket.

    A chunk that is not there is the array's fill value, as the formats define it, and is counted in ``absent``.

    Args:
        spec: TensorStore's JSON.
        axes: names of the dimensions in order, like ``czyx``, where the format has no labels.
        fill: False makes a chunk that is not there an error.
        elsewhere: looks for a chunk (its first voxel, XYZ) that TensorStore does not find, before it counts as absent;
            gives a store of the same shape that has it, or None.

    Raises:
        ReadError: not there, or another format. SchemaError: axes not known, or several channels.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        axes: str | None = None,
        *,
        fill: bool = True,
        elsewhere: Callable[[tuple[int, ...]], Any] | None = None,
    ) -> None:
        tensorstore = _tensorstore()
        self.spec = {"fill_missing_data_reads": False, "context": CONTEXT, **spec}
        self.absent: set[Zyx] = set()
        self._fill, self._elsewhere = fill, elsewhere
        try:
            store = tensorstore.open(self.spec, open=True, read=True).result(timeout=WAIT_S)
        except Exception as error:
            raise ReadError(f"{_place(spec)} cannot be opened: {short(error)}") from None
        self.axes = agreed_axes(list(store.domain.labels), axes, store.rank, _place(spec))
        self._cut = self._oriented(store, self.axes, _place(spec))
        self._store = self._cut(store)
        self.shape = three(self._store.shape)
        self.origin: Zyx | None = three(self._store.domain.inclusive_min)
        layout = self._store.chunk_layout
        self.chunk = three(a or b for a, b in zip(layout.read_chunk.shape or self.shape, self.shape, strict=True))
        self.grid = three(at or 0 for at in (layout.grid_origin or (0, 0, 0)))
        self.dtype = np.dtype(self._store.dtype.numpy_dtype)
        self.resolution = _resolution(self._store.dimension_units)
        value = self._store.fill_value
        self.fill_value = self.dtype.type(0) if value is None else np.asarray(value).reshape(-1)[0]

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        assert self.origin is not None
        low, high = (three(a + o for a, o in zip(corner, self.origin, strict=True)) for corner in (start, stop))
        try:
            return np.asarray(_box(self._store, low, high).read().result(timeout=WAIT_S))
        except Exception as error:
            if not str(error).startswith(ABSENT) or not (self._fill or self._elsewhere):
                raise ReadError(short(error)) from None
        return self._chunk_by_chunk(low, high)

    def _chunk_by_chunk(self, low: Zyx, high: Zyx) -> Voxels:
        """The same box, each chunk of it on its own: those that are absent are filled and remembered."""
        out = np.full([b - a for a, b in zip(low, high, strict=True)], self.fill_value, dtype=self.dtype)
        bounds = zip(low, high, self.grid, self.chunk, strict=True)
        pieces = itertools.product(*(list(_steps(*of_axis)) for of_axis in bounds))
        begun = []
        for piece in pieces:
            a, b = three(axis[0] for axis in piece), three(axis[1] for axis in piece)
            begun.append((three(axis[2] for axis in piece), a, b, _box(self._store, a, b).read()))
        for corner, a, b, future in begun:
            at = tuple(slice(i - o, j - o) for i, j, o in zip(a, b, low, strict=True))
            try:
                out[at] = future.result(timeout=WAIT_S)
            except Exception as error:
                if not str(error).startswith(ABSENT):
                    raise ReadError(short(error)) from None
                other = self._elsewhere(corner[::-1]) if self._elsewhere else None
                if other is not None:
                    out[at] = _read_other(_box(self._cut(other), a, b))
                elif self._fill:
                    self.absent.add(corner)
                else:
                    raise ReadError(short(error)) from None
        return out

    @staticmethod
    def _oriented(store: Any, named: str, place: str) -> Callable[[Any], Any]:
        """What turns a store of this shape into ZYX."""
        first: list[Any] = [slice(None)] * store.rank
        for at, name in enumerate(named):
            if name not in "xyz":
                if store.shape[at] != 1:
                    raise SchemaError(f"{place} has {store.shape[at]} entries along {name!r}; wanted one channel")
                first[at] = int(store.domain[at].inclusive_min)
        left = [name for name in named if name in "xyz"]
        order = [left.index(axis) for axis in "zyx"]

        def cut(whole: Any) -> Any:
            chosen = whole[tuple(first)]
            return chosen.T if order == [2, 1, 0] else chosen.transpose(order)

        return cut


def agreed_axes(labels: list[str], axes: str | None, rank: int, place: str) -> str:
    """One letter an axis, in order: as the format names them, else as asked for; both must agree.

    Raises:
        SchemaError: another order than asked for, no names at all, or names without x, y and z.
    """
    letters = [label.lower() if len(label) == 1 else "c" for label in labels]
    known = "".join(letters) if sorted(set(letters) & set("xyz")) == list("xyz") and all(labels) else ""
    asked = (axes or "").lower()
    if asked and sorted(letter for letter in asked if letter in "xyz") != list("xyz"):
        raise SchemaError(f"--axes {axes}: wanted x, y and z once each, in the order of the dimensions")
    if known and asked and _spatial(known) != _spatial(asked):
        raise SchemaError(
            f"{place} names its axes {known}; asked for {axes}. A segmentation takes its own --segmentation-axes"
        )
    named = known or asked
    if not named:
        raise SchemaError(f"{place} does not name its {rank} axes; say them in order, like --axes zyx")
    if len(named) != rank or sorted(_spatial(named)) != list("xyz"):
        raise SchemaError(f"{place} has {rank} axes; {named!r} names {len(named)}, wanted x, y and z in it")
    return named


def file_store(place: str | Path) -> dict[str, str]:
    """TensorStore's JSON for a local folder, whatever signs its path has."""
    return {"driver": "file", "path": f"{local_path(str(place)).absolute()}/"}


def is_local(place: str) -> bool:
    return "://" not in place or place.startswith("file://")


def local_path(place: str) -> Path:
    """The path of a place on disk; a ``file://`` URL is taken as it stands where that exists, else percent-decoded."""
    if not place.startswith("file://"):
        return Path(place)
    path = Path(place.removeprefix("file://"))
    return path if path.exists() else Path(unquote(str(path)))


def bytes_at(place: str, file: str) -> bytes | None:
    """A file beside an array, in a folder or a bucket; None where there is none.

    Raises:
        ReadError: the place cannot be reached.
    """
    if is_local(place):
        path = local_path(place) / file
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise ReadError(f"{path}: {error.strerror or error}") from None
    tensorstore = _tensorstore()
    try:
        context = tensorstore.Context(CONTEXT)
        store = tensorstore.KvStore.open(place.rstrip("/") + "/", context=context).result(timeout=WAIT_S)
        result = store.read(file).result(timeout=WAIT_S)
    except Exception as error:
        raise ReadError(f"{place} cannot be read: {short(error)}") from None
    return bytes(result.value) if result.state == "value" else None


def three(values: Any) -> Zyx:
    z, y, x = (int(value) for value in values)
    return z, y, x


def short(error: BaseException) -> str:
    """The first sentence of a library's error, without the specification it repeats."""
    text = " ".join(str(error).split()) or f"no answer within {WAIT_S:g} s ({type(error).__name__})"
    return re.split(r" \[(?!HTTP)", text, maxsplit=1)[0][:300]


def _spatial(named: str) -> str:
    return "".join(letter for letter in named if letter in "xyz")


def _box(store: Any, low: Zyx, high: Zyx) -> Any:
    return store[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]


def _read_other(store: Any) -> Voxels:
    try:
        return np.asarray(store.read().result(timeout=WAIT_S))
    except Exception as error:
        raise ReadError(short(error)) from None


def _steps(low: int, high: int, grid: int, chunk: int) -> Any:
    """(from, to, first voxel of the chunk) of every chunk between two voxels of an axis."""
    at = low
    while at < high:
        begin = grid + (at - grid) // chunk * chunk
        end = min(high, begin + chunk)
        yield at, end, begin
        at = end


def _resolution(units: Any) -> Resolution | None:
    """Three lengths in nm (ZYX units of TensorStore), or None where one is missing or no length."""
    if any(unit is None or unit.base_unit not in LENGTHS for unit in units):
        return None
    z, y, x = (float(unit.multiplier) * LENGTHS[unit.base_unit] for unit in units)
    return Resolution(x, y, z)


def _place(spec: Mapping[str, Any]) -> str:
    store = spec.get("kvstore", spec.get("driver", "volume"))
    if isinstance(store, Mapping):
        store = str(store.get("bucket") or store.get("base_url") or store.get("driver")) + "/" + str(store.get("path"))
    return str(store)


def _tensorstore() -> Any:
    try:
        import tensorstore
    except ImportError:
        raise MissingExtraError("tensorstore", "volumes") from None
    return tensorstore

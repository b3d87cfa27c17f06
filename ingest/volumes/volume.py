"""EM and segmentation volumes by URL: voxel size and offset known, reads counted, two volumes aligned."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError, did_you_mean
from ingest.schema.limits import require_room
from ingest.schema.space import Resolution
from ingest.volumes.descriptors import descriptor_source
from ingest.volumes.hdf5 import Hdf5Source, split_place
from ingest.volumes.image_stack import IMAGES, StackSource
from ingest.volumes.ome_zarr import chosen, multiscale, scale_of
from ingest.volumes.precomputed_chunks import CompressoSource, PackedChunks
from ingest.volumes.sources import (
    DRIVERS,
    TensorStoreSource,
    VoxelSource,
    Zyx,
    agreed_axes,
    bytes_at,
    file_store,
    is_local,
    local_path,
)
from ingest.volumes.zarr_places import ArrayMetadata, n5_metadata, refuse_group, zarr_metadata

REMOTE = ("gs", "s3", "http", "https")
MISSING = ("fill", "refuse")
"""What an absent chunk is: the array's fill value, counted; or an error."""
CHUNKS = 4
"""So many must have room at a time."""
NEAR = 1e-6
"""Voxel sizes closer than this part of each other are one."""
Points = npt.NDArray[np.float64]


class Volume:
    """One 3-D volume. Points are XYZ in nm, voxel boxes ZYX in the volume's own indices, offset included.

    Voxel i covers the nanometres from i * size to (i + 1) * size on each axis.

    Args:
        name: as in messages.
        source: where the voxels lie.
        resolution, offset: see ``open_volume``.
    """

    def __init__(
        self,
        name: str,
        source: VoxelSource,
        resolution: Resolution | None = None,
        offset: Sequence[int] | None = None,
    ) -> None:
        self.name = name
        self._source = source
        self.resolution = _agreed(name, source.resolution, resolution)
        self.start = _origin(name, source.origin, offset)
        self.shape = source.shape
        self.stop: Zyx = _zyx(a + n for a, n in zip(self.start, self.shape, strict=True))
        # Numbers of another byte order than the machine's are turned as they are read.
        self.dtype = source.dtype.newbyteorder("=")
        self.axes = source.axes
        self.chunk = source.chunk
        # Whatever is read of a chunk, all of it is unpacked, beside itself and what is read; and several at a time.
        require_room(f"{name}: chunks of {self.chunk} voxels", CHUNKS * self._bytes(self.chunk))
        # Chunks lie on the source's own grid, which an offset moves along with the voxels.
        shift = [a - b for a, b in zip(self.start, source.origin or (0, 0, 0), strict=True)]
        self.grid: Zyx = _zyx(a + b for a, b in zip(source.grid, shift, strict=True))
        self.reads = 0
        self.bytes_read = 0
        self._lock = threading.Lock()

    def read(self, start: Sequence[int], stop: Sequence[int]) -> npt.NDArray[Any]:
        """The voxels of a box [z, y, x]; one call to the source, counted in ``reads`` and ``bytes_read``.

        Raises:
            ReadError: a chunk is missing or corrupt, the box takes too much memory. SchemaError: it is not within the
                volume.
        """
        a, b = _zyx(start), _zyx(stop)
        if any(i < low or j > high or i >= j for i, j, low, high in zip(a, b, self.start, self.stop, strict=True)):
            raise SchemaError(f"{self.name}: box {a} to {b} (ZYX) is not within {self.start} to {self.stop}")
        require_room(f"{self.name}: box {a} to {b} (ZYX)", self._bytes(j - i for i, j in zip(a, b, strict=True)))
        with self._lock:
            self.reads += 1
        try:
            voxels = self._source.read(
                _zyx(i - o for i, o in zip(a, self.start, strict=True)),
                _zyx(i - o for i, o in zip(b, self.start, strict=True)),
            )
        except ReadError as error:
            raise ReadError(f"{self.name}: voxels {a} to {b} (ZYX): {error}") from None
        voxels = voxels.astype(self.dtype, copy=False)
        with self._lock:
            self.bytes_read += voxels.nbytes
        return voxels

    @property
    def absent_chunks(self) -> frozenset[Zyx]:
        """The chunks that were asked for and are not there, by their first voxel as the source counts it."""
        return frozenset(self._source.absent)

    @property
    def absent(self) -> int:
        """How many chunks were asked for that are not there; they were read as the array's fill value."""
        return len(self._source.absent)

    def _bytes(self, sides: Iterable[int]) -> int:
        return math.prod(sides) * self.dtype.itemsize

    def note(self, absent: int | None = None) -> str | None:
        """A word about absent chunks for people, None where there were none.

        Args:
            absent: how many, where others than this object read them.
        """
        count = self.absent if absent is None else absent
        if not count:
            return None
        return f"{count:,} chunks of {self.name} are not there: read as {self._source.fill_value}, the fill value"

    def voxels_of(self, points_nm: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The voxel that holds each point: XYZ in nm [n, 3] to ZYX indices [n, 3]; it may lie outside."""
        points: Points = np.asarray(points_nm, dtype=np.float64).reshape(-1, 3)
        voxels: npt.NDArray[np.int64] = np.floor(points / np.array(self.resolution.xyz)).astype(np.int64)[:, ::-1]
        return voxels

    def holds(self, voxels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each voxel [n, 3] ZYX is within the volume."""
        inside: npt.NDArray[np.bool_] = np.all((voxels >= self.start) & (voxels < self.stop), axis=1)
        return inside

    def __repr__(self) -> str:
        return f"<Volume {self.name}: {self.shape} {self.dtype} (ZYX) from {self.start}, {self.resolution} nm>"


def open_volume(
    url: str | Path | Mapping[str, Any],
    *,
    resolution: Any = None,
    offset: Sequence[int] | None = None,
    axes: str | None = None,
    prefer: Any = None,
    missing: str = "fill",
) -> Volume:
    """Open a volume; nothing but metadata is read.

    Args:
        url: ``precomputed://``, ``zarr://``, ``zarr3://`` or ``n5://`` before a path or a ``file://``, ``gs://``,
            ``s3://``, ``https://`` URL (an array, or a group of OME-Zarr); a local folder of one of these formats;
            ``FILE.h5:DATASET``; a folder of PNG or TIFF slices, or a TIFF; a ``.json`` file with Google's
            VolumeDescriptor; or TensorStore's own JSON.
        resolution: nm per voxel XYZ. Chooses the scale where there are several, is compared where the format knows
            it, and is needed where it does not.
        prefer: nm per voxel XYZ; where several scales are there and none is asked for, the nearest one is taken.
        offset: voxels XYZ of the first voxel, needed for HDF5 and stacks, which have no word for it; compared (or
            added, where the format starts at 0 for want of one) otherwise.
        axes: names of the dimensions in order; needed where the format has none (zarr 2), ``zyx`` for HDF5 and stacks
            if nothing is said, compared where the format knows them.
        missing: ``fill``: a chunk that is not there (404 or no file) is the array's fill value, as the formats say,
            and is counted; ``refuse``: it is an error. Other failures (403, 5xx, no answer) are errors always.

    Raises:
        ReadError: not there or unreadable. SchemaError: something would have to be guessed.
        VersionError: the voxel size is not what was asked for. MissingExtraError: a library is not installed.
    """
    if missing not in MISSING:
        raise UnknownNameError("way with missing chunks", str(missing), MISSING)
    wanted = Resolution.parse(resolution) if resolution is not None else None
    asked = _Asked(wanted, offset, axes or None, Resolution.parse(prefer) if prefer is not None else None, missing)
    if isinstance(url, Mapping):
        source = TensorStoreSource(url, asked.axes, fill=asked.fill)
        return Volume(str(url.get("driver", "volume")), source, wanted, offset)
    text = str(url)
    if text.lower().endswith(".json") and "://" not in text:
        spec, known = descriptor_source(Path(text))
        source = TensorStoreSource(spec, asked.axes, fill=asked.fill)
        return Volume(text, source, _agreed(text, known, wanted), offset)
    scheme, _, rest = text.partition("://")
    if scheme in DRIVERS:
        return _chunked(text, scheme, rest, asked)
    if scheme in REMOTE:
        raise SchemaError(f"{text}: which format? Write it in front, like precomputed://{text} or zarr3://{text}")
    if "://" in text and scheme not in ("file", "hdf5"):
        raise SchemaError(f"{text}: unknown scheme {scheme!r}{did_you_mean(scheme, [*DRIVERS, *REMOTE, 'file'])}")
    return _local(text, rest if scheme == "hdf5" else text, asked)


def tensorstore_spec(driver: str, place: str, resolution: Resolution | None = None) -> dict[str, Any]:
    """TensorStore's JSON for a format and a place (path, or ``file``, ``gs``, ``s3``, ``http(s)`` URL)."""
    store = file_store(place) if is_local(place) else place.rstrip("/") + "/"
    spec: dict[str, Any] = {"driver": DRIVERS[driver], "kvstore": store}
    if DRIVERS[driver] == "neuroglancer_precomputed" and resolution is not None:
        spec["scale_metadata"] = {"resolution": list(resolution.xyz)}
    return spec


def steps_between(fine: Volume, other: Volume) -> tuple[float, float, float]:
    """Voxels of ``other`` per voxel of ``fine``, ZYX: whole numbers or their inverses.

    Raises:
        VersionError: voxel sizes that are no multiples of each other: not two mips of one space.
    """
    ratios = []
    for axis, a, b in zip("zyx", fine.resolution.xyz[::-1], other.resolution.xyz[::-1], strict=True):
        ratio = max(a, b) / min(a, b)
        if abs(ratio - round(ratio)) > NEAR * ratio:
            raise VersionError(
                f"{fine.name} has voxels of {fine.resolution} nm, {other.name} of {other.resolution} nm: along {axis} "
                "neither is a multiple of the other, so they are no two scales of one space"
            )
        ratios.append(a / b)
    return ratios[0], ratios[1], ratios[2]


@dataclass(frozen=True)
class _Asked:
    """What the caller of ``open_volume`` says."""

    wanted: Resolution | None
    offset: Sequence[int] | None
    axes: str | None
    liked: Resolution | None
    missing: str

    @property
    def fill(self) -> bool:
        return self.missing == "fill"


def _chunked(name: str, driver: str, place: str, asked: _Asked) -> Volume:
    kind = DRIVERS[driver]
    if is_local(place) and not local_path(place).is_dir():
        raise ReadError(f"{name}: no such folder")
    if kind == "neuroglancer_precomputed":
        if is_local(place):
            return _precomputed(name, local_path(place), asked)
        spec = tensorstore_spec(driver, place, asked.wanted)
        return Volume(name, TensorStoreSource(spec, asked.axes, fill=asked.fill), asked.wanted, asked.offset)

    def read(file: str) -> bytes | None:
        return bytes_at(place, file)

    if kind in ("zarr", "zarr3"):
        scales = multiscale(name, read, asked.axes)
        if scales is not None:
            scale = scale_of(name, scales, asked.wanted, asked.liked)
            axes = agreed_axes(list(scale.axes), asked.axes, len(scale.axes), name)
            spec = tensorstore_spec(scale.driver, f"{place.rstrip('/')}/{scale.path}")
            source = TensorStoreSource(spec, axes, fill=asked.fill)
            # Arrays of a multiscale count from 0; their transforms say where that is.
            source.resolution = scale.resolution
            return Volume(name, source, asked.wanted, _begun(name, scale.offset, asked.offset))
    refuse_group(name, place, kind, read)
    stated = ArrayMetadata()
    if kind == "n5":
        stated = n5_metadata(name, read, asked.wanted, asked.offset is not None)
    elif kind == "zarr":
        stated = zarr_metadata(place, read)
    named = stated.axes
    axes_or_none = agreed_axes(list(named), asked.axes, len(named), name) if named else asked.axes
    source = TensorStoreSource(tensorstore_spec(driver, place), axes_or_none, fill=asked.fill)
    if stated.resolution is not None:
        source.resolution = _agreed(name, source.resolution, stated.resolution)
    begun = asked.offset if stated.offset is None else _begun(name, stated.offset, asked.offset)
    return Volume(name, source, asked.wanted, begun)


def _begun(name: str, known: Sequence[int], offset: Sequence[int] | None) -> Sequence[int]:
    if offset is not None and any(known) and tuple(known) != tuple(offset):
        raise VersionError(f"{name} starts at voxel {tuple(known)} (XYZ); asked for {tuple(offset)}")
    return known if offset is None else offset


def _precomputed(name: str, folder: Path, asked: _Asked) -> Volume:
    try:
        info = json.loads((folder / "info").read_text(encoding="utf-8"))
        scales = [(Resolution(*map(float, scale["resolution"])), scale) for scale in info["scales"]]
    except OSError as error:
        raise ReadError(f"{folder / 'info'}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReadError(f"{folder / 'info'} is no precomputed volume: {error!r}") from None
    if not scales:
        raise ReadError(f"{folder / 'info'} is no precomputed volume: its list of scales is empty")
    index = chosen(name, [size for size, _ in scales], asked.wanted, asked.liked)
    scale = scales[index][1]
    if scale.get("encoding") == "compresso":
        compressed = CompressoSource(folder, scale, str(info.get("data_type")), asked.axes, asked.fill)
        return Volume(name, compressed, asked.wanted, asked.offset)
    spec = {**tensorstore_spec("precomputed", str(folder)), "scale_index": index}
    packed = None if scale.get("sharding") else PackedChunks(folder, info, index)
    source = TensorStoreSource(spec, asked.axes, fill=asked.fill, elsewhere=packed)
    return Volume(name, source, asked.wanted, asked.offset)


def _local(name: str, place: str, asked: _Asked) -> Volume:
    path = local_path(place)
    at = None if path.exists() and not path.is_file() else split_place(str(path))
    if at is not None:
        return Volume(name, Hdf5Source(*at, asked.axes), asked.wanted, asked.offset)
    if path.is_file() and path.suffix.lower() in (".tif", ".tiff"):
        return Volume(name, StackSource(path, asked.axes), asked.wanted, asked.offset)
    if not path.is_dir():
        raise ReadError(f"{name} does not exist" if not path.exists() else f"{name} is no volume that we read")
    for sign, driver in (
        ("info", "precomputed"),
        (".zarray", "zarr"),
        (".zattrs", "zarr"),
        (".zgroup", "zarr"),
        ("zarr.json", "zarr3"),
        ("attributes.json", "n5"),
    ):
        if (path / sign).is_file():
            return _chunked(name, driver, str(path), asked)
    if any(item.suffix.lower() in IMAGES for item in path.iterdir()):
        return Volume(name, StackSource(path, asked.axes), asked.wanted, asked.offset)
    raise ReadError(f"{name} holds no info, .zarray, zarr.json, attributes.json and no images; wanted a volume")


def _agreed(name: str, known: Resolution | None, wanted: Resolution | None) -> Resolution:
    if known is None and wanted is None:
        raise SchemaError(f"{name} does not say its voxel size; give it in nm, like --resolution 8,8,40")
    if known is not None and wanted is not None and not _same(known, wanted):
        raise VersionError(f"{name} has voxels of {known} nm; asked for {wanted}")
    agreed = known or wanted
    assert agreed is not None
    return agreed


def _origin(name: str, known: Zyx | None, offset: Sequence[int] | None) -> Zyx:
    given = None if offset is None else _zyx(list(offset)[::-1])
    if known is None and given is None:
        raise SchemaError(f"{name} does not say where it starts; give the voxels of its corner, like --offset 0,0,0")
    if known is not None and any(known) and given is not None and known != given:
        raise VersionError(f"{name} starts at voxel {known[::-1]} (XYZ); asked for {given[::-1]}")
    return given if given is not None else known or (0, 0, 0)


def _same(a: Resolution, b: Resolution) -> bool:
    return all(abs(i - j) <= NEAR * max(i, j) for i, j in zip(a.xyz, b.xyz, strict=True))


def _zyx(values: Any) -> Zyx:
    z, y, x = (int(value) for value in values)
    return z, y, x

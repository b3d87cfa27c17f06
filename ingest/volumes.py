"""EM and segmentation volumes by URL: voxel size and offset known, reads counted, two volumes aligned."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from ingest.errors import ReadError, SchemaError, VersionError, did_you_mean
from ingest.ome_zarr import chosen, multiscale
from ingest.space import Resolution
from ingest.volume_descriptors import descriptor_source
from ingest.volume_sources import (
    DRIVERS,
    IMAGES,
    CompressoSource,
    Hdf5Source,
    StackSource,
    TensorStoreSource,
    VoxelSource,
    Zyx,
    bytes_at,
)

REMOTE = ("gs", "s3", "http", "https")
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
        self.dtype = source.dtype
        self.chunk = source.chunk
        grid: Zyx = getattr(source, "grid", source.origin or (0, 0, 0))
        # Chunks lie on the source's own grid, which an offset moves along with the voxels.
        shift = [a - b for a, b in zip(self.start, source.origin or (0, 0, 0), strict=True)]
        self.grid: Zyx = _zyx(a + b for a, b in zip(grid, shift, strict=True))
        self.reads = 0
        self.bytes_read = 0
        self._lock = threading.Lock()

    def read(self, start: Sequence[int], stop: Sequence[int]) -> npt.NDArray[Any]:
        """The voxels of a box [z, y, x]; one call to the source, counted in ``reads`` and ``bytes_read``.

        Raises:
            ReadError: a chunk is missing or corrupt. SchemaError: the box is not within the volume.
        """
        a, b = _zyx(start), _zyx(stop)
        if any(i < low or j > high or i >= j for i, j, low, high in zip(a, b, self.start, self.stop, strict=True)):
            raise SchemaError(f"{self.name}: box {a} to {b} (ZYX) is not within {self.start} to {self.stop}")
        with self._lock:
            self.reads += 1
        try:
            found = self._source.read(
                _zyx(i - o for i, o in zip(a, self.start, strict=True)),
                _zyx(i - o for i, o in zip(b, self.start, strict=True)),
            )
        except ReadError as error:
            raise ReadError(f"{self.name}: voxels {a} to {b} (ZYX): {error}") from None
        with self._lock:
            self.bytes_read += found.nbytes
        return found

    def voxels_of(self, points_nm: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The voxel that holds each point: XYZ in nm [n, 3] to ZYX indices [n, 3]; it may lie outside."""
        points: Points = np.asarray(points_nm, dtype=np.float64).reshape(-1, 3)
        found: npt.NDArray[np.int64] = np.floor(points / np.array(self.resolution.xyz)).astype(np.int64)[:, ::-1]
        return found

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
        axes: names of the dimensions in order, where the format has none (zarr 2): ``zyx``.

    Raises:
        ReadError: not there or unreadable. SchemaError: something would have to be guessed.
        VersionError: the voxel size is not what was asked for. MissingExtraError: a library is not installed.
    """
    wanted = Resolution.parse(resolution) if resolution is not None else None
    liked = Resolution.parse(prefer) if prefer is not None else None
    if isinstance(url, Mapping):
        return Volume(str(url.get("driver", "volume")), TensorStoreSource(url, axes), wanted, offset)
    text = str(url)
    if text.endswith(".json") and "://" not in text:
        spec, known = descriptor_source(Path(text))
        return Volume(text, TensorStoreSource(spec, axes), _agreed(text, known, wanted), offset)
    scheme, _, rest = text.partition("://")
    if scheme in DRIVERS:
        return _chunked(text, scheme, rest, wanted, offset, axes, liked)
    if scheme in REMOTE:
        raise SchemaError(f"{text}: which format? Write it in front, like precomputed://{text} or zarr3://{text}")
    if "://" in text and scheme not in ("file", "hdf5"):
        raise SchemaError(f"{text}: unknown scheme {scheme!r}{did_you_mean(scheme, [*DRIVERS, *REMOTE, 'file'])}")
    return _local(text, rest if "://" in text else text, wanted, offset, axes, liked)


def tensorstore_spec(driver: str, place: str, resolution: Resolution | None = None) -> dict[str, Any]:
    """TensorStore's JSON for a format and a place (path, or ``file``, ``gs``, ``s3``, ``http(s)`` URL)."""
    store = place if "://" in place else f"file://{Path(place).absolute()}"
    spec: dict[str, Any] = {"driver": DRIVERS[driver], "kvstore": store.rstrip("/") + "/"}
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


def _chunked(
    name: str,
    driver: str,
    place: str,
    wanted: Resolution | None,
    offset: Sequence[int] | None,
    axes: str | None,
    liked: Resolution | None,
) -> Volume:
    local = "://" not in place or place.startswith("file://")
    if local and not Path(urlsplit(place).path if "://" in place else place).is_dir():
        raise ReadError(f"{name}: no such folder")
    if DRIVERS[driver] == "neuroglancer_precomputed" and local:
        folder = Path(urlsplit(place).path if "://" in place else place)
        return _precomputed(name, folder, wanted, offset, liked)
    if DRIVERS[driver] in ("zarr", "zarr3"):
        scales = multiscale(name, lambda file: bytes_at(place, file))
        if scales is not None:
            scale = scales[chosen(name, [scale.resolution for scale in scales], wanted, liked)]
            spec = tensorstore_spec(scale.driver, f"{place.rstrip('/')}/{scale.path}")
            source = TensorStoreSource(spec, axes or scale.axes)
            # Arrays of a multiscale count from 0; their transforms say where that is.
            source.resolution = scale.resolution
            return Volume(name, source, wanted, _begun(name, scale.offset, offset))
    spec = tensorstore_spec(driver, place, wanted)
    return Volume(name, TensorStoreSource(spec, axes), wanted, offset)


def _begun(name: str, known: Sequence[int], offset: Sequence[int] | None) -> Sequence[int]:
    if offset is not None and any(known) and tuple(known) != tuple(offset):
        raise VersionError(f"{name} starts at voxel {tuple(known)} (XYZ); asked for {tuple(offset)}")
    return known if offset is None else offset


def _precomputed(
    name: str, folder: Path, wanted: Resolution | None, offset: Sequence[int] | None, liked: Resolution | None
) -> Volume:
    try:
        info = json.loads((folder / "info").read_text(encoding="utf-8"))
        scales = [(Resolution(*map(float, scale["resolution"])), scale) for scale in info["scales"]]
    except OSError as error:
        raise ReadError(f"{folder / 'info'}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(f"{folder / 'info'} is no precomputed volume: {error}") from None
    index = chosen(name, [size for size, _ in scales], wanted, liked)
    if scales[index][1].get("encoding") == "compresso":
        return Volume(name, CompressoSource(folder, scales[index][1], str(info["data_type"])), wanted, offset)
    spec = tensorstore_spec("precomputed", str(folder))
    return Volume(name, TensorStoreSource({**spec, "scale_index": index}), wanted, offset)


def _local(
    name: str,
    place: str,
    wanted: Resolution | None,
    offset: Sequence[int] | None,
    axes: str | None,
    liked: Resolution | None,
) -> Volume:
    head, colon, dataset = place.rpartition(":")
    if colon and head.endswith((".h5", ".hdf5", ".hdf")):
        return Volume(name, Hdf5Source(Path(head), dataset.strip("/")), wanted, offset)
    path = Path(place)
    if path.suffix in (".h5", ".hdf5", ".hdf"):
        Hdf5Source(path, "")
    if path.is_file() and path.suffix.lower() in (".tif", ".tiff"):
        return Volume(name, StackSource(path), wanted, offset)
    if not path.is_dir():
        raise ReadError(f"{name} does not exist" if not path.exists() else f"{name} is no volume that we read")
    for sign, driver in (
        ("info", "precomputed"),
        (".zarray", "zarr"),
        (".zattrs", "zarr"),
        ("zarr.json", "zarr3"),
        ("attributes.json", "n5"),
    ):
        if (path / sign).is_file():
            return _chunked(name, driver, place, wanted, offset, axes, liked)
    if any(item.suffix.lower() in IMAGES for item in path.iterdir()):
        return Volume(name, StackSource(path), wanted, offset)
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

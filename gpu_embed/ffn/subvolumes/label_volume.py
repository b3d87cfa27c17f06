"""Where one segmentation is written: precomputed or zarr through TensorStore, whole or not at all where it is local."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import Zyx
from ingest.running import whole_files
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError, did_you_mean
from ingest.schema.space import Resolution
from ingest.volumes.sources import file_store, is_local, local_path

CHUNK = 64
DRIVERS = {"precomputed": "neuroglancer_precomputed", "zarr": "zarr"}
Write = Callable[[Zyx, npt.NDArray[np.uint64]], None]


def check_target(url: str) -> tuple[str, str]:
    """Format and place of ``precomputed://PLACE`` or ``zarr://PLACE``.

    Raises:
        SchemaError: another format. ReadError: something is there already.
    """
    scheme, _, place = url.partition("://")
    if scheme not in DRIVERS or not place:
        raise SchemaError(f"{url}: wanted precomputed://PLACE or zarr://PLACE{did_you_mean(scheme, DRIVERS)}")
    if scheme == "zarr" and not is_local(place):
        raise SchemaError(f"{url}: zarr is written to local folders; write it there and copy it")
    if is_local(place) and local_path(place).exists():
        raise ReadError(f"{local_path(place)} exists; remove it, or name another place")
    return scheme, place


@contextmanager
def label_volume(url: str, start: Zyx, stop: Zyx, resolution: Resolution) -> Iterator[Write]:
    """A new volume of uint64 labels; what is not written is 0. After the block it is there, with an error it is not.

    Args:
        start, stop: box of the volume, ZYX.

    Raises:
        SchemaError: another format. ReadError: something is there already, the place cannot be written.
        MissingExtraError: TensorStore is not installed.
    """
    scheme, place = check_target(url)
    try:
        import tensorstore
    except ImportError:
        raise MissingExtraError("TensorStore", "ffn") from None
    local = local_path(place) if is_local(place) else None
    new = None if local is None else whole_files.temporary_path(local)
    try:
        if local is not None:
            local.parent.mkdir(parents=True, exist_ok=True)
            whole_files.sweep(local)
        inside = "/0" if scheme == "zarr" else ""
        kvstore = file_store(f"{new}{inside}") if new is not None else place.rstrip("/") + f"{inside}/"
        spec = _spec(scheme, kvstore, start, stop, resolution)
        store = tensorstore.open(spec, create=True, open=False).result()
        yield _writer(store, start, precomputed=scheme == "precomputed")
        if new is not None and local is not None:
            if scheme == "zarr":
                _say_scale(new, start, resolution)
            new.replace(local)
    except (OSError, ValueError) as error:
        if isinstance(error, ReadError | SchemaError):
            raise
        raise ReadError(f"cannot write {url}: {str(error).splitlines()[0]}") from None
    finally:
        if new is not None and new.exists():
            shutil.rmtree(new, ignore_errors=True)


def _spec(scheme: str, kvstore: Any, start: Zyx, stop: Zyx, resolution: Resolution) -> dict[str, Any]:
    size = [b - a for a, b in zip(start, stop, strict=True)]
    spec: dict[str, Any] = {"driver": DRIVERS[scheme], "kvstore": kvstore}
    if scheme == "precomputed":
        spec["multiscale_metadata"] = {"type": "segmentation", "data_type": "uint64", "num_channels": 1}
        spec["scale_metadata"] = {
            "size": size[::-1],
            "voxel_offset": list(start[::-1]),
            "resolution": list(resolution.xyz),
            "chunk_size": [CHUNK] * 3,
            "encoding": "compressed_segmentation",
            "compressed_segmentation_block_size": [8, 8, 8],
        }
        return spec
    chunks = [min(CHUNK, side) for side in size]
    spec["metadata"] = {"shape": size, "chunks": chunks, "dtype": "<u8", "compressor": {"id": "zlib", "level": 3}}
    return spec


def _writer(store: Any, start: Zyx, *, precomputed: bool) -> Write:
    def write(corner: Zyx, labels: npt.NDArray[np.uint64]) -> None:
        ends = [c + n for c, n in zip(corner, labels.shape, strict=True)]
        if precomputed:
            box = tuple(slice(a, b) for a, b in zip(corner[::-1], ends[::-1], strict=True))
            store[(*box, 0)].write(labels.transpose(2, 1, 0)).result()
        else:
            box = tuple(slice(a - s, b - s) for a, b, s in zip(corner, ends, start, strict=True))
            store[box].write(labels).result()

    return write


def _say_scale(folder: Path, start: Zyx, resolution: Resolution) -> None:
    """OME-Zarr 0.4 around the array: axes, voxel size, and where it begins."""
    size = list(resolution.xyz[::-1])
    begin = [s * n for s, n in zip(size, start, strict=True)]
    transforms = [{"type": "scale", "scale": size}, {"type": "translation", "translation": begin}]
    scale = {
        "version": "0.4",
        "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": transforms}],
    }
    (folder / ".zgroup").write_text(json.dumps({"zarr_format": 2}), encoding="utf-8")
    (folder / ".zattrs").write_text(json.dumps({"multiscales": [scale]}), encoding="utf-8")

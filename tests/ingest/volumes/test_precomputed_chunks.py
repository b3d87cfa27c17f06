"""Chunks as CloudVolume writes them on disk: packed, beside plain ones, in every encoding that TensorStore reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts

from ingest.schema.errors import ReadError
from ingest.volumes.volume import open_volume

Pack = Callable[[bytes, str], bytes]
SIZE = (20, 24, 28)


def written(path: Path, data: np.ndarray, encoding: str, kind: str) -> Path:
    scale = {"size": data.shape[::-1], "resolution": [8, 8, 40], "encoding": encoding, "chunk_size": [16, 16, 16]}
    if encoding == "compressed_segmentation":
        scale["compressed_segmentation_block_size"] = [8, 8, 8]
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{path}/"},
        "multiscale_metadata": {"type": kind, "data_type": str(data.dtype), "num_channels": 1},
        "scale_metadata": {**scale, "voxel_offset": (5, 6, 7)},
    }
    ts.open(spec, create=True).result()[...] = data.T[..., None]
    return path


@pytest.mark.parametrize("ending", [".gz", ".br", ".zst"])
@pytest.mark.parametrize(
    ("encoding", "kind", "dtype"),
    [("raw", "image", np.uint8), ("png", "image", np.uint8), ("compressed_segmentation", "segmentation", np.uint64)],
)
def test_packed_chunks_are_read(ending: str, encoding: str, kind: str, dtype: Any, pack: Pack, tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 200, SIZE).astype(dtype)
    path = written(tmp_path / "v", data, encoding, kind)
    first = path / "8_8_40" / "5-21_6-22_7-23"
    for chunk in [first, *sorted(set(first.parent.iterdir()) - {first})[::2]]:
        (chunk.parent / f"{chunk.name}{ending}").write_bytes(pack(chunk.read_bytes(), ending))
        chunk.unlink()
    for missing in ("fill", "refuse"):
        volume = open_volume(path, missing=missing)
        assert np.array_equal(volume.read(volume.start, volume.stop), data)
        assert np.array_equal(volume.read((9, 9, 9), (25, 25, 25)), data[2:18, 3:19, 4:20])
        assert volume.absent == 0
    chunk = first.parent / f"{first.name}{ending}"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-6])
    with pytest.raises(ReadError, match="does not unpack"):
        open_volume(path).read((7, 6, 5), (8, 7, 6))
    chunk.write_bytes(pack(b"no voxels", ending))
    with pytest.raises(ReadError, match=r"voxels \(7, 6, 5\)"):
        open_volume(path).read((7, 6, 5), (8, 7, 6))
    chunk.unlink()
    volume = open_volume(path)
    assert not volume.read((7, 6, 5), (8, 7, 6)).any()
    assert volume.absent == 1

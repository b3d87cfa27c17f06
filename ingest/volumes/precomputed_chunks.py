"""Chunks of an unsharded precomputed scale that TensorStore does not read: packed files, and compresso.

CloudVolume writes the chunks of a local volume as ``0-64_0-64_0-64.gz`` or ``.br``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ingest.packed import PACKED, unpack, unpacked
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.sources import Voxels, Zyx, agreed_axes, short, three


class ChunkFiles:
    """Where the chunks of one scale lie; numbers XYZ, ends cut at the volume's."""

    def __init__(self, folder: Path, scale: Mapping[str, Any]) -> None:
        self.folder = folder / str(scale["key"])
        self.offset = tuple(int(value) for value in scale.get("voxel_offset", (0, 0, 0)))
        self.size = tuple(int(value) for value in scale["size"])
        self.chunk = tuple(int(value) for value in scale["chunk_sizes"][0])

    def name(self, corner: tuple[int, ...]) -> str:
        """The name of the chunk whose first voxel is this one, offset included."""
        ends = [
            min(at + chunk, first + size)
            for at, chunk, first, size in zip(corner, self.chunk, self.offset, self.size, strict=True)
        ]
        return "_".join(f"{a}-{b}" for a, b in zip(corner, ends, strict=True))

    def packed(self, name: str) -> Path | None:
        """The packed file of a chunk, None where there is none."""
        places = (self.folder / f"{name}{ending}" for ending in PACKED)
        return next((place for place in places if place.is_file()), None)


class PackedChunks:
    """Packed chunks handed to TensorStore: each is unpacked into a store in memory and read from there.

    Args:
        folder, info: of the volume. scale: number of the scale in its info.
    """

    def __init__(self, folder: Path, info: Mapping[str, Any], scale: int) -> None:
        self._folder, self._info, self._scale = folder, info, scale
        self._files = ChunkFiles(folder, info["scales"][scale])
        self._key = str(info["scales"][scale]["key"])

    def __call__(self, corner: tuple[int, ...]) -> Any:
        """A store that holds this one chunk, or None where it does not lie packed either."""
        import tensorstore

        name = self._files.name(corner[:3])
        path = self._files.packed(name)
        if path is None:
            return None
        memory = tensorstore.Context({"memory_key_value_store": {}})
        store = tensorstore.KvStore.open("memory://", context=memory).result()
        # A key may climb out of the folder ("../other/8_8_40"); in memory it need not.
        info = {**self._info, "scales": [{**self._info["scales"][self._scale], "key": "s"}]}
        store["info"] = json.dumps(info).encode()
        store[f"s/{name}"] = unpacked(path)
        spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://", "scale_index": 0}
        try:
            return tensorstore.open(
                {**spec, "fill_missing_data_reads": False}, open=True, read=True, context=memory
            ).result()
        except Exception as error:
            raise ReadError(f"{path}: {short(error)}") from None


class CompressoSource:
    """One scale of an unsharded precomputed segmentation in compresso, which TensorStore does not decode.

    Chunks may lie packed, as some mirrors keep them. One that is not there is 0 and counted in ``absent``.

    Args:
        folder: of the volume. scale: its entry in the info. fill: False makes an absent chunk an error.
    """

    def __init__(
        self, folder: Path, scale: Mapping[str, Any], data_type: str, axes: str | None = None, fill: bool = True
    ) -> None:
        if "sharding" in scale:
            raise SchemaError(f"{folder}: compresso in shards is not read; wanted an unsharded scale")
        self.axes = agreed_axes(["x", "y", "z", "channel"], axes, 4, str(folder))
        try:
            self._files = ChunkFiles(folder, scale)
            self.shape = three(self._files.size[::-1])
            self.origin: Zyx | None = three(self._files.offset[::-1])
            self.grid = three(self._files.offset[::-1])
            self.chunk = three(self._files.chunk[::-1])
            self.dtype = np.dtype(data_type)
            self.resolution: Resolution | None = Resolution(*map(float, scale["resolution"]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ReadError(f"{folder / 'info'} is no precomputed volume: {error!r}") from None
        if min(*self.shape, *self.chunk) < 1:
            raise ReadError(f"{folder / 'info'}: a size below 1 among {self.shape} and chunks of {self.chunk} (ZYX)")
        self.absent: set[Zyx] = set()
        self.fill_value = 0
        self._fill = fill

    def read(self, start: Zyx, stop: Zyx) -> Voxels:
        out = np.empty(tuple(b - a for a, b in zip(start, stop, strict=True)), dtype=self.dtype)
        ranges = [range(a // c, -(-b // c)) for a, b, c in zip(start, stop, self.chunk, strict=True)]
        for z in ranges[0]:
            for y in ranges[1]:
                for x in ranges[2]:
                    low = three(i * c for i, c in zip((z, y, x), self.chunk, strict=True))
                    high = three(min(a + c, s) for a, c, s in zip(low, self.chunk, self.shape, strict=True))
                    block = self._block(low, high)
                    cut, put = [], []
                    for a, b, first, last in zip(low, high, start, stop, strict=True):
                        cut.append(slice(max(a, first) - a, min(b, last) - a))
                        put.append(slice(max(a, first) - first, min(b, last) - first))
                    out[tuple(put)] = block[tuple(cut)]
        return out

    def _block(self, low: Zyx, high: Zyx) -> Voxels:
        try:
            import compresso
        except ImportError:
            raise MissingExtraError("compresso", "volumes") from None
        assert self.origin is not None
        wanted = tuple(b - a for a, b in zip(low, high, strict=True))
        corner = three(a + o for a, o in zip(low, self.origin, strict=True))
        name = self._files.name(corner[::-1])
        plain = self._files.folder / name
        path = plain if plain.is_file() else self._files.packed(name)
        if path is None:
            if not self._fill:
                raise ReadError(f"chunk {name} is missing")
            self.absent.add(corner)
            return np.zeros(wanted, dtype=self.dtype)
        try:
            data = unpacked(path)
            data = unpack(data, "gzip", str(path)) if data[:2] == b"\x1f\x8b" else data
            block = np.asarray(compresso.decompress(data)).T
        except Exception as error:
            raise ReadError(f"chunk {name} is corrupt: {short(error)}") from None
        if block.shape != wanted:
            raise ReadError(f"chunk {name} is corrupt: it holds {list(block.shape)} voxels (ZYX)")
        return block

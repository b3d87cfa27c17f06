"""How much memory a source may ask for: by what it says it holds, before any of it is allocated, in every format."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.limits import as_bytes, most_bytes, require_room
from ingest.segclr.crc32c_kernel import crc32c

MB, GB = 1 << 20, 1 << 30
HUGE = [1 << 21, 1 << 20, 1 << 20]


def test_the_limit_grows_with_the_file_and_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHLAB_READ_LIMIT", raising=False)
    assert [most_bytes(size) for size in (0, MB, 10 * MB, 100 * MB, 100 * GB, None)] == [
        256 * MB, 256 * MB, 2000 * MB, 8 * GB, 8 * GB, 8 * GB,
    ]  # fmt: skip
    assert most_bytes(MB, small=50 * MB) == 200 * MB
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "1.5GB")
    assert most_bytes(0) == most_bytes() == 3 * GB // 2
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "much")
    with pytest.raises(SchemaError, match="GRAPHLAB_READ_LIMIT 'much' is no size; wanted for example '2GB'"):
        most_bytes()


def test_25_million_rows_have_room() -> None:
    """15 columns of 8 bytes in one batch, from a file that packs a row into 2 bytes."""
    require_room("honest", 25_000_000 * 15 * 8, 25_000_000 * 2)


def test_what_is_said_names_the_way_out() -> None:
    with pytest.raises(ReadError) as told:
        require_room("a.parquet", 3 * GB, MB)
    assert str(told.value) == (
        "a.parquet would take 3,221,225,472 bytes of memory, 3,072 times the size of its file; 268,435,456 are given. "
        "If it is no damage and really that large, say so in the environment: GRAPHLAB_READ_LIMIT=4GB"
    )


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * GB), ("500 MB", 500 * MB), ("7", 7), (None, None), (5, 5)])
def test_sizes_are_read(text: str | int | None, size: int | None) -> None:
    assert as_bytes(text) == size


def volume(**files: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        folder.mkdir()
        for name, content in files.items():
            (folder / name.replace("_", ".", 1)).write_text(json.dumps(content))
        return folder

    return make


ZARR = {"zarr_format": 2, "dtype": "<u2", "compressor": None, "fill_value": 0, "order": "C", "filters": None}
ZARR3 = {
    "zarr_format": 3, "node_type": "array", "data_type": "uint16", "fill_value": 0, "shape": HUGE, "attributes": {},
    "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    "dimension_names": ["z", "y", "x"],
}  # fmt: skip
GRID = {"name": "regular", "configuration": {"chunk_shape": [64, 64, 64]}}
INFO = {
    "@type": "neuroglancer_multiscale_volume", "type": "image", "data_type": "uint8", "num_channels": 1,
    "scales": [{"key": "s", "size": HUGE, "resolution": [8, 8, 8], "chunk_sizes": [[64, 64, 64]], "encoding": "raw"}],
}  # fmt: skip


def hdf5(**shapes: tuple[int, ...]) -> Callable[[Path], Path]:
    """Data sets that are declared and never written."""

    def make(path: Path) -> Path:
        with h5py.File(path.with_suffix(".h5"), "w") as file:
            for name, shape in shapes.items():
                chunks = (1, 1 << 15, 3 << 15) if name == "chunk" else tuple(min(side, 256) for side in shape)
                file.create_dataset(name.replace("__", "/"), shape, "f8" if "__" in name else "u1", chunks=chunks)
        return path.with_suffix(".h5")

    return make


def mat(kind: int, type_: int, dims: tuple[int, int], data: bytes) -> Callable[[Path], Path]:
    """A MATLAB 5 file with one variable of a class and type, whose data lack."""

    def part(of: int, content: bytes) -> bytes:
        return struct.pack("<II", of, len(content)) + content + b"\0" * (-len(content) % 8)

    def make(path: Path) -> Path:
        flags, sides = struct.pack("<II", kind, 0), struct.pack("<ii", *dims)
        inside = part(6, flags) + part(5, sides) + part(1, b"A") + part(type_, data)
        head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
        path.with_suffix(".mat").write_bytes(head + part(14, inside))
        return path.with_suffix(".mat")

    return make


def masked(data: bytes) -> bytes:
    crc = int(crc32c(np.frombuffer(data, dtype=np.uint8)))
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def tfrecord(length: int, records: int, packed: bool = True) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        head = struct.pack("<Q", length)
        body = bytes(length) + masked(bytes(length)) if length <= MB else b""
        with gzip.open(path, "wb", compresslevel=1) if packed else path.open("wb") as file:
            for _ in range(records):
                file.write(head + masked(head) + body)
        return path

    return make


SOURCES = {
    "zarr": ("box", volume(_zarray={**ZARR, "shape": HUGE, "chunks": [64, 64, 64]})),
    "zarr chunk": ("box", volume(_zarray={**ZARR, "shape": HUGE, "chunks": HUGE})),
    "zarr 3": ("box", volume(zarr_json={**ZARR3, "chunk_grid": GRID})),
    "zarr 3 chunk": (
        "box", volume(zarr_json={**ZARR3, "chunk_grid": {**GRID, "configuration": {"chunk_shape": HUGE}}}),
    ),
    "n5": (
        "box", volume(attributes_json={"dimensions": HUGE, "blockSize": [64, 64, 64], "dataType": "uint8",
                                       "axes": ["x", "y", "z"], "compression": {"type": "raw"}}),
    ),
    "precomputed": ("box", volume(info=INFO)),
    "HDF5 volume": ("h5", hdf5(raw=(1 << 14, 1 << 14, 1 << 14))),
    "HDF5 chunk": ("h5", hdf5(chunk=(1, 1 << 15, 3 << 15))),
    "traces": ("recording", hdf5(gcamp__trace_array=(1 << 20, 1 << 14), timing__timestamp_confocal=(1 << 20,))),
    "times": ("recording", hdf5(gcamp__trace_array=(20, 3), timing__timestamp_confocal=(1 << 30,))),
    "traces, few frames": ("recording", hdf5(gcamp__trace_array=(10, 1 << 26), timing__timestamp_confocal=(10,))),
    "MATLAB double": ("table", mat(6, 9, (100_000, 100_000), bytes(16))),
    "MATLAB bytes": ("table", mat(9, 2, (200_000, 200_000), bytes(16))),
    "MATLAB single": ("table", mat(7, 7, (100_000, 10_000), bytes(16))),
    "MATLAB cells": ("table", mat(1, 9, (1 << 20, 1 << 10), bytes(16))),
    "TFRecord length": ("records", tfrecord(1 << 40, 1)),
    "TFRecord plain": ("records", tfrecord(1 << 40, 1, packed=False)),
    "TFRecord records": ("records", tfrecord(MB, 300)),
}  # fmt: skip
READ = """
import json, sys
from pathlib import Path
from ingest.reader import ReadRequest
from ingest.recordings.readers import open_recordings
from ingest.schema.errors import ReadError
from ingest.segclr.tfrecord import _records
from ingest.tables import open_source
from ingest.volumes.volume import open_volume

def box(place):
    named = any((Path(place) / name).is_file() for name in ("info", "attributes.json"))
    volume = open_volume(place, resolution="8,8,8", axes=None if named else "zyx", offset=(0, 0, 0))
    volume.read(volume.start, [a + 1 for a in volume.start])
    volume.read(volume.start, volume.stop)

WAYS = {
    "box": box, "h5": lambda path: box(path + (":chunk" if "chunk" in path else ":raw")),
    "recording": lambda path: open_recordings(path, {}),
    "table": lambda path: list(open_source(path, ReadRequest("connections")).batches),
    "records": lambda path: sum(len(record) for record in _records(Path(path))),
}

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

for how, path in json.loads(sys.argv[1]):
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    try:
        WAYS[how](path)
        said = "read"
    except ReadError as error:
        said = str(error)
    print(json.dumps([said, peak() - before]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are Linux's")
def test_huge_declared_shapes_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    pytest.importorskip("tensorstore")
    asked = [[how, str(make(tmp_path / name))] for name, (how, make) in SOURCES.items()]
    done = subprocess.run([sys.executable, "-c", READ, json.dumps(asked)], capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    told = list(map(json.loads, done.stdout.splitlines()))

    for name, (answer, grown) in zip(SOURCES, told, strict=True):
        assert "bytes of memory" in answer, (name, answer)
        assert "GRAPHLAB_READ_LIMIT=" in answer, name
        assert grown < (420 if name == "TFRecord records" else 128) * MB, (name, grown)

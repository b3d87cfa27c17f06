"""One array in every format reads alike; nothing is guessed; each read is counted."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import compresso
import h5py
import numpy as np
import pytest
import tensorstore as ts
import tifffile
from PIL import Image

from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes import sources
from ingest.volumes.volume import Volume, open_volume, steps_between, tensorstore_spec

SIZE = (20, 24, 28)
"""ZYX"""


@pytest.fixture(scope="module")
def voxels() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, SIZE, dtype=np.uint8)


def precomputed(path: Path, data: np.ndarray, offset: tuple[int, int, int] = (0, 0, 0), **scale: Any) -> Path:
    """Write ZYX voxels as a precomputed volume; the scale's numbers are XYZ."""
    about = {"size": data.shape[::-1], "resolution": [8, 8, 40], "encoding": "raw", "chunk_size": [16, 16, 16]}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{path}/",
        "multiscale_metadata": {"type": "image", "data_type": str(data.dtype), "num_channels": 1},
        "scale_metadata": {**about, "voxel_offset": offset, **scale},
    }
    store = ts.open(spec, create=True, open=True).result()
    store[...] = data.T[..., None]
    return path


def write_precomputed(path: Path, data: np.ndarray) -> dict[str, Any]:
    precomputed(path, data, (5, 6, 7))
    return {"url": f"precomputed://{path}"}


def write_sharded(path: Path, data: np.ndarray) -> dict[str, Any]:
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "preshift_bits": 1,
        "minishard_bits": 1,
        "shard_bits": 1,
        "hash": "murmurhash3_x86_128",
        "data_encoding": "gzip",
    }
    precomputed(path, data, (5, 6, 7), sharding=sharding)
    assert list(path.rglob("*.shard"))
    return {"url": f"precomputed://file://{path}"}


def write_zarr2(path: Path, data: np.ndarray) -> dict[str, Any]:
    spec = {"driver": "zarr", "kvstore": f"file://{path}/"}
    ts.open(spec, create=True, dtype=data.dtype, shape=data.shape).result()[...] = data
    return {"url": f"zarr://{path}", "axes": "zyx", "resolution": "8,8,40", "offset": (5, 6, 7)}


def write_zarr3(path: Path, data: np.ndarray) -> dict[str, Any]:
    spec = {"driver": "zarr3", "kvstore": f"file://{path}/", "metadata": {"dimension_names": ["c", "z", "y", "x"]}}
    ts.open(spec, create=True, dtype=data.dtype, shape=(1, *data.shape)).result()[...] = data[None]
    return {"url": path, "resolution": (8, 8, 40), "offset": (5, 6, 7)}


def write_n5(path: Path, data: np.ndarray) -> dict[str, Any]:
    metadata = {"axes": ["x", "y", "z"], "units": ["um", "nm", "nm"], "resolution": [0.008, 8, 40]}
    spec = {"driver": "n5", "kvstore": f"file://{path}/", "metadata": {**metadata, "compression": {"type": "gzip"}}}
    ts.open(spec, create=True, dtype=data.dtype, shape=data.shape[::-1]).result()[...] = data.T
    return {"url": path, "offset": (5, 6, 7)}


def write_hdf5(path: Path, data: np.ndarray) -> dict[str, Any]:
    with h5py.File(f"{path}.h5", "w") as file:
        file.create_dataset("a/b", data=data, chunks=(8, 8, 8))
    return {"url": f"{path}.h5:a/b", "resolution": "8,8,40", "offset": (5, 6, 7)}


def write_png(path: Path, data: np.ndarray) -> dict[str, Any]:
    path.mkdir()
    for z, plane in enumerate(data):
        Image.fromarray(plane).save(path / f"iso.{95 + z}.png")  # 95 to 114: names in another order than numbers
    return {"url": path, "resolution": "8,8,40", "offset": (5, 6, 7)}


def write_tiff(path: Path, data: np.ndarray) -> dict[str, Any]:
    tifffile.imwrite(f"{path}.tif", data, photometric="minisblack")
    return {"url": f"{path}.tif", "resolution": "8,8,40", "offset": (5, 6, 7)}


def write_descriptor(path: Path, data: np.ndarray) -> dict[str, Any]:
    spec = write_zarr3(path, data)
    config = {"spec": tensorstore_spec("zarr3", str(spec["url"])), "metadata": {"voxel_size": [8, 8, 40]}}
    path.with_suffix(".json").write_text(json.dumps({"tensorstore_config": config}))
    return {"url": path.with_suffix(".json"), "offset": (5, 6, 7)}


WRITERS = (
    write_precomputed,
    write_sharded,
    write_zarr2,
    write_zarr3,
    write_n5,
    write_hdf5,
    write_png,
    write_tiff,
    write_descriptor,
)


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_reads_alike(write: Callable[..., dict[str, Any]], voxels: np.ndarray, tmp_path: Path) -> None:
    volume = open_volume(**write(tmp_path / "v", voxels))
    assert (volume.start, volume.stop, volume.shape) == ((7, 6, 5), (27, 30, 33), SIZE)
    assert (volume.resolution, volume.dtype) == (Resolution(8, 8, 40), np.uint8)
    assert np.array_equal(volume.read(volume.start, volume.stop), voxels)
    assert np.array_equal(volume.read((8, 7, 6), (10, 12, 30)), voxels[1:3, 1:6, 1:25])
    assert (volume.reads, volume.bytes_read) == (2, voxels.size + 2 * 5 * 24)
    with pytest.raises(SchemaError, match="is not within"):
        volume.read((6, 6, 5), (8, 8, 8))


def test_points_are_xyz_in_nm_voxels_zyx(voxels: np.ndarray, tmp_path: Path) -> None:
    volume = open_volume(**write_precomputed(tmp_path / "v", voxels))
    found = volume.voxels_of([[5 * 8, 6 * 8, 7 * 40], [33 * 8 - 1e-9, 6 * 8, 7 * 40], [5 * 8 - 1e-9, 48, 280]])
    assert found.tolist() == [[7, 6, 5], [7, 6, 32], [7, 6, 4]]
    assert volume.holds(found).tolist() == [True, True, False]


@pytest.mark.parametrize("write", WRITERS)
def test_missing_pieces_are_asked_for(write: Callable[..., Any], voxels: np.ndarray, tmp_path: Path) -> None:
    said = write(tmp_path / "v", voxels)
    asked = {"resolution": "does not say its voxel size", "axes": "say them in order"}
    if write in (write_hdf5, write_png, write_tiff):
        asked["offset"] = "does not say where it starts"
    for key in set(said) & set(asked):
        with pytest.raises(SchemaError, match=asked[key]):
            open_volume(**{name: value for name, value in said.items() if name != key})


def test_other_voxel_sizes_and_offsets_are_refused(voxels: np.ndarray, tmp_path: Path) -> None:
    path = precomputed(tmp_path / "v", voxels, (5, 6, 7))
    with pytest.raises(VersionError, match="no voxels of 16,16,40 nm; its scales: 8,8,40"):
        open_volume(path, resolution="16,16,40")
    with pytest.raises(VersionError, match=r"starts at voxel \(5, 6, 7\)"):
        open_volume(path, offset=(5, 6, 8))
    half = voxels[:, ::2, ::2]
    precomputed(path, half, (2, 3, 7), resolution=[16, 16, 40])
    with pytest.raises(SchemaError, match=r"scales of 8,8,40; 16,16,40 nm; say which"):
        open_volume(path)
    coarse = open_volume(path, resolution="16,16,40")
    assert np.array_equal(coarse.read(coarse.start, coarse.stop), half)
    fine = open_volume(path, resolution="8,8,40")
    assert steps_between(fine, coarse) == (1, 0.5, 0.5)
    assert steps_between(coarse, fine) == (1, 2, 2)
    other = open_volume(precomputed(tmp_path / "w", voxels, resolution=[12, 8, 40]))
    with pytest.raises(VersionError, match="along x neither is a multiple"):
        steps_between(fine, other)


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("gs://bucket-name/em", SchemaError, "precomputed://gs://bucket-name/em"),
        ("precomputd://x", SchemaError, "did you mean 'precomputed'"),
        ("precomputed:///no/such/folder", ReadError, "no such folder"),
        ("/no/such.h5:main", ReadError, "does not exist"),
        ("/no/such", ReadError, "does not exist"),
    ],
)
def test_bad_urls(url: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        open_volume(url, resolution="8,8,8", offset=(0, 0, 0))


@pytest.mark.parametrize("driver", ["precomputed", "zarr", "zarr3", "n5"])
@pytest.mark.parametrize(
    ("place", "store"),
    [
        ("gs://bucket-name/em", {"driver": "gcs", "bucket": "bucket-name", "path": "em/"}),
        ("s3://bucket-name/em/", {"driver": "s3", "bucket": "bucket-name", "path": "em/"}),
        ("https://host.org/em", {"driver": "http", "base_url": "https://host.org", "path": "/em/"}),
        ("file:///em", {"driver": "file", "path": "/em/"}),
    ],
)
def test_places_far_away_are_what_tensorstore_understands(driver: str, place: str, store: dict[str, str]) -> None:
    spec = ts.Spec(tensorstore_spec(driver, place, Resolution(8, 8, 40))).to_json()
    assert spec["kvstore"] == store
    assert spec.get("scale_metadata") == ({"resolution": [8, 8, 40]} if driver == "precomputed" else None)


@pytest.mark.parametrize("missing", ["fill", "refuse"])
def test_absent_chunks_are_background_and_counted(missing: str, voxels: np.ndarray, tmp_path: Path) -> None:
    path = precomputed(tmp_path / "v", voxels)
    chunks = sorted((path / "8_8_40").iterdir())
    chunks[0].unlink()
    volume = open_volume(path, missing=missing)
    wanted = voxels.copy()
    wanted[:16, :16, :16] = 0
    if missing == "refuse":
        with pytest.raises(ReadError, match=r"voxels \(0, 0, 0\) to \(4, 4, 4\) \(ZYX\): NOT_FOUND"):
            volume.read((0, 0, 0), (4, 4, 4))
        return
    for start, stop in (((0, 0, 0), (4, 4, 4)), ((3, 5, 7), (19, 20, 21)), ((0, 0, 0), SIZE), ((16, 0, 0), SIZE)):
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        assert np.array_equal(volume.read(start, stop), wanted[box])
    assert volume.absent == 1
    assert volume.note() == f"1 chunks of {path} are not there: read as 0, the fill value"


FILLED = [
    ("zarr", {"shape": [32, 32, 32], "chunks": [16, 16, 16], "dtype": "<u8", "fill_value": 5, "compressor": None}),
    ("zarr3", {"shape": [32, 32, 32], "data_type": "uint64", "fill_value": 5, "dimension_names": ["z", "y", "x"],
               "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 16, 16]}}}),
    ("zarr3", {"shape": [32, 32, 32], "data_type": "uint64", "fill_value": 5, "dimension_names": ["z", "y", "x"],
               "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [32, 32, 32]}},
               "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [16, 16, 16],
                                                                         "codecs": ["bytes"]}}]}),
    ("n5", {"dimensions": [32, 32, 32], "blockSize": [16, 16, 16], "dataType": "uint64",
            "compression": {"type": "raw"}}),
]  # fmt: skip


def background(path: Path, driver: str, metadata: dict[str, Any]) -> np.ndarray:
    """A volume whose lower half is fill value, so that no chunk of it is written; ZYX."""
    value = metadata.get("fill_value", 0)
    data = np.full((32, 32, 32), value, np.uint64)
    data[16:, :, 16:] = 7
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{path}/"}, "metadata": metadata}
    ts.open(spec, create=True).result()[...] = data.T if driver == "n5" else data
    return data


@pytest.mark.parametrize(("driver", "metadata"), FILLED)
def test_fill_values_of_every_format(driver: str, metadata: dict[str, Any], tmp_path: Path) -> None:
    data = background(tmp_path / "v", driver, metadata)
    said = {"resolution": "8,8,8", "axes": {"zarr": "zyx", "n5": "xyz"}.get(driver)}
    volume = open_volume(tmp_path / "v", **said)
    assert np.array_equal(volume.read((0, 0, 0), (32, 32, 32)), data)
    assert np.array_equal(volume.read((10, 0, 12), (20, 32, 20)), data[10:20, :, 12:20])
    assert volume.absent == 6
    strict = open_volume(tmp_path / "v", missing="refuse", **said)
    assert np.array_equal(strict.read((16, 0, 16), (32, 32, 32)), data[16:, :, 16:])
    with pytest.raises(ReadError, match="is missing"):
        strict.read((0, 0, 0), (32, 32, 32))
    with pytest.raises(UnknownNameError, match="did you mean 'fill'"):
        open_volume(tmp_path / "v", missing="fil", **said)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """A server of ``tmp_path`` on this machine; what it answers with for a name, where that is no file."""
    answers: dict[str, int] = {}

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            code = answers.get(self.path.rsplit("/", 1)[-1])
            if code is None:
                super().do_GET()
            elif code:
                self.send_error(code)
            else:
                stop.wait(20)

        def log_message(self, *_: object) -> None:
            pass

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_404_is_absent_and_any_other_answer_an_error(
    served: tuple[str, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CONTEXT", {"http_request_retries": {"max_retries": 2, "initial_delay": "1ms"}})
    url, answers = served
    data = background(tmp_path / "v", *FILLED[0])
    said = {"resolution": "8,8,8", "axes": "zyx"}
    volume = open_volume(f"zarr://{url}/v", **said)
    assert np.array_equal(volume.read((0, 0, 0), (32, 32, 32)), data)
    assert volume.absent == 6
    for code, word in ((403, "Forbidden"), (500, "Internal Server Error"), (503, "Service Unavailable")):
        for chunk in ("0.0.0", "1.1.1"):  # absent, and there
            answers.clear()
            answers[chunk] = code
            with pytest.raises(ReadError, match=word):
                open_volume(f"zarr://{url}/v", **said).read((0, 0, 0), (32, 32, 32))
    answers.clear()
    answers[".zarray"] = 403
    with pytest.raises(ReadError, match="Forbidden"):
        open_volume(f"zarr://{url}/v", **said)


def test_a_silent_server_is_an_error(
    served: tuple[str, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, answers = served
    background(tmp_path / "v", *FILLED[0])
    volume = open_volume(f"zarr://{url}/v", resolution="8,8,8", axes="zyx")
    answers["1.1.1"] = 0
    monkeypatch.setattr(sources, "WAIT_S", 0.2)
    with pytest.raises(ReadError, match=r"no answer within 0\.2 s"):
        volume.read((16, 16, 16), (32, 32, 32))


ODD_NAMES = ("m 1", "m%201", "brain#2", "a?b", "a|b", "ä:ö")


@pytest.mark.parametrize("write", WRITERS)
def test_any_path_is_opened_as_it_stands(write: Callable[..., Any], voxels: np.ndarray, tmp_path: Path) -> None:
    said = []
    for k, name in enumerate(ODD_NAMES):
        (tmp_path / "written").mkdir(exist_ok=True)
        one = write(tmp_path / "written" / "v", voxels // 8 + np.uint8(k))
        (tmp_path / "written").rename(tmp_path / name)
        said.append({key: _moved(value, tmp_path, name) for key, value in one.items()})
    if write is write_descriptor:
        return  # names its folder inside
    for k, one in enumerate(said):
        volume = open_volume(**one)
        assert np.array_equal(volume.read(volume.start, volume.stop), voxels // 8 + np.uint8(k))


def _moved(value: Any, folder: Path, name: str) -> Any:
    if not isinstance(value, str | Path):
        return value
    moved = str(value).replace(f"{folder}/written/", f"{folder}/{name}/")
    return Path(moved) if isinstance(value, Path) else moved


@pytest.mark.parametrize("write", WRITERS)
def test_axes_are_heard_or_refused(write: Callable[..., Any], voxels: np.ndarray, tmp_path: Path) -> None:
    """xyz for what is written zyx exchanges x and z, or is refused where the format names its axes."""
    said = {**write(tmp_path / "v", voxels), "axes": "xyz"}
    if write in (write_zarr3, write_descriptor):
        with pytest.raises(SchemaError, match="names its axes czyx; asked for xyz"):
            open_volume(**said)
        return
    volume = open_volume(**said)
    stored_xyz = write in (write_precomputed, write_sharded, write_n5)
    assert np.array_equal(volume.read(volume.start, volume.stop), voxels if stored_xyz else voxels.T)
    if stored_xyz:
        with pytest.raises(SchemaError, match="asked for zyx"):
            open_volume(**{**said, "axes": "zyx"})
    for wrong in ("xy", "xxyz", "abc", "zyxx"):
        with pytest.raises(SchemaError, match="axes"):
            open_volume(**{**said, "axes": wrong})


@pytest.mark.parametrize("kind", [">u2", ">u8", ">i4", ">f4"])
def test_numbers_of_the_other_byte_order_are_turned(kind: str, tmp_path: Path) -> None:
    data = np.arange(60, dtype=kind).reshape(3, 4, 5)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = data
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=">", photometric="minisblack")
    for url in (f"{tmp_path}/a.h5:x", tmp_path / "a.tif"):
        volume = open_volume(url, resolution="8,8,8", offset=(0, 0, 0))
        found = volume.read((0, 0, 0), (3, 4, 5))
        assert found.dtype == volume.dtype == np.dtype(kind).newbyteorder("=")
        assert found.dtype.isnative
        assert np.array_equal(found, data)


@pytest.mark.parametrize("info", ["[]", "{}", '{"scales": []}', '{"scales": null}', '{"scales": [{"resolution": [8]}]}',
                                  '{"scales": [{"resolution": [8, 8, "x"]}]}', "nul", "[" * 3000])  # fmt: skip
def test_infos_of_other_shapes_are_one_error(info: str, tmp_path: Path) -> None:
    (tmp_path / "info").write_text(info)
    with pytest.raises(ReadError, match="is no precomputed volume"):
        open_volume(tmp_path)


def test_bad_chunks_are_errors_not_zeros(voxels: np.ndarray, tmp_path: Path) -> None:
    path = precomputed(tmp_path / "v", voxels)
    chunks = sorted((path / "8_8_40").iterdir())
    chunks[-1].write_bytes(b"no voxels")
    volume = open_volume(path)
    with pytest.raises(ReadError, match=r"to \(20, 24, 28\)"):
        volume.read((16, 16, 16), SIZE)
    assert np.array_equal(volume.read((0, 16, 0), (16, 24, 16)), voxels[:16, 16:, :16])


def test_stacks_with_gaps_or_odd_slices_are_refused(voxels: np.ndarray, tmp_path: Path) -> None:
    said = write_png(tmp_path / "v", voxels)
    Image.fromarray(voxels[0, :5]).save(tmp_path / "v" / "iso.97.png")
    volume = open_volume(**said)
    with pytest.raises(ReadError, match=r"slice 2 \(iso.97.png\) is \[5, 28\]"):
        volume.read(volume.start, volume.stop)
    (tmp_path / "v" / "iso.97.png").unlink()
    with pytest.raises(SchemaError, match="slice 96 is followed by 98"):
        open_volume(**said)
    (tmp_path / "v" / "iso.97.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ReadError, match="iso.97.png cannot be read"):
        open_volume(**said).read((9, 6, 5), (10, 30, 33))


def test_precomputed_seg_sample_in_compresso(real_data: Path, tmp_path: Path) -> None:
    """Real labels; the same voxels through compresso's own package and, written out raw, through TensorStore."""
    folder = real_data / "precomputed_seg_sample"
    volume = open_volume(f"precomputed://{folder}", resolution="32,32,40")
    assert (volume.shape, volume.dtype, volume.chunk) == ((512, 256, 256), np.uint32, (64, 256, 256))
    found = volume.read((56, 60, 30), (70, 188, 158))
    chunks = [
        compresso.decompress(gzip.decompress((folder / "32_32_40" / f"0-256_0-256_{z}.gz").read_bytes())).T
        for z in ("0-64", "64-128")
    ]
    assert np.array_equal(found, np.concatenate(chunks)[56:70, 60:188, 30:158])
    assert len(np.unique(found)) > 3
    again: Volume = open_volume(precomputed(tmp_path / "raw", found, resolution=[32, 32, 40]))
    assert np.array_equal(again.read(again.start, again.stop), found)
    copy = tmp_path / "copy"
    (copy / "32_32_40").mkdir(parents=True)
    shutil.copy(folder / "info", copy / "info")
    (copy / "32_32_40" / "0-256_0-256_0-64.gz").write_bytes(b"\x1f\x8bcut short")
    broken = open_volume(copy, resolution="32,32,40")
    with pytest.raises(ReadError, match="0-256_0-256_0-64 is corrupt"):
        broken.read((0, 0, 0), (4, 4, 4))
    assert not broken.read((64, 0, 0), (68, 4, 4)).any()
    assert broken.absent == 1
    with pytest.raises(ReadError, match="0-256_0-256_64-128 is missing"):
        open_volume(copy, resolution="32,32,40", missing="refuse").read((64, 0, 0), (68, 4, 4))

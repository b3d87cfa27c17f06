"""Groups of OME-Zarr 0.4 and 0.5, arrays written by TensorStore: scales, first voxels, two volumes aligned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.errors import ReadError, SchemaError, VersionError
from ingest.space import Resolution
from ingest.volumes import open_volume, steps_between

ts = pytest.importorskip("tensorstore")
SIZE = (16, 24, 32)
VERSIONS = ("0.4", "0.5")


def written(
    path: Path,
    data: list[np.ndarray],
    sizes: list[tuple[float, ...]],
    begins: list[tuple[float, ...]] | None = None,
    *,
    version: str = "0.4",
    axes: str = "zyx",
    unit: str | None = "nanometer",
    whole: list[dict[str, Any]] | None = None,
) -> Path:
    """A group of arrays (ZYX, with leading axes of length 1), sizes and beginnings ZYX in the unit."""
    path.mkdir(parents=True)
    lead = len(axes) - 3
    datasets = []
    for level, (array, size) in enumerate(zip(data, sizes, strict=True)):
        shaped = array.reshape((1,) * lead + array.shape)
        spec: dict[str, Any] = {"driver": "zarr" if version == "0.4" else "zarr3"}
        spec["kvstore"] = f"file://{path}/s{level}/"
        if version == "0.4":
            spec["metadata"] = {"dimension_separator": "/", "chunks": [1] * lead + [8, 8, 8]}
        else:
            spec["metadata"] = {"dimension_names": list(axes)}
        ts.open(spec, create=True, dtype=array.dtype, shape=shaped.shape).result()[...] = shaped
        transforms: list[dict[str, Any]] = [{"type": "scale", "scale": [1.0] * lead + list(size)}]
        if begins is not None:
            transforms.append({"type": "translation", "translation": [0.0] * lead + list(begins[level])})
        datasets.append({"path": f"s{level}", "coordinateTransformations": transforms})
    kinds = {"t": "time", "c": "channel"}
    named = [
        {"name": a, "type": kinds.get(a, "space"), **({"unit": unit} if unit and a not in kinds else {})} for a in axes
    ]
    image: dict[str, Any] = {"axes": named, "datasets": datasets}
    if whole:
        image["coordinateTransformations"] = whole
    if version == "0.4":
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [{**image, "version": "0.4"}]}))
    else:
        ome = {"ome": {"version": "0.5", "multiscales": [image]}}
        (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": ome}))
    return path


def halved(data: np.ndarray) -> np.ndarray:
    return data[::2, ::2, ::2].copy()


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, SIZE, dtype=np.uint8)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("middles", [False, True])
@pytest.mark.parametrize("scheme", [True, False])
def test_scales_say_their_voxels(version: str, middles: bool, scheme: bool, grey: np.ndarray, tmp_path: Path) -> None:
    corner = np.array([80.0, 32.0, 64.0])
    more = np.array([40.0, 8.0, 8.0]) / 2 if middles else np.zeros(3)
    sizes, begins = [(40, 8, 8), (80, 16, 16)], [tuple(corner), tuple(corner + more)]
    path = written(tmp_path / "em", [grey, halved(grey)], sizes, begins, version=version, axes="czyx")
    url = f"{'zarr' if version == '0.4' else 'zarr3'}://{path}" if scheme else str(path)
    fine, coarse = open_volume(url, resolution="8,8,40"), open_volume(url, resolution=(16, 16, 80))
    assert (fine.resolution, fine.start, fine.shape) == (Resolution(8, 8, 40), (2, 4, 8), SIZE)
    assert (coarse.resolution, coarse.start, coarse.shape) == (Resolution(16, 16, 80), (1, 2, 4), (8, 12, 16))
    assert np.array_equal(fine.read(fine.start, fine.stop), grey)
    assert np.array_equal(coarse.read((2, 3, 5), (4, 5, 9)), halved(grey)[1:3, 1:3, 1:5])
    assert steps_between(fine, coarse) == (0.5, 0.5, 0.5)
    with pytest.raises(VersionError, match="no voxels of 32,32,40 nm; its scales: 8,8,40; 16,16,80"):
        open_volume(url, resolution="32,32,40")
    with pytest.raises(SchemaError, match="say which --resolution"):
        open_volume(url)
    assert open_volume(url, prefer="16,16,80").resolution == Resolution(16, 16, 80)
    assert open_volume(url, prefer="32,32,160").resolution == Resolution(16, 16, 80)
    with pytest.raises(VersionError, match=r"starts at voxel \(8, 4, 2\) \(XYZ\); asked for \(0, 0, 1\)"):
        open_volume(url, resolution="8,8,40", offset=(0, 0, 1))


@pytest.mark.parametrize("version", VERSIONS)
def test_transforms_of_the_whole_come_last_and_units_count(version: str, grey: np.ndarray, tmp_path: Path) -> None:
    whole = [{"type": "scale", "scale": [10.0] * 3}, {"type": "translation", "translation": [0.4, 0.08, 0.16]}]
    sizes, begins = [(0.004, 0.0008, 0.0008)], [(0.008, 0.0, 0.0)]
    path = written(tmp_path / "em", [grey], sizes, begins, version=version, unit="micrometer", whole=whole)
    volume = open_volume(path)
    assert volume.resolution.xyz == pytest.approx((8, 8, 40))
    # 0.008 * 10 + 0.4 micrometres are 12 voxels of 40 nm.
    assert volume.start == (12, 10, 20)
    with pytest.raises(VersionError, match="its scales: 8,8,40"):
        open_volume(path, resolution="4,4,40")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": None}, "axis x is in None; wanted a unit of length"),
        ({"unit": "second"}, "axis x is in 'second'"),
        ({"begins": [(5.0, 0.0, 0.0)]}, "begins at 5 nm along z, which is no whole number of its voxels of 40 nm"),
        ({"whole": [{"type": "rotation"}]}, "not those of OME-Zarr"),
        ({"whole": [{"type": "scale", "scale": [1.0]}]}, "not those of OME-Zarr"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(
    options: dict[str, Any], message: str, grey: np.ndarray, tmp_path: Path
) -> None:
    path = written(tmp_path / "em", [grey], [(40, 8, 8)], **options)
    with pytest.raises(SchemaError, match=message):
        open_volume(path)


def test_damaged_metadata_and_arrays_without_scales(grey: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "em", [grey], [(40, 8, 8)])
    plain = open_volume(path / "s0", resolution="8,8,40", axes="zyx")
    assert np.array_equal(plain.read(plain.start, plain.stop), grey)
    (path / ".zattrs").write_text("{")
    with pytest.raises(ReadError, match=r"\.zattrs is no JSON"):
        open_volume(path)

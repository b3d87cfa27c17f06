"""Groups of OME-Zarr 0.4 and 0.5, arrays written by TensorStore: scales, first voxels, two volumes aligned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.volume import open_volume, steps_between

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


def rewritten(path: Path, change: Any) -> Path:
    """The group with its first multiscale changed."""
    document = json.loads((path / ".zattrs").read_text())
    change(document["multiscales"][0])
    (path / ".zattrs").write_text(json.dumps(document))
    return path


def without_scales(image: dict[str, Any]) -> None:
    for entry in image["datasets"]:
        del entry["coordinateTransformations"]


@pytest.mark.parametrize("said", ["8,8,40", "4,4,40"])
def test_a_group_without_a_scale_is_asked_for_one(said: str, grey: np.ndarray, tmp_path: Path) -> None:
    path = rewritten(written(tmp_path / "em", [grey], [(1, 1, 1)]), without_scales)
    with pytest.raises(SchemaError, match="has no scale; give its voxel size"):
        open_volume(path)
    volume = open_volume(path, resolution=said)
    assert volume.resolution == Resolution.parse(said)
    assert np.array_equal(volume.read(volume.start, volume.stop), grey)
    two = rewritten(written(tmp_path / "two", [grey, halved(grey)], [(1, 1, 1), (2, 2, 2)]), without_scales)
    with pytest.raises(SchemaError, match=r"which of its arrays \(s0, s1\).*open one by its path"):
        open_volume(two, resolution=said)


def test_a_scale_without_a_unit_is_compared_as_far_as_it_says(grey: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "em", [grey, halved(grey)], [(40, 8, 8), (80, 16, 16)], unit=None)
    with pytest.raises(SchemaError, match="axis x is in None; wanted a unit of length"):
        open_volume(path)
    assert open_volume(path, resolution="16,16,80").shape == (8, 12, 16)
    assert open_volume(path, resolution="8000,8000,40000").shape == SIZE  # micrometres
    for wrong in ("9,9,40", "12,12,60"):
        with pytest.raises(VersionError, match="its scales, without a unit: 8,8,40; 16,16,80"):
            open_volume(path, resolution=wrong)
    ones = written(tmp_path / "ones", [grey], [(1, 1, 1)], [(3, 2, 1)], unit=None)
    assert open_volume(ones, resolution="8,8,40").start == (3, 2, 1)


def test_old_versions_and_other_names_of_axes(grey: np.ndarray, tmp_path: Path) -> None:
    def old(image: dict[str, Any]) -> None:
        image.update(version="0.3", axes=["z", "y", "x"])
        without_scales(image)

    def oldest(image: dict[str, Any]) -> None:
        image["version"] = "0.2"
        del image["axes"]
        without_scales(image)

    def nameless(image: dict[str, Any]) -> None:
        del image["axes"]

    def long(image: dict[str, Any]) -> None:
        for axis, name in zip(image["axes"], ("depth", "height", "width"), strict=True):
            axis["name"] = name

    for name, change, axes in (("a", old, "zyx"), ("b", oldest, "tczyx")):
        path = rewritten(written(tmp_path / name, [grey], [(1, 1, 1)], axes=axes), change)
        assert open_volume(path, resolution="8,8,40").shape == SIZE
        assert open_volume(path, resolution="8,8,40", axes=axes).shape == SIZE
        with pytest.raises(SchemaError, match="asked for xyz"):
            open_volume(path, resolution="8,8,40", axes="xyz")
    with pytest.raises(SchemaError, match="name no axes"):
        open_volume(rewritten(written(tmp_path / "c", [grey], [(1, 1, 1)]), nameless), resolution="8,8,40")
    path = rewritten(written(tmp_path / "d", [grey], [(40, 8, 8)]), long)
    with pytest.raises(SchemaError, match="wanted x, y and z among them"):
        open_volume(path)
    assert np.array_equal(open_volume(path, axes="zyx").read((0, 0, 0), SIZE), grey)


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_that_are_no_image_name_what_they_hold(version: str, grey: np.ndarray, tmp_path: Path) -> None:
    written(tmp_path / "em" / "0", [grey], [(40, 8, 8)], version=version)
    if version == "0.4":
        (tmp_path / "em" / ".zgroup").write_text('{"zarr_format": 2}')
        (tmp_path / "em" / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
    else:
        about = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"bioformats2raw.layout": 3}}}
        (tmp_path / "em" / "zarr.json").write_text(json.dumps(about))
    with pytest.raises(SchemaError, match=r"is a group and no array or image; it holds 0/s0\. Name one, like .*em/0"):
        open_volume(tmp_path / "em")
    assert open_volume(tmp_path / "em" / "0").shape == SIZE
    (tmp_path / "em" / ".zattrs").unlink(missing_ok=True)
    if version == "0.4":
        with pytest.raises(SchemaError, match="is a group"):
            open_volume(tmp_path / "em")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.update(datasets=[]),
        lambda image: image.update(datasets=None),
        lambda image: image.update(axes=[1, 2, 3]),
        lambda image: image.update(axes="zyx!"),
        lambda image: image["datasets"][0].update(coordinateTransformations=[{"type": "scale", "scale": [0, 1, 1]}]),
        lambda image: image["datasets"][0].update(coordinateTransformations=[{"type": "scale", "path": "x"}]),
        lambda image: image["datasets"][0].update(coordinateTransformations={"type": "scale"}),
        lambda image: image["datasets"][0].update(
            coordinateTransformations=[{"type": "translation", "translation": [float("nan"), 0, 0]}]
        ),
    ],
)
def test_metadata_of_other_shapes_is_one_error(change: Any, grey: np.ndarray, tmp_path: Path) -> None:
    path = rewritten(written(tmp_path / "em", [grey], [(40, 8, 8)]), change)
    with pytest.raises(SchemaError):
        open_volume(path, resolution="8,8,40")


def test_several_images_or_two_scales_of_one_size_are_refused(grey: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "em", [grey, grey], [(40, 8, 8), (40, 8, 8)])
    with pytest.raises(SchemaError, match="several scales of 8,8,40 nm"):
        open_volume(path, resolution="8,8,40")
    document = json.loads((path / ".zattrs").read_text())
    document["multiscales"] *= 2
    (path / ".zattrs").write_text(json.dumps(document))
    with pytest.raises(SchemaError, match="holds 2 images"):
        open_volume(path, resolution="8,8,40")


def test_names_of_dimensions_must_not_contradict_the_axes(grey: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "em", [grey], [(40, 8, 8)], version="0.5")
    about = json.loads((path / "s0" / "zarr.json").read_text())
    about["dimension_names"] = ["x", "y", "z"]
    (path / "s0" / "zarr.json").write_text(json.dumps(about))
    with pytest.raises(SchemaError, match="names its axes xyz; asked for zyx"):
        open_volume(path)

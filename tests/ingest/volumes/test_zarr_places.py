"""What N5 and plain zarr arrays say of themselves in the words of their writers: obeyed, compared or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts

from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.volume import open_volume

SIZE = (4, 6, 8)
DATA = np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)


def n5(path: Path, **attributes: Any) -> Path:
    """ZYX voxels as N5, which stores and lists them XYZ."""
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{path}/"}}
    spec["metadata"] = {"compression": {"type": "raw"}}
    ts.open(spec, create=True, dtype=DATA.dtype, shape=DATA.shape[::-1]).result()[...] = DATA.T
    about = json.loads((path / "attributes.json").read_text())
    (path / "attributes.json").write_text(json.dumps({**about, **attributes}))
    return path


COSEM = {"axes": ["z", "y", "x"], "ordering": "C", "scale": [40, 8, 8], "translate": [80, 0, 16], "units": ["nm"] * 3}


@pytest.mark.parametrize(
    "transform",
    [
        COSEM,
        {**COSEM, "scale": [0.04, 8, 0.008], "translate": [0.08, 0, 0.016], "units": ["um", "nm", "micrometer"]},
        {**COSEM, "axes": ["x", "y", "z"], "ordering": "F", "scale": [8, 8, 40], "translate": [16, 0, 80]},
    ],
)
def test_transforms_are_obeyed(transform: dict[str, Any], tmp_path: Path) -> None:
    volume = open_volume(n5(tmp_path / "v", transform=transform))
    assert volume.resolution.xyz == pytest.approx((8, 8, 40))
    assert (volume.start, volume.shape) == ((2, 0, 2), SIZE)
    assert np.array_equal(volume.read(volume.start, volume.stop), DATA)
    with pytest.raises(VersionError, match="asked for 4,4,40"):
        open_volume(tmp_path / "v", resolution="4,4,40")
    with pytest.raises(VersionError, match=r"starts at voxel \(2, 0, 2\)"):
        open_volume(tmp_path / "v", offset=(1, 0, 0))
    with pytest.raises(SchemaError, match="names its axes xyz; asked for zyx"):
        open_volume(tmp_path / "v", axes="zyx")


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({**COSEM, "units": ["pixel"] * 3}, "wanted a unit of length"),
        ({**COSEM, "units": ["nm"]}, "not understood"),
        ({**COSEM, "axes": ["a", "b", "c"]}, "wanted x, y and z among them"),
        ({**COSEM, "translate": [5, 0, 0]}, "between two of its voxels"),
        ({**COSEM, "ordering": "Z"}, "wanted C or F"),
        ({"scale": [1, 2, 3]}, "not understood"),
    ],
)
def test_transforms_that_are_not_understood_are_refused(
    transform: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SchemaError, match=message):
        open_volume(n5(tmp_path / "v", transform=transform), resolution="8,8,40", axes="xyz")


def test_pixel_resolutions(tmp_path: Path) -> None:
    said = {"unit": "um", "dimensions": [0.008, 0.008, 0.04]}
    path = n5(tmp_path / "v", pixelResolution=said)
    assert open_volume(path, axes="xyz").resolution == Resolution(8, 8, 40)
    with pytest.raises(VersionError, match="asked for 4,4,40"):
        open_volume(path, axes="xyz", resolution="4,4,40")
    bare = n5(tmp_path / "bare", pixelResolution=[8, 8, 40])
    with pytest.raises(SchemaError, match="without a unit; say --resolution"):
        open_volume(bare, axes="xyz")
    assert open_volume(bare, axes="xyz", resolution="8,8,40").resolution == Resolution(8, 8, 40)
    with pytest.raises(SchemaError, match="is in 'pixels'; wanted a unit"):
        open_volume(n5(tmp_path / "odd", pixelResolution={**said, "unit": "pixels"}), axes="xyz")


@pytest.mark.parametrize("key", ["offset", "translate"])
def test_beginnings_without_a_unit_are_asked_for(key: str, tmp_path: Path) -> None:
    path = n5(tmp_path / "v", **{key: [80, 0, 0]})
    with pytest.raises(SchemaError, match="whose unit N5 does not define; say the first voxel"):
        open_volume(path, axes="xyz", resolution="8,8,40")
    assert open_volume(path, axes="xyz", resolution="8,8,40", offset=(10, 0, 0)).start == (0, 0, 10)
    zero = n5(tmp_path / "zero", **{key: [0, 0, 0]})
    assert open_volume(zero, axes="xyz", resolution="8,8,40").start == (0, 0, 0)


def test_downsampled_arrays_say_no_size_of_their_own(tmp_path: Path) -> None:
    about = {"downsamplingFactors": [2, 2, 1], "pixelResolution": {"unit": "nm", "dimensions": [8, 8, 40]}}
    path = n5(tmp_path / "v", **about)
    with pytest.raises(SchemaError, match=r"downsampled by \[2.0, 2.0, 1.0\]; say the size"):
        open_volume(path, axes="xyz")
    assert open_volume(path, axes="xyz", resolution="16,16,40").resolution == Resolution(16, 16, 40)


def test_groups_name_their_arrays(tmp_path: Path) -> None:
    n5(tmp_path / "v" / "s0")
    n5(tmp_path / "v" / "s1")
    (tmp_path / "v" / "attributes.json").write_text('{"n5": "2.0.0"}')
    with pytest.raises(SchemaError, match="it holds s0, s1"):
        open_volume(tmp_path / "v")


@pytest.mark.parametrize("text", ["[]", "nul", "3", "[" * 2000])
def test_attributes_of_other_shapes(text: str, tmp_path: Path) -> None:
    path = n5(tmp_path / "v")
    (path / "attributes.json").write_text(text)
    with pytest.raises(ReadError, match=r"attributes\.json"):
        open_volume(path, axes="xyz", resolution="8,8,8")


def test_xarrays_names_of_dimensions(tmp_path: Path) -> None:
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{tmp_path}/v/"}}
    ts.open(spec, create=True, dtype=DATA.dtype, shape=DATA.shape).result()[...] = DATA
    (tmp_path / "v" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["z", "y", "x"]}')
    assert np.array_equal(open_volume(tmp_path / "v", resolution="8,8,8").read((0, 0, 0), SIZE), DATA)
    with pytest.raises(SchemaError, match="names its axes zyx; asked for xyz"):
        open_volume(tmp_path / "v", resolution="8,8,8", axes="xyz")
    (tmp_path / "v" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["lat", "lon", "t"]}')
    with pytest.raises(SchemaError, match="does not name its 3 axes"):
        open_volume(tmp_path / "v", resolution="8,8,8")

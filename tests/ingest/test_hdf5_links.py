"""Links of HDF5 files are followed inside the file's folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ingest.schema.errors import ReadError, SchemaError
from ingest.volumes.hdf5 import split_place
from ingest.volumes.volume import open_volume

DATA = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
SAID: dict[str, Any] = {"resolution": "8,8,8", "offset": (0, 0, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "data"
    (inside / "deep").mkdir(parents=True)
    for place in (inside / "deep" / "raw.h5", tmp_path / "outside.h5"):
        with h5py.File(place, "w") as file:
            file["volumes/raw"] = DATA
            file["alias"] = h5py.SoftLink("/volumes")
    with h5py.File(inside / "a.h5", "w") as file:
        file["g/raw"] = DATA
        file["hard"] = file["g/raw"]
        file["soft"] = h5py.SoftLink("/g/raw")
        file["g/near"] = h5py.SoftLink("raw")
        file["twice"] = h5py.SoftLink("soft")
        file["group"] = h5py.SoftLink("g")
        file["dangling"] = h5py.SoftLink("/none")
        file["circle"] = h5py.SoftLink("/circle")
        file["out"] = h5py.ExternalLink("deep/raw.h5", "/volumes/raw")
        file["out_alias"] = h5py.ExternalLink("deep/raw.h5", "/alias")
        file["gone"] = h5py.ExternalLink("deep/none.h5", "/x")
        file["climbs"] = h5py.ExternalLink("../outside.h5", "/volumes/raw")
        file["absolute"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "/volumes/raw")
    (inside / "symlink.h5").symlink_to(tmp_path / "outside.h5")
    with h5py.File(inside / "a.h5", "a") as file:
        file["by_symlink"] = h5py.ExternalLink("symlink.h5", "/volumes/raw")
    return inside


@pytest.mark.parametrize(
    "name", ["g/raw", "/g/raw", "hard", "soft", "g/near", "twice", "group/raw", "out", "out_alias/raw"]
)
def test_links_are_followed(name: str, folder: Path) -> None:
    volume = open_volume(f"{folder}/a.h5:{name}", **SAID)
    assert np.array_equal(volume.read((0, 0, 0), (3, 4, 5)), DATA)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dangling", "has no dataset 'dangling'; it has g/raw"),
        ("g", "has no dataset 'g'"),
        ("none/raw", "has no dataset"),
        ("g/raw/x", "has no dataset"),
        ("circle", "links lead on and on"),
        ("gone", r"none\.h5: no readable HDF5"),
        ("climbs", "outside of the file's folder"),
        ("absolute", "outside of the file's folder"),
        ("by_symlink", "outside of the file's folder"),
    ],
)
def test_links_that_lead_nowhere_or_outside_are_refused(name: str, message: str, folder: Path) -> None:
    with pytest.raises(ReadError, match=message):
        open_volume(f"{folder}/a.h5:{name}", **SAID)


def test_data_that_lie_in_other_files(folder: Path) -> None:
    (folder / "raw.bin").write_bytes(DATA.tobytes())
    layout = h5py.VirtualLayout(DATA.shape, np.uint8)
    layout[...] = h5py.VirtualSource(folder / "deep" / "raw.h5", "volumes/raw", DATA.shape)
    with h5py.File(folder / "b.h5", "w") as file:
        file.create_dataset("in", DATA.shape, np.uint8, external=[(str(folder / "raw.bin"), 0, DATA.nbytes)])
        file.create_dataset("out", DATA.shape, np.uint8, external=[("/etc/hostname", 0, DATA.nbytes)])
        file.create_virtual_dataset("virtual", layout)
    for name in ("in", "virtual"):
        assert np.array_equal(open_volume(f"{folder}/b.h5:{name}", **SAID).read((0, 0, 0), (3, 4, 5)), DATA)
    with pytest.raises(ReadError, match="outside of the file's folder"):
        open_volume(f"{folder}/b.h5:out", **SAID)
    (folder / "deep" / "raw.h5").unlink()
    with pytest.raises(ReadError, match=r"lies in .*raw\.h5, which does not exist"):
        open_volume(f"{folder}/b.h5:virtual", **SAID)


def test_axes_channels_and_kinds_of_datasets(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["czyx"] = DATA[None]
        file["two"] = np.stack([DATA, DATA])
        file["text"] = np.full((2, 2, 2), b"x")
        file["none"] = h5py.Empty("f")
    assert np.array_equal(open_volume(f"{tmp_path}/a.h5:czyx", axes="czyx", **SAID).read((0, 0, 0), (3, 4, 5)), DATA)
    for name, axes, message in (
        ("czyx", None, "does not name its 4 axes"),
        ("two", "czyx", "2 entries along 'c'"),
        ("two", "zyx", "has 4 axes; 'zyx' names 3"),
        ("text", None, "wanted numbers"),
        ("none", None, "wanted numbers"),
    ):
        with pytest.raises(SchemaError, match=message):
            open_volume(f"{tmp_path}/a.h5:{name}", axes=axes, **SAID)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("a.h5:g/raw", ("a.h5", "g/raw")),
        ("a.HDF5:raw", ("a.HDF5", "raw")),
        ("a:b.h5:x:y", ("a:b.h5", "x:y")),
        ("a.h5", ("a.h5", "")),
    ],
)
def test_a_place_is_a_file_and_a_dataset(place: str, wanted: tuple[str, str]) -> None:
    assert split_place(place) == (Path(wanted[0]), wanted[1])
    assert split_place("a.tif") is None

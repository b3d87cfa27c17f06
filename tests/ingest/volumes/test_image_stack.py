"""Stacks of images: every slice is read, or the stack is refused; grey values and ids only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.volumes.volume import open_volume

DATA = np.random.default_rng(0).integers(1, 255, (6, 20, 24), dtype=np.uint8)
SAID: dict[str, Any] = {"resolution": "8,8,8", "offset": (0, 0, 0)}


def all_of(path: Path, **said: Any) -> np.ndarray:
    volume = open_volume(path, **{**SAID, **said})
    return volume.read(volume.start, volume.stop)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_an_imagej_stack_of_one_page_gives_every_slice(kind: Any, tmp_path: Path) -> None:
    """As ImageJ writes above 4 GB."""
    data = DATA.astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, truncate=True, metadata={"axes": "ZYX"})
    assert np.array_equal(all_of(tmp_path / "a.tif"), data)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-100])
    with pytest.raises(ReadError, match="cut short"):
        open_volume(tmp_path / "a.tif", **SAID)


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_times_and_channels_are_no_slices_unless_it_is_said(axes: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DATA, imagej=True, metadata={"axes": axes})
    with pytest.raises(SchemaError, match=rf"has axes {axes} of \[6, 20, 24\]"):
        open_volume(tmp_path / "a.tif", **SAID)
    assert np.array_equal(all_of(tmp_path / "a.tif", axes="zyx"), DATA)


@pytest.mark.parametrize("axes", ["ZCYX", "TZYX"])
@pytest.mark.parametrize("ome", [True, False])
def test_hyperstacks_are_refused(axes: str, ome: bool, tmp_path: Path) -> None:
    data = np.stack([DATA, 255 - DATA], axis=axes.replace("Z", "").find("C") + 1 if axes[0] == "Z" else 0)
    kind: dict[str, Any] = {"ome": True} if ome else {"imagej": True}
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": axes}, **kind)
    with pytest.raises(SchemaError, match="one channel and one time"):
        open_volume(tmp_path / "a.tif", **SAID)
    with pytest.raises(SchemaError):
        open_volume(tmp_path / "a.tif", axes="zyx", **SAID)


def test_pages_however_written_are_slices(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "apart.tif") as file:
        for k, plane in enumerate(DATA):
            file.write(plane, contiguous=False, photometric="minisblack", compression="zlib" if k % 2 else None)
    tifffile.imwrite(tmp_path / "packed.tif", DATA, photometric="minisblack", compression="zlib")
    tifffile.imwrite(tmp_path / "ome.tif", DATA, ome=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "tiled.tif", DATA, photometric="minisblack", tile=(16, 16))
    for name in ("apart", "packed", "ome", "tiled"):
        assert np.array_equal(all_of(tmp_path / f"{name}.tif"), DATA)
    tifffile.imwrite(tmp_path / "one.tif", DATA[0], photometric="minisblack")
    assert np.array_equal(all_of(tmp_path / "one.tif"), DATA[:1])
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(DATA)
        file.write(DATA[0, :5, :5])
    with pytest.raises(SchemaError, match="holds 2 images"):
        open_volume(tmp_path / "two.tif", **SAID)


@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 2, 4), (7, 8, 9)])
def test_a_folder_of_files_of_several_pages_gives_every_slice(numbers: tuple[int, ...], tmp_path: Path) -> None:
    for k, number in enumerate(numbers):
        tifffile.imwrite(tmp_path / f"s{number:02}.TIF", DATA[2 * k : 2 * k + 2], photometric="minisblack")
    assert np.array_equal(all_of(tmp_path), DATA)
    for k in range(3):
        tifffile.imwrite(tmp_path / f"s{numbers[2] + 2 + k:02}.TIF", DATA[:3], photometric="minisblack")
    with pytest.raises(SchemaError, match="no gap"):
        open_volume(tmp_path, **SAID)


def test_values_that_stand_for_colours_are_refused(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 3, axis=0)
    glasbey = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "white.tif", DATA, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "palette.tif", DATA[0], photometric="palette", colormap=glasbey)
    tifffile.imwrite(tmp_path / "ramp.tif", DATA[0], photometric="palette", colormap=ramp)
    tifffile.imwrite(tmp_path / "rgb.tif", np.repeat(DATA[..., None], 3, axis=3), photometric="rgb")
    for name, message in (("white", "0 is white"), ("palette", "a palette"), ("rgb", "3 values a pixel")):
        with pytest.raises(SchemaError, match=message):
            open_volume(tmp_path / f"{name}.tif", **SAID)
    assert np.array_equal(all_of(tmp_path / "ramp.tif"), DATA[:1])
    for mode in ("P", "RGB", "LA"):
        folder = tmp_path / mode
        folder.mkdir()
        Image.fromarray(DATA[0]).convert(mode).save(folder / "0.png")
        with pytest.raises(SchemaError, match="palette|one grey value or id"):
            open_volume(folder, **SAID)


def test_a_png_of_several_frames_is_refused(tmp_path: Path) -> None:
    first, *more = (Image.fromarray(plane) for plane in DATA)
    first.save(tmp_path / "0.png", save_all=True, append_images=more)
    with pytest.raises(SchemaError, match="holds 6 frames"):
        open_volume(tmp_path, **SAID)


def test_sizes_that_a_file_says_are_obeyed_and_compared(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 4, "PhysicalSizeY": 5, "PhysicalSizeZ": 0.04}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "ome.tif", DATA, ome=True, metadata={"axes": "ZYX", **sizes, **units})
    about = {"axes": "ZYX", "spacing": 0.04, "unit": "um"}
    tifffile.imwrite(tmp_path / "ij.tif", DATA, imagej=True, resolution=(250, 200), metadata=about)
    for name in ("ome.tif", "ij.tif"):
        assert open_volume(tmp_path / name, offset=(0, 0, 0)).resolution.xyz == pytest.approx((4, 5, 40))
        assert open_volume(tmp_path / name, offset=(0, 0, 0), resolution="4,5,40").shape == DATA.shape
        with pytest.raises(VersionError, match="has voxels of 4,5,40 nm; asked for 8,8,8"):
            open_volume(tmp_path / name, **SAID)
        with pytest.raises(SchemaError, match="names its axes zyx; asked for xyz"):
            open_volume(tmp_path / name, offset=(0, 0, 0), axes="xyz")
    tifffile.imwrite(tmp_path / "half.tif", DATA, ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 4})
    with pytest.raises(SchemaError, match="does not say its voxel size"):
        open_volume(tmp_path / "half.tif", offset=(0, 0, 0))


@pytest.mark.parametrize("text", [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b"no image"])
def test_damaged_files_are_one_error(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(text)
    with pytest.raises(ReadError, match=r"a\.tif"):
        open_volume(tmp_path / "a.tif", **SAID)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "0.png").write_bytes(text)
    with pytest.raises(ReadError, match=r"0\.png"):
        open_volume(tmp_path / "b", **SAID)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_a_file_cut_anywhere_never_gives_fewer_slices(
    compression: str | None, bigtiff: bool, apart: bool, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff) as file:
        if apart:
            for plane in DATA:
                file.write(plane, contiguous=False, photometric="minisblack", compression=compression)
        else:
            file.write(DATA, photometric="minisblack", compression=compression)
    whole = (tmp_path / "a.tif").read_bytes()
    assert np.array_equal(all_of(tmp_path / "a.tif"), DATA)
    for length in np.random.default_rng(0).integers(0, len(whole) - 60, 25).tolist():
        (tmp_path / "a.tif").write_bytes(whole[:length])
        with pytest.raises(ReadError):
            all_of(tmp_path / "a.tif")

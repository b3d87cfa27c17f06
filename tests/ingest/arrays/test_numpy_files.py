"""NumPy's files: what is there is read, what a header only says is not believed, nothing is unpickled."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from ingest.arrays.numpy_files import NpzFile, open_npy
from ingest.schema.errors import ReadError, UnknownNameError

KINDS = [np.dtype(kind) for kind in ("bool", "<i4", ">u8", "<f4", ">f8", "<c16", "S3", "<U4")]


def of_npz(path: Path, name: str = "a") -> Any:
    with NpzFile(path) as file:
        return file.array(name)


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


@settings(deadline=None, max_examples=60)
@given(
    values=arrays.arrays(
        dtype=arrays.scalar_dtypes().filter(lambda kind: kind.kind in "biufcSU" and kind.itemsize > 0),
        shape=arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    )
)
def test_what_numpy_saves_is_read_as_it_is(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("arrays")
    for order in "CF":
        whole = np.asarray(values, order=order)
        np.save(place / "a.npy", whole)
        np.savez_compressed(place / "a.npz", a=whole, b=np.arange(3))
        for found in (open_npy(place / "a.npy"), of_npz(place / "a.npz")):
            assert found.dtype == values.dtype
            assert found.shape == values.shape
            assert found.tobytes() == values.tobytes()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this ran",)


def test_pickles_are_never_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([{"fs": 1}], dtype=object))
    (tmp_path / "bare.npy").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ReadError, match=r"a.npy holds Python objects, a pickle, which runs code"):
        open_npy(tmp_path / "a.npy")
    with pytest.raises(ReadError, match=r"a.npz: the array 'a' holds Python objects"):
        of_npz(tmp_path / "a.npz")
    with pytest.raises(ReadError, match=r"bare.npy: this is no whole NumPy file"):
        open_npy(tmp_path / "bare.npy")
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 1099511627776)}", bytes(64)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}", bytes(64)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (7,)}", bytes(64)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-8, -1)}", bytes(64)),
        npy("{'descr': '|V0', 'fortran_order': False, 'shape': (9223372036854775807,)}"),
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (9223372036854775807,)}"),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (8,)}", bytes(64)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (8,)}", bytes(64), (3, 0)),
        npy("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (8,)}", bytes(64)),
        npy("(" * 5000, bytes(64)),
        npy("{", bytes(64)),
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff",
        b"",
    ],
)
def test_headers_are_held_against_what_is_there(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ReadError, match=r"a.npy.*(truncated or damaged|wanted plain numbers|of version)"):
        open_npy(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ReadError, match=r"a.npz: the array 'a'.*(truncated or damaged|wanted plain|of version)"):
        of_npz(tmp_path / "a.npz")


def test_a_bomb_is_told_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 20, np.uint8), b=np.zeros(1 << 20, np.uint8))
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "1.5MB")
    with NpzFile(tmp_path / "a.npz") as file:
        assert file.array("a").size == 1 << 20
        with pytest.raises(ReadError, match=r"the array 'b' and those before it would take 2,097,\d\d\d bytes"):
            file.array("b")
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "0.5MB")
    with pytest.raises(ReadError, match=r"the array 'a' would take 1,048,\d\d\d bytes of memory"):
        of_npz(tmp_path / "a.npz")


def test_archives_that_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(500))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[:-40])
    with pytest.raises(ReadError, match=r"cut.npz: this is no whole NumPy file"):
        NpzFile(tmp_path / "cut.npz")
    hurt = bytearray(data)
    hurt[600] ^= 1
    (tmp_path / "hurt.npz").write_bytes(hurt)
    with pytest.raises(ReadError, match=r"hurt.npz: the array 'a': this is no whole NumPy file .*CRC"):
        of_npz(tmp_path / "hurt.npz")
    with pytest.raises(UnknownNameError, match="unknown array of .*a.npz 'b'; known: a"):
        of_npz(tmp_path / "a.npz", "b")
    whole = io.BytesIO()
    np.save(whole, np.arange(3))
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        archive.writestr("a.npy", whole.getvalue())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", whole.getvalue())
    with pytest.raises(ReadError, match="holds the array 'a' twice"):
        NpzFile(tmp_path / "twice.npz")
    with zipfile.ZipFile(tmp_path / "xz.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", whole.getvalue())
    with pytest.raises(ReadError, match="packed in a way that NumPy does not write"):
        of_npz(tmp_path / "xz.npz")

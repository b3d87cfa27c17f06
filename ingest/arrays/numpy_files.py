"""Files of NumPy, .npy and .npz: never a pickle, never more memory than what lies in the file.

A header may say any shape; it is held against the bytes that are there first.
"""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import ReadError, UnknownNameError
from ingest.schema.limits import require_room

NPY = b"\x93NUMPY"
ENDING = ".npy"
PLAIN = "biufcSU"
"""Kinds of values that are read: truth values, numbers, bytes, text."""
LONGEST_HEADER = 10_000
ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy packs; both unpack piece by piece."""
DAMAGE = (
    OSError, EOFError, ValueError, TypeError, SyntaxError, KeyError, IndexError, RuntimeError, OverflowError,
    NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip


def open_npy(path: Path) -> npt.NDArray[Any]:
    """The array of an .npy file, mapped from the disk.

    Raises:
        ReadError: missing, damaged, cut short, or of Python objects.
    """
    try:
        with path.open("rb") as file:
            shape, fortran, kind = _header(file, str(path))
            begin = file.tell()
        _require_bytes(str(path), shape, kind, path.stat().st_size - begin)
        if not math.prod(shape):
            return np.empty(shape, kind)
        return np.memmap(path, kind, "r", begin, shape, "F" if fortran else "C")
    except DAMAGE as error:
        raise _as_ours(str(path), error) from None


class NpzFile:
    """An open .npz file: arrays by their names; to be closed.

    Raises:
        ReadError: missing, or no whole file of that kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken = 0
        try:
            self._size = path.stat().st_size
            self._archive = zipfile.ZipFile(path)
            members = [member for member in self._archive.infolist() if member.filename.endswith(ENDING)]
        except DAMAGE as error:
            raise _as_ours(str(path), error) from None
        self._members = {member.filename.removesuffix(ENDING): member for member in members}
        twice = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
        if twice:
            raise ReadError(f"{path} holds the array {twice[0].removesuffix(ENDING)!r} twice; save it again")

    def names(self) -> list[str]:
        return list(self._members)

    def array(self, name: str) -> npt.NDArray[Any]:
        """One array, in memory.

        Raises:
            UnknownNameError: no such array. ReadError: damaged, of Python objects, or larger than may be.
        """
        if name not in self._members:
            raise UnknownNameError(f"array of {self.path}", name, self._members)
        what, member = f"{self.path}: the array {name!r}", self._members[name]
        self._taken += member.file_size
        require_room(
            what if self._taken == member.file_size else f"{what} and those before it", self._taken, self._size
        )
        if member.compress_type not in ZIPPED:
            raise ReadError(f"{what} is packed in a way that NumPy does not write; save it by numpy.savez_compressed")
        try:
            with self._archive.open(member) as file:
                shape, fortran, kind = _header(file, what)
                _require_bytes(what, shape, kind, member.file_size - file.tell())
                data = file.read()
                _require_bytes(what, shape, kind, len(data))
            return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
        except DAMAGE as error:
            raise _as_ours(what, error) from None

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> NpzFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _header(file: Any, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of the values, as they are said."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ReadError(f"{what} is of version {'.'.join(map(str, version))} of the format; save plain numbers or text")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers of Python 2 are read all the same
        shape, fortran, kind = read(file, max_header_size=LONGEST_HEADER)
    if kind.hasobject:
        raise ReadError(
            f"{what} holds Python objects, a pickle, which runs code when it is read, so it never is; save numbers or "
            "text (astype)"
        )
    if kind.kind not in PLAIN or not kind.itemsize:
        raise ReadError(f"{what} holds {kind}; wanted plain numbers or text")
    if any(length < 0 for length in shape):
        raise ReadError(f"{what}: this is no whole NumPy file (truncated or damaged): its shape is {shape}")
    return shape, fortran, kind


def _require_bytes(what: str, shape: tuple[int, ...], kind: np.dtype[Any], there: int) -> None:
    wanted = math.prod(shape) * kind.itemsize
    if wanted != there:
        raise ReadError(
            f"{what}: this is no whole NumPy file (truncated or damaged): {kind} of shape {shape} take {wanted:,} "
            f"bytes, {there:,} are there"
        )


def _as_ours(what: str, error: BaseException) -> BaseException:
    if isinstance(error, ReadError):
        return error
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return ReadError(f"{what}: this is no whole NumPy file (truncated or damaged): {why}")

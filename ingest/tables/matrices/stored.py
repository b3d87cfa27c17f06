"""Matrices that NumPy and scipy saved (.npy, .npz), and those that Python holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ingest.arrays.numpy_files import NPY, NpzFile, open_npy
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure, source_name
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.limits import require_room
from ingest.tables.files import ZIP, begins, checked, named
from ingest.tables.matrices.labelled import OPTIONS, Matrix, Part, full, read_matrix

SPARSE = {
    "csr": ("data", "indices", "indptr"), "csc": ("data", "indices", "indptr"), "bsr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"), "coo": ("data", "row", "col"),
}  # fmt: skip
"""Format of ``scipy.sparse.save_npz`` -> arrays that it holds."""
VARIABLE = "variable"


class MatrixFileReader:
    """Sparse matrices of scipy and full ones of NumPy; ``rows`` and ``labels`` have to be said."""

    uses = AcceptedOptions("matrices of NumPy and scipy", (*OPTIONS, VARIABLE))

    def accepts(self, source: object) -> Sure:
        if begins(source, NPY):
            return Sure.FORMAT
        return named(source, ".npy", ".npz")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        if begins(path, NPY) or not begins(path, ZIP):
            if VARIABLE in request.options:
                raise SchemaError(f"{path} holds one array; leave --option {VARIABLE}={request.options[VARIABLE]} out")
            if not begins(path, NPY):
                raise ReadError(f"{path}: this is no NumPy file (truncated or damaged)")
            array = open_npy(path)
            _require_two(str(path), array.shape)
            return read_matrix(full(str(path), array, path.stat().st_size), request)
        with NpzFile(path) as file:
            return read_matrix(_of_npz(path, file, request), request)


class MatrixReader:
    """Matrices in memory: scipy's sparse ones, arrays of NumPy."""

    uses = AcceptedOptions("matrices in memory", OPTIONS)

    def accepts(self, source: object) -> Sure:
        return Sure.NAME if is_matrix(source) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        name = source_name(source)
        if not is_matrix(source):
            raise ReadError(f"{name}: wanted a matrix of NumPy or scipy")
        request.check(self.uses)
        _require_two(name, source.shape)
        if isinstance(source, np.ndarray):
            return read_matrix(full(name, source), request)
        return read_matrix(_sparse(name, source), request)


def is_matrix(source: object) -> bool:
    """Whether this is an array of NumPy or a sparse matrix of scipy, which is not imported to find out."""
    sparse = type(source).__module__.startswith("scipy.sparse") and hasattr(source, "tocoo")
    return sparse or (isinstance(source, np.ndarray) and source.dtype.names is None)


def _require_two(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise SchemaError(f"{name}: found an array of shape {shape}; wanted a matrix, rows and columns")


def _of_npz(path: Path, file: NpzFile, request: ReadRequest) -> Matrix:
    names = file.names()
    if "format" in names and "shape" in names:
        if VARIABLE in request.options:
            raise SchemaError(f"{path} holds one sparse matrix; leave --option {VARIABLE} out")
        return _sparse(str(path), _stored_sparse(path, file), path.stat().st_size)
    chosen = request.options.get(VARIABLE)
    loaded = {name: file.array(name) for name in names} if chosen is None else {}
    if chosen is None:
        square = [name for name, array in loaded.items() if array.ndim == 2 and array.dtype.kind in "biuf"]
        if len(square) != 1:
            raise SchemaError(
                f"{path}: matrices in it: {', '.join(square) or 'none'} (arrays: {', '.join(names) or 'none'}); choose "
                f"one with --option {VARIABLE}=NAME"
            )
        chosen = square[0]
    values = loaded[chosen] if chosen in loaded else file.array(str(chosen))
    _require_two(f"{path} [{chosen}]", values.shape)
    said = {str(request.options.get(name)) for name in OPTIONS}
    beside = {name: loaded[name] if name in loaded else file.array(name) for name in names if name in said}
    return full(f"{path} [{chosen}]", values, path.stat().st_size, beside)


def _stored_sparse(path: Path, file: NpzFile) -> Any:
    """The matrix of ``scipy.sparse.save_npz``, checked before anything follows its indices."""
    from scipy import sparse

    kind = file.array("format")
    text = kind.item() if kind.size == 1 and kind.dtype.kind in "SU" else b"?"
    name = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    if name not in SPARSE:
        raise UnknownNameError(f"format of a sparse matrix ({path})", name, SPARSE)
    wanted = SPARSE[name] if name != "coo" or "coords" not in file.names() else ("data", "coords")
    missing = [part for part in wanted if part not in file.names()]
    if missing:
        raise ReadError(f"{path}: a sparse matrix in the format {name} has the arrays {', '.join(wanted)}; "
                        f"{', '.join(missing)} is missing")  # fmt: skip
    shape, arrays = file.array("shape"), {part: file.array(part) for part in wanted}
    wrong = next(
        (part for part, a in {"shape": shape, **arrays}.items() if part != "data" and a.dtype.kind not in "iu"), ""
    )
    if wrong or arrays["data"].dtype.kind not in "biuf" or shape.shape != (2,):
        part = wrong or ("data" if arrays["data"].dtype.kind not in "biuf" else "shape")
        found = shape if part == "shape" else arrays[part]
        raise SchemaError(
            f"{path}: its array {part!r} is {found.dtype} of shape {found.shape}; wanted a matrix of numbers"
        )
    height, width = (int(length) for length in shape)
    if name == "dia":
        require_room(f"{path}: its diagonals", arrays["data"].size * 17, path.stat().st_size)
    try:
        make = getattr(sparse, f"{name}_array")
        if name == "coo":
            at = arrays["coords"] if "coords" in arrays else (arrays["row"], arrays["col"])
            made = make((arrays["data"], tuple(at)), shape=(height, width))
        else:
            made = make(tuple(arrays[part] for part in wanted), shape=(height, width))
        if hasattr(made, "check_format"):
            made.check_format(full_check=True) if name != "dia" else None
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReadError(f"{path}: this is no whole sparse matrix (truncated or damaged): {why}") from None
    return made


def _sparse(name: str, matrix: Any, size: int | None = None) -> Matrix:
    def parts() -> Iterator[Part]:
        triples = matrix.tocoo()
        yield np.asarray(triples.row), np.asarray(triples.col), np.asarray(triples.data)

    return Matrix(name, matrix.shape, parts, matrix.dtype, size)

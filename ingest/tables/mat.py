"""Adjacency matrices in MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import MissingExtraError, ReadError, SchemaError, UnknownNameError
from ingest.reader import Reading, ReadRequest
from ingest.tables.files import HDF5, begins, checked, ends
from ingest.tables.matrix import edges, neurons


class MatReader:
    """The matrix is ``--option variable=NAME`` where a file has several; neuron names are found by their length."""

    def accepts(self, source: Any) -> bool:
        return ends(source, ".mat")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        from scipy import io

        path = checked(source)
        request.check_options("MATLAB files", "variable")
        if request.as_ not in ("connections", "neurons"):
            raise SchemaError(f"{path}: a MATLAB matrix holds connections; say --as connections")
        if begins(path, HDF5):
            raise MissingExtraError("h5py (this is a MATLAB 7.3 file; save it with -v7)", "all")
        try:
            values: dict[str, Any] = {
                k: v for k, v in io.loadmat(path, spmatrix=False).items() if not k.startswith("__")
            }
        except Exception as error:
            # scipy raises several classes for damaged files
            raise ReadError(f"{path}: this is no whole MATLAB file (truncated or damaged): {error}") from None
        square = {name: value for name, value in values.items() if _is_square(value)}
        name = request.options.get("variable")
        if name is not None and name not in values:
            raise UnknownNameError(f"variable of {path}", str(name), values)
        if name is None:
            if len(square) != 1:
                found = ", ".join(square) or "none"
                raise SchemaError(f"{path}: square matrices in it: {found}; choose one with --option variable=NAME")
            name = next(iter(square))
        if name not in square:
            raise SchemaError(
                f"{path}: variable {name!r} is no square matrix of numbers; square ones: {', '.join(square)}"
            )
        matrix = _coordinates(path, str(name), square[name])
        labels = _labels(values, matrix.shape[0])
        if request.as_ == "neurons":
            return neurons(f"{path} [{name}]", labels, request)
        bad = ~np.isfinite(matrix.data.astype(float))
        if bad.any():
            where = int(np.argmax(bad))
            raise SchemaError(
                f"{path}, variable {name!r}, row {matrix.row[where] + 1}, column {matrix.col[where] + 1}: "
                f"found {matrix.data[where]}; wanted a finite number"
            )
        order = np.lexsort((matrix.col, matrix.row))
        order = order[matrix.data[order] != 0]
        return edges(
            f"{path} [{name}]",
            [labels[i] for i in matrix.row[order]],
            [labels[j] for j in matrix.col[order]],
            [float(value) for value in matrix.data[order]],
            labels,
            request,
        )


def _coordinates(path: Path, name: str, value: Any) -> Any:
    """A matrix as (row, column, value); the indexes of a sparse one are looked at before anybody follows them."""
    from scipy import sparse

    try:
        if sparse.issparse(value) and hasattr(value, "check_format"):
            value.check_format(full_check=True)
        matrix = sparse.coo_array(value)
        for indexes, length in zip(matrix.coords, matrix.shape, strict=True):
            if matrix.nnz and (indexes.min() < 0 or indexes.max() >= length):
                raise ValueError(f"an index beyond {length}")
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ReadError(f"{path}, variable {name!r}: this is no whole matrix (damaged): {error}") from None
    return matrix


def _is_square(value: Any) -> bool:
    from scipy import sparse

    numbers = isinstance(value, np.ndarray) and value.dtype.kind in "iufb"
    return bool((sparse.issparse(value) or numbers) and value.ndim == 2 and value.shape[0] == value.shape[1] > 1)


def _labels(values: dict[str, Any], n: int) -> list[str]:
    """The variable that holds ``n`` texts, or the numbers 1..n."""
    for value in values.values():
        if isinstance(value, np.ndarray) and value.dtype == object and value.size == n:
            texts = [str(np.squeeze(item)) for item in value.ravel()]
            if len(set(texts)) == n:
                return texts
        if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == n:
            texts = [str(item).strip() for item in value.ravel()]
            if len(set(texts)) == n:
                return texts
    return [str(number) for number in range(1, n + 1)]

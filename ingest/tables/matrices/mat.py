"""Adjacency matrices in MATLAB files.

Tests: tests/ingest/tables/test_mat.py.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.limits import most_bytes, require_room
from ingest.tables.apart.run import run_in_child
from ingest.tables.files import HDF5, begins, checked, named
from ingest.tables.matrix import edges, neurons
from ingest.tables.types.labels import ROWS


class MatReader:
    """The matrix is ``--option variable=NAME`` where a file has several; neuron names are found by their length."""

    uses = AcceptedOptions("MATLAB files", ("variable", ROWS))

    def accepts(self, source: object) -> Sure:
        return named(source, ".mat")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        if request.as_ not in ("connections", "neurons"):
            raise SchemaError(f"{path}: a MATLAB matrix holds connections; say --as connections")
        if begins(path, HDF5):
            raise ReadError(f"{path}: found a MATLAB 7.3 (HDF5) file; wanted version 7 or older: save(..., '-v7')")
        size = path.stat().st_size
        told = run_in_child("mat_variables.py", path, "MATLAB file", str(most_bytes(size)))
        if told.startswith(b"{"):
            require_room(f"{path}: what its variables say they hold", int(json.loads(told)["bytes"]), size)
        stored = np.load(io.BytesIO(told), allow_pickle=False, max_header_size=1 << 16)
        about: dict[str, dict[str, Any]] = json.loads(bytes(stored["about"]))
        name = _chosen(path, about, request)
        number, n = about[name]["number"], about[name]["n"]
        row, column, data = (stored[f"{part} {number}"] for part in ("row", "column", "data"))
        labels = _labels(about, n)
        if request.as_ == "neurons":
            return neurons(f"{path} [{name}]", labels, request)
        bad = ~np.isfinite(data)
        if bad.any():
            where = int(np.argmax(bad))
            raise SchemaError(
                f"{path}, variable {name!r}, row {row[where] + 1}, column {column[where] + 1}: "
                f"found {data[where]}; wanted a finite number"
            )
        order = np.lexsort((column, row))
        order = order[data[order] != 0]
        return edges(
            f"{path} [{name}]",
            [labels[i] for i in row[order]],
            [labels[j] for j in column[order]],
            data[order].tolist(),
            labels,
            request,
        )


def _chosen(path: Path, about: dict[str, dict[str, Any]], request: ReadRequest) -> str:
    """The variable that is meant: the one asked for, or the only square matrix."""
    square = [name for name, described in about.items() if described["kind"] == "matrix"]
    name = request.options.get("variable")
    if name is None:
        if len(square) != 1:
            listed = ", ".join(square) or "none"
            raise SchemaError(f"{path}: square matrices in it: {listed}; choose one with --option variable=NAME")
        return square[0]
    if name not in about:
        raise UnknownNameError(f"variable of {path}", str(name), about)
    if name not in square:
        raise SchemaError(f"{path}: variable {name!r} is no square matrix of numbers; square ones: {', '.join(square)}")
    return str(name)


def _labels(about: dict[str, dict[str, Any]], n: int) -> list[str]:
    """The variable that holds ``n`` different texts, or the numbers 1..n."""
    for described in about.values():
        if described["kind"] == "texts" and len(described["texts"]) == len({*described["texts"]}) == n:
            return list(described["texts"])
    return [str(number) for number in range(1, n + 1)]

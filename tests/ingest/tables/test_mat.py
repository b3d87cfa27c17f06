"""MATLAB matrices: full and sparse, names found, damage refused before anybody follows an index."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import io, sparse

from ingest.schema.errors import GraphlabError, ReadError, SchemaError, UnknownNameError

Read = Callable[..., pa.Table]
MATRIX = np.array([[0, 2, 0], [0, 0, 1.5], [4, 0, 0]])


def weights(table: pa.Table, *columns: str) -> dict[tuple[object, ...], float]:
    return {tuple(row[column] for column in columns): row["weight"] for row in table.to_pylist()}


@pytest.mark.parametrize("kind", [np.asarray, sparse.csc_array, sparse.coo_array])
def test_full_and_sparse(read: Read, tmp_path: Path, kind: Callable[[np.ndarray], object]) -> None:
    io.savemat(tmp_path / "a.mat", {"A": kind(MATRIX), "other": 7.0})
    found = weights(read(tmp_path / "a.mat"), "pre_root_id", "post_root_id")
    assert found == {(1, 2): 2.0, (2, 3): 1.5, (3, 1): 4.0}


@pytest.mark.parametrize("names", [np.array(["AVAL", "AVAR", "DA1"], dtype=object), np.array(["AVAL", "AVAR", "DA1 "])])
def test_names_are_found_by_their_number(read: Read, tmp_path: Path, names: np.ndarray) -> None:
    io.savemat(tmp_path / "a.mat", {"A": MATRIX, "names": names})
    found = weights(read(tmp_path / "a.mat"), "pre_name", "post_name")
    assert found == {("AVAL", "AVAR"): 2.0, ("AVAR", "DA1"): 1.5, ("DA1", "AVAL"): 4.0}
    assert read(tmp_path / "a.mat", "neurons")["name"].to_pylist() == ["AVAL", "AVAR", "DA1"]


def test_which_variable(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    io.savemat(path, {"chemical": MATRIX, "gap": MATRIX * 2, "row": np.ones((1, 3))})
    with pytest.raises(SchemaError, match=r"square matrices in it: chemical, gap; choose one with --option variable="):
        read(path)
    assert read(path, options={"variable": "gap"})["weight"].to_pylist() == [4.0, 3.0, 8.0]
    with pytest.raises(UnknownNameError, match="did you mean 'chemical'"):
        read(path, options={"variable": "chemicl"})
    with pytest.raises(SchemaError, match="'row' is no square matrix of numbers"):
        read(path, options={"variable": "row"})
    with pytest.raises(UnknownNameError, match="option of MATLAB files 'sheet'"):
        read(path, options={"sheet": "gap"})
    with pytest.raises(SchemaError, match="say --as connections"):
        read(path, "synapses", options={"variable": "gap"})


def test_numbers_that_are_not_finite(read: Read, tmp_path: Path) -> None:
    wrong = MATRIX.copy()
    wrong[1, 2] = np.nan
    io.savemat(tmp_path / "a.mat", {"A": wrong})
    with pytest.raises(SchemaError, match=r"a.mat, variable 'A', row 2, column 3: found nan; wanted a finite number"):
        read(tmp_path / "a.mat")


@pytest.mark.slow
def test_damage_is_one_error(read: Read, tmp_path: Path) -> None:
    """A changed index of a sparse matrix ended the process once."""
    path = tmp_path / "a.mat"
    rng = np.random.default_rng(0)
    io.savemat(path, {"A": sparse.csc_array((rng.random((60, 60)) < 0.1) * 1.0)})
    good, dice, told = path.read_bytes(), random.Random(2), []
    for number in range(12):
        data = bytearray(good[: dice.randrange(1, len(good))] if number % 3 == 0 else good)
        for _ in range(0 if number % 3 == 0 else dice.choice([2, 20])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            read(path)
        except GraphlabError as error:
            told.append(str(error))
    assert len(told) > 5
    assert all("a.mat" in message for message in told)


def test_matlab_7_3(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ReadError, match=r"a.mat: found a MATLAB 7.3 .*-v7"):
        read(tmp_path / "a.mat")
    (tmp_path / "b.mat").write_bytes(b"no matrix at all")
    with pytest.raises(ReadError, match=r"b.mat: this is no whole MATLAB file"):
        read(tmp_path / "b.mat")

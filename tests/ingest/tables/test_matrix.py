"""Adjacency matrices in text: labelled, bare, with totals; told from tables that look alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ingest.reader import Reading
from ingest.schema.errors import SchemaError, UnknownNameError

Read = Callable[..., pa.Table]
File = Callable[[str, str | bytes], Path]


def weights(table: pa.Table, pre: str = "pre_name", post: str = "post_name") -> dict[tuple[object, object], float]:
    return {(row[pre], row[post]): row["weight"] for row in table.to_pylist()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.int64, st.integers(4, 9).map(lambda n: (n, n)), elements=st.integers(0, 3)), st.booleans())
def test_labelled_and_bare_matrices_hold_the_same(tmp_path: Path, read: Read, matrix: np.ndarray, bare: bool) -> None:
    labels = [str(i + 1) if bare else f"N{i + 1}" for i in range(len(matrix))]
    path = tmp_path / "m.csv"
    pd.DataFrame(matrix, labels, labels).to_csv(path, header=not bare, index=not bare)
    columns = ("pre_root_id", "post_root_id") if bare else ("pre_name", "post_name")
    wanted = {
        (int(labels[i]) if bare else labels[i], int(labels[j]) if bare else labels[j]): float(matrix[i, j])
        for i, j in np.argwhere(matrix)
    }
    assert weights(read(path, options={"matrix": "yes"}), *columns) == wanted
    neurons = read(path, "neurons", options={"matrix": "yes"})
    assert {str(value) for value in neurons["root_id" if bare else "name"].to_pylist()} == set(labels)


def test_a_matrix_is_found_by_its_shape(opened: Callable[..., Reading], read: Read, file: File) -> None:
    path = file("a.csv", ",A,B,C\nA,0,2,0\nB,1.5,0,0\nC,,0,0\n")
    assert weights(read(path)) == {("A", "B"): 2.0, ("B", "A"): 1.5}
    assert any("a matrix of 3 neurons, 1 of them without connections" in n for n in opened(path, "connections").notes)
    ids = file("b.csv", ",11,12,13\n11,0,2,0\n12,1,0,0\n13,0,0,0\n")
    assert weights(read(ids), "pre_root_id", "post_root_id") == {(11, 12): 2.0, (12, 11): 1.0}
    blanks = file("c.txt", "0 1  0 0\n0 0 2 0\n0 0 0 3\n4 0 0 0\n")
    assert weights(read(blanks), "pre_root_id", "post_root_id") == {(1, 2): 1, (2, 3): 2, (3, 4): 3, (4, 1): 4}


def test_tables_that_are_none(read: Read, file: File) -> None:
    saved_by_pandas = file("a.csv", ",pre_root_id,post_root_id,weight\n0,1,2,3\n1,4,5,6\n")
    assert read(saved_by_pandas)["pre_root_id"].to_pylist() == [1, 4]
    four_rows = file("b.csv", "1,2,3,4\n5,6,7,8\n9,10,11,12\n13,14,15,16\n")
    assert read(four_rows, header=False, options={"matrix": "no"})["weight"].to_pylist() == [3, 7, 11, 15]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",A,B,C\nA,0,x,0\nB,1,0,0\nC,0,0,0\n", r"row 2, column 3: found 'x'; wanted a finite number or an empty cell"),
        (",A,B,C\nA,0,1,0\nB,inf,0,0\nC,0,0,0\n", r"row 3, column 2: found 'inf'"),
        ("0,1,2\n3,4,5\n", "a matrix without labels must be square; found 2 rows of 3"),
    ],
)
def test_bad_matrices(read: Read, file: File, text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as error:
        read(file("bad.csv", text), options={"matrix": "yes"})
    assert "bad.csv" in str(error.value)


def test_the_option_is_yes_or_no(read: Read, file: File) -> None:
    with pytest.raises(UnknownNameError, match="value of the option matrix 'maybe'; known: no, yes"):
        read(file("a.csv", ",A,B,C\nA,0,1,0\nB,1,0,0\nC,0,0,0\n"), options={"matrix": "maybe"})

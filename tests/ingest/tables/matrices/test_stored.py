"""Matrices of NumPy and scipy: the same connections from every format, and nothing guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import parquet
from scipy import sparse

from ingest.reader import ReadRequest
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError
from ingest.tables import open_source

Read = Callable[..., pa.Table]
IDS = [2**53 + 1, 720575940596125868, 2**64 - 1]
MATRIX = np.array([[0, 2, 0], [0, 0, 1.5], [4, 0, 0]])
EDGES = {(IDS[0], IDS[1]): 2.0, (IDS[1], IDS[2]): 1.5, (IDS[2], IDS[0]): 4.0}
FORMATS = ["csr", "csc", "coo", "bsr", "dia"]


def weights(table: pa.Table, word: str = "root_id") -> dict[tuple[Any, Any], float]:
    found = {(row[f"pre_{word}"], row[f"post_{word}"]): row["weight"] for row in table.to_pylist()}
    assert len(found) == table.num_rows
    return found


def turned(edges: dict[tuple[Any, Any], float]) -> dict[tuple[Any, Any], float]:
    return {(post, pre): weight for (pre, post), weight in edges.items()}


@pytest.fixture
def labels(tmp_path: Path) -> str:
    (tmp_path / "ids.txt").write_text("".join(f"{root}\n" for root in IDS))
    return str(tmp_path / "ids.txt")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("made", ["array", "matrix"])
def test_every_format_of_scipy(read: Read, tmp_path: Path, labels: str, kind: str, made: str) -> None:
    matrix = getattr(sparse, f"{kind}_{made}")(MATRIX)
    sparse.save_npz(tmp_path / "a.npz", matrix)
    for source in (tmp_path / "a.npz", matrix):
        assert weights(read(source, rows="pre", labels=labels)) == EDGES
        assert weights(read(source, rows="post", labels=labels)) == turned(EDGES)


def test_full_matrices(read: Read, tmp_path: Path, labels: str) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(MATRIX))
    np.savez(tmp_path / "a.npz", weights=MATRIX, ids=np.array(IDS, np.uint64), other=np.arange(4))
    for source in (tmp_path / "a.npy", MATRIX, tmp_path / "a.npz"):
        assert weights(read(source, rows="pre", labels=labels)) == EDGES
    assert weights(read(tmp_path / "a.npz", rows="post", labels="ids")) == turned(EDGES)
    assert read(tmp_path / "a.npz", "neurons", labels="ids")["root_id"].to_pylist() == IDS
    np.savez(tmp_path / "b.npz", chemical=MATRIX, gap=MATRIX * 2)
    with pytest.raises(SchemaError, match=r"matrices in it: chemical, gap .*choose one with --option variable=NAME"):
        read(tmp_path / "b.npz", rows="pre", labels=labels)
    found = read(tmp_path / "b.npz", rows="pre", labels=labels, variable="gap")
    assert weights(found) == {pair: 2 * weight for pair, weight in EDGES.items()}
    with pytest.raises(UnknownNameError, match="'gp'; did you mean 'gap'"):
        read(tmp_path / "b.npz", rows="pre", labels=labels, variable="gp")


@settings(deadline=None, max_examples=60)
@given(
    values=arrays.arrays(np.int16, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(-2, 2)),
    kind=st.sampled_from([*FORMATS, "full"]),
    side=st.sampled_from(["pre", "post"]),
)
def test_as_a_loop_over_all_cells_says(
    values: np.ndarray, kind: str, side: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("matrix")
    down, along = [f"r{i}" for i in range(values.shape[0])], [f"c{i}" for i in range(values.shape[1])]
    if kind == "full":
        np.save(place / "a.npy", values)
    else:
        sparse.save_npz(place / "a.npz", getattr(sparse, f"{kind}_array")(values))
    options = {"rows": side, "labels": down, "column_labels": along}
    reading = open_source(next(place.iterdir()), ReadRequest("connections", options=options))
    found = pa.Table.from_batches(list(reading.batches), reading.schema)
    wanted = {
        (down[i], along[j]) if side == "pre" else (along[j], down[i]): float(values[i, j])
        for i in range(values.shape[0])
        for j in range(values.shape[1])
        if values[i, j]
    }
    assert weights(found, "name") == wanted
    assert any(f"its rows are {side}synaptic" in note for note in reading.notes)


def test_parallel_entries_stay_apart(read: Read) -> None:
    matrix = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    assert read(matrix, rows="pre", labels=[7, 8])["weight"].to_pylist() == [1.0, 2.0]


def test_what_nobody_says_is_asked_for(read: Read, tmp_path: Path, labels: str) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    with pytest.raises(SchemaError, match="are its rows presynaptic or postsynaptic. Say --option rows=pre or"):
        read(tmp_path / "a.npy", labels=labels)
    with pytest.raises(UnknownNameError, match=r"option rows \(.*a.npy\) 'axon'; known: post, pre"):
        read(tmp_path / "a.npy", labels=labels, rows="axon")
    with pytest.raises(SchemaError, match="whose are its 3 rows. Say --option labels=FILE"):
        read(tmp_path / "a.npy", rows="pre")
    with pytest.raises(SchemaError, match="a matrix holds connections; say --as connections"):
        read(tmp_path / "a.npy", "synapses", rows="pre", labels=labels)
    with pytest.raises(SchemaError, match="holds one array; leave --option variable=b out"):
        read(tmp_path / "a.npy", rows="pre", labels=labels, variable="b")
    numbered = read(tmp_path / "a.npy", rows="pre", labels="numbers")
    assert weights(numbered) == {(1, 2): 2.0, (2, 3): 1.5, (3, 1): 4.0}
    with pytest.raises(SchemaError, match="3 rows and 2 columns; .*--option column_labels=FILE"):
        read(MATRIX[:, :2], rows="pre", labels=labels)
    with pytest.raises(SchemaError, match="labelled by ids, the other by names"):
        read(MATRIX, rows="pre", labels=[1, 2, 3], column_labels=["a", "b", "c"])


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.txt", "root_id\n{0}\n{1}\n{2}\n", {}),
        ("a.csv", "idx,cell_type,root_id\n0,a,{0}\n1,b,{1}\n2,c,{2}\n", {}),
        ("a.tsv", "type\tbody\na\t{0}\nb\t{1}\nc\t{2}\n", {"label_column": "body"}),
        ("bom.txt", "\ufeff{0}\n{1}\n{2}\n\n", {}),
    ],
)
def test_labels_in_text(read: Read, tmp_path: Path, name: str, content: str, options: dict[str, str]) -> None:
    (tmp_path / name).write_text(content.format(*IDS), encoding="utf-8")
    assert weights(read(MATRIX, rows="pre", labels=tmp_path / name, **options)) == EDGES


def test_labels_in_columns(read: Read, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(IDS, np.uint64))
    parquet.write_table(pa.table({"root_id": pa.array(IDS, pa.uint64()), "idx": [0, 1, 2]}), tmp_path / "a.parquet")
    import pandas as pd

    exact = pa.array(IDS, pa.uint64())
    for labels in (tmp_path / "a.npy", tmp_path / "a.parquet", np.array(IDS, np.uint64), pd.Series(IDS), exact):
        assert weights(read(MATRIX, rows="pre", labels=labels)) == EDGES
    named = read(MATRIX, rows="pre", labels=np.array(["AVAL", "AVAR", "RIAL"]))
    assert ("AVAL", "AVAR") in weights(named, "name")


@pytest.mark.parametrize(
    ("labels", "error", "told"),
    [
        ([1, 2], SchemaError, "found 2 labels for 3 rows; wanted one for each"),
        ([1, 2, 3, 4], SchemaError, "found 4 labels for 3 rows"),
        ([1, 2, 2], SchemaError, "the label 2 stands there 2 times"),
        (["A", "B", " B"], SchemaError, "the label 'B' stands there 2 times"),
        ([1, None, 3], SchemaError, "label 2: it is empty"),
        (["A", "", "C"], SchemaError, "label 2: it is empty"),
        (np.array([1.0, 2.0, 3.0]), IdError, "found floats"),
        ([1.0, float("nan"), 3.0], IdError, "found floats"),
        (["1.0", "2.0", "3.0"], IdError, "found the label '1.0' among labels that are numbers"),
        (["1", "7.2057594e17", "3"], IdError, "found the label '7.2057594e17'"),
        ([0, 1, 2], IdError, "found the id 0; 0 means no neuron"),
        ([-1, 1, 2], IdError, "found the id -1"),
        (["1", "2", str(2**64)], IdError, "found the id 18446744073709551616"),
        ([True, False, True], SchemaError, "found bool; wanted labels"),
        (3, SchemaError, "labels are int; wanted one a row"),
    ],
)
def test_labels_that_do_not_fit(read: Read, labels: Any, error: type[GraphlabError], told: str) -> None:
    with pytest.raises(error, match=told):
        read(MATRIX, rows="pre", labels=labels)


def test_label_files_that_do_not_fit(read: Read, tmp_path: Path) -> None:
    def told(name: str, content: str, **options: Any) -> str:
        (tmp_path / name).write_text(content)
        with pytest.raises(GraphlabError) as caught:
            read(MATRIX, rows="pre", labels=str(tmp_path / name), **options)
        return str(caught.value)

    assert "found the columns a, b; say which holds labels: --option label_column=NAME" in told("a.csv", "a,b\n1,2\n")
    assert "has no column 'c'; known: a, b" in told("a.csv", "a,b\n1,2\n", label_column="c")
    assert "line 2: found 1 cells; wanted 2" in told("a.csv", "root_id,b\n1\n")
    order = "root_id,idx\n1,2\n2,1\n3,0\n"
    assert "its column idx or index says another order than its lines" in told("a.csv", order)
    assert "is empty" in told("a.txt", "\n\n")
    assert "labels are no such file" in told("a.pkl", "x")
    (tmp_path / "latin.txt").write_bytes("é\nb\nc\n".encode("latin-1"))
    with pytest.raises(ReadError, match="no list of labels in UTF-8"):
        read(MATRIX, rows="pre", labels=str(tmp_path / "latin.txt"))
    with pytest.raises(ReadError, match="absent.txt does not exist"):
        read(MATRIX, rows="pre", labels=str(tmp_path / "absent.txt"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["full", "csr"])
def test_numbers_that_are_not_finite(read: Read, bad: float, kind: str) -> None:
    wrong = MATRIX.copy()
    wrong[1, 2] = bad
    source = wrong if kind == "full" else sparse.csr_array(wrong)
    with pytest.raises(SchemaError, match=rf"row 2, column 3: found {bad}; wanted a finite number"):
        read(source, rows="pre", labels="numbers")


def test_values_that_are_no_weights(read: Read, tmp_path: Path) -> None:
    for wrong in (MATRIX.astype(complex), MATRIX.astype("U3"), MATRIX.astype(object)):
        with pytest.raises(SchemaError, match="wanted numbers in rows and columns"):
            read(wrong, rows="pre", labels="numbers")
    with pytest.raises(SchemaError, match=r"of shape \(9,\); wanted a matrix"):
        read(MATRIX.ravel(), rows="pre", labels="numbers")
    with pytest.raises(SchemaError, match="row 1, column 2: found 9007199254740993; wanted a weight below"):
        read(np.array([[0, 2**53 + 1], [0, 0]]), rows="pre", labels="numbers")
    assert read(MATRIX > 0, rows="pre", labels="numbers")["weight"].to_pylist() == [1.0, 1.0, 1.0]


def saved(place: Path, **arrays: Any) -> Path:
    good = {"data": [1.0, 2.0], "indices": [1, 0], "indptr": [0, 1, 2], "shape": [2, 2], "format": b"csr"}
    np.savez(place / "a.npz", **{name: np.asarray(value) for name, value in {**good, **arrays}.items()})
    return place / "a.npz"


@pytest.mark.parametrize(
    "arrays",
    [
        {"indices": [1, 5]},
        {"indices": [1, -1]},
        {"indptr": [0, 2, 1]},
        {"indptr": [0, 1, 9]},
        {"indptr": [0, 2**40]},
        {"shape": [2**40, 2**40]},
        {"shape": [2, 2, 2]},
        {"shape": [-1, 2]},
        {"indices": [1.0, 0.0]},
        {"data": ["a", "b"]},
        {"data": [1.0]},
        {"format": b"lil"},
        {"format": np.array([1, 2])},
        {"format": b"coo"},
        {"format": b"dia", "offsets": [0, 2**40]},
        {"format": b"bsr"},
        {"format": b"coo", "row": [0, 1], "col": [1, 0], "shape": [10**9, 10**9]},
        {"format": b"coo", "row": [0, 7], "col": [0, 1]},
        {"format": b"coo", "coords": [[0, 1], [0, 9]]},
    ],
)
def test_damaged_sparse_matrices(read: Read, tmp_path: Path, arrays: dict[str, Any]) -> None:
    """A wrong index ends the process where scipy follows it."""
    with pytest.raises(GraphlabError, match=r"a.npz"):
        read(saved(tmp_path, **arrays), rows="pre", labels="numbers")


def test_files_that_are_none(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"nothing of that kind")
    with pytest.raises(ReadError, match=r"a.npz: this is no NumPy file"):
        read(tmp_path / "a.npz", rows="pre", labels="numbers")
    with pytest.raises(ReadError, match=r"absent.npy does not exist"):
        read(tmp_path / "absent.npy", rows="pre", labels="numbers")

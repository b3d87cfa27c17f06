"""SWC folders, files and zips, neurons of navis: rows in nm, labels in words, every fault one error that names it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ingest.reader import ReadRequest
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.skeletons.readers import open_source
from ingest.skeletons.swc import read_swc

GOOD = "# made\n1 1 0 0 0 2 -1\n2 2 1 0 0 -1 1\n3 5 1 1 0 0.5 2\n4 4 1 1 1 1 3\n"
BIG = 720575941509220642


def rows(source: Any, **said: Any) -> tuple[pa.Table, list[str]]:
    options = {name: said.pop(name) for name in ("units", "labels") if name in said}
    reading = open_source(source, ReadRequest("skeletons", options=options, **said))
    return pa.Table.from_batches(list(reading.batches), reading.schema), reading.notes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "swc"
    place.mkdir()
    (place / f"{BIG}.swc").write_text(GOOD)
    (place / "7.SWC").write_text(GOOD + "9 0 5 5 5 1 -1\n")
    (place / "notes.txt").write_text("none of them")
    return place


def test_a_folder_of_voxels(folder: Path) -> None:
    found, notes = rows(folder, resolution=Resolution(8, 8, 40))
    one = found.filter(pa.compute.equal(found["root_id"], pa.scalar(BIG, pa.uint64())))
    assert one["node_id"].to_pylist() == [1, 2, 3, 4]
    assert one["parent"].to_pylist() == [None, 1, 2, 3]
    assert one["z_nm"].to_pylist() == [0, 0, 0, 40]
    assert one["compartment"].to_pylist() == ["soma", "axon", None, "apical_dendrite"]
    assert one["radius_nm"].to_pylist() == pytest.approx(
        [2 * 2560 ** (1 / 3), None, 0.5 * 2560 ** (1 / 3), 2560 ** (1 / 3)]
    )
    assert "2 skeletons" in notes
    assert any(note.startswith("1 of them are in several pieces") and "7 has 2" in note for note in notes)
    assert "2 nodes of radius -1: it is unknown" in notes
    assert any("2 of type 5 (fork and end points" in note for note in notes)


def test_a_zip_and_a_file_are_the_same(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"inside/{path.name}")
    assert rows(tmp_path / "all.zip", units="um")[0].equals(rows(folder, units="um")[0])
    assert rows(folder / f"{BIG}.swc", units="nm")[0]["x_nm"].to_pylist() == [0, 1, 1, 1]


def test_labels_of_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "5.swc").write_text("1 -1 0 0 0 1 -1\n2 7 1 0 0 1 1\n3 9 2 0 0 1 2\n")
    with pytest.raises(SchemaError, match=r"5.swc: 1 nodes of structure type 7, which means something else in each"):
        rows(tmp_path / "5.swc", units="nm")
    banc = rows(tmp_path / "5.swc", units="nm", labels="banc")[0]["compartment"].to_pylist()
    assert banc == [None, "primary_dendrite", "primary_neurite"]
    own = rows(tmp_path / "5.swc", units="nm", labels="7=linker,9=unknown")[0]["compartment"].to_pylist()
    assert own == [None, "linker", None]
    for said, error in (("bank", UnknownNameError), ("7=", SchemaError), ("x=axon", SchemaError)):
        with pytest.raises(error):
            rows(tmp_path / "5.swc", units="nm", labels=said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 0 0 0 1\n", "5.swc, line 1: .*wanted id type x y z radius parent"),
        ("1 0 0 0 0 1 -1\n2 0 a 0 0 1 1\n", "line 2"),
        ("1 0 0 0 0 1 -1\n1 0 0 0 0 1 -1\n", "a node id is there twice, 1"),
        ("1 0 0 0 0 1 2\n2 0 0 0 0 1 1\n", "2 nodes are their own ancestors"),
        ("1 0 0 0 0 1 -1\n2 0 0 0 0 1 8\n", "parent 8 is no node of the file"),
        ("1 0 nan 0 0 1 -1\n", "a position is not finite, that of node 1"),
        ("1 0 0 0 0 -2 -1\n", "line 1: radius -2; wanted 0 or more, .*-1 where it is unknown"),
        ("1 0 0 0 0 nan -1\n", "line 1: radius nan"),
        ("# nothing\n", "5.swc holds no node"),
    ],
)
def test_broken_files_are_one_error(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "5.swc").write_text(text)
    with pytest.raises(SchemaError, match=words):
        rows(tmp_path / "5.swc", units="nm")


def test_units_are_said_and_never_guessed(folder: Path) -> None:
    with pytest.raises(SchemaError, match="do not say their unit; say --units nm or --units um .* --resolution X,Y,Z"):
        rows(folder, default_resolution=Resolution(8, 8, 8))
    with pytest.raises(SchemaError, match="--units and --resolution both say"):
        rows(folder, units="nm", resolution=Resolution(8, 8, 8))
    with pytest.raises(UnknownNameError, match="unit of length 'mm'"):
        rows(folder, units="mm")


def test_names_and_empty_places(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "AVAL.swc").write_text(GOOD)
    with pytest.raises(SchemaError, match="AVAL.swc: the name is no root_id"):
        rows(tmp_path / "AVAL.swc", units="nm")
    (tmp_path / "none").mkdir()
    with pytest.raises(ReadError, match="none: nobody reads this"):
        rows(tmp_path / "none", units="nm")
    (folder / "7.swc.gz").write_bytes(b"")
    with pytest.raises(SchemaError, match="are one skeleton; keep one of them"):
        rows(folder, units="nm")


class Length:
    """As much of a quantity of pint as is looked at."""

    dimensionless = False

    def __init__(self, nm: float) -> None:
        self.nm = nm

    def to(self, unit: str) -> SimpleNamespace:
        assert unit == "nanometer"
        return SimpleNamespace(magnitude=self.nm)

    def __str__(self) -> str:
        return f"{self.nm} nanometer"


def neuron(root_id: Any = BIG, units: Any = None, **columns: Any) -> SimpleNamespace:
    """With the attributes and columns of ``navis.TreeNeuron`` (navis 1.10)."""
    nodes = {
        "node_id": np.array([1, 2, 3], np.int32), "label": np.array([1, 2, 0]), "x": [0.0, 1.0, 1.0],
        "y": [0.0, 0.0, 1.0], "z": [0.0, 0.0, 0.0], "radius": [2.0, -1.0, 1.0],
        "parent_id": np.array([-1, 1, 2], np.int32), "type": pd.Categorical(["root", "slab", "end"]),
    }  # fmt: skip
    return SimpleNamespace(id=root_id, units=units, nodes=pd.DataFrame({**nodes, **columns}))


def test_neurons_of_navis() -> None:
    found, _ = rows(neuron(units=Length(8.0)))
    assert found["root_id"].to_pylist() == [BIG] * 3
    assert found["x_nm"].to_pylist() == [0, 8, 8]
    assert found["parent"].to_pylist() == [None, 1, 2]
    assert found["compartment"].to_pylist() == ["soma", "axon", None]
    assert found["radius_nm"].to_pylist() == [16.0, None, 8.0]
    split, _ = rows([neuron(compartment=["axon", None, "linker"]), neuron("7")], units="um")
    assert split["compartment"].to_pylist()[:3] == ["axon", None, "linker"]
    assert split["root_id"].to_pylist()[3] == 7


@pytest.mark.parametrize(
    ("one", "said", "error", "words"),
    [
        (neuron("AVAL"), {"units": "nm"}, IdError, "neuron AVAL: its id is no root_id; set neuron.id"),
        (neuron(), {}, SchemaError, "do not say their unit"),
        (neuron(units=Length(8.0)), {"units": "nm"}, SchemaError, "its own units are"),
        (neuron(parent_id=[-1, 1, 9]), {"units": "nm"}, SchemaError, "parent 9 is no node of it"),
        (neuron(parent_id=[2, 1, 2]), {"units": "nm"}, SchemaError, "their own ancestors"),
        (neuron(radius=[-3.0, 1, 1]), {"units": "nm"}, SchemaError, "a radius of -3.0"),
        ([neuron(), neuron()], {"units": "nm"}, SchemaError, "is there twice; a neuron has one skeleton"),
    ],
)
def test_neurons_that_are_refused(one: Any, said: dict, error: type[GraphlabError], words: str) -> None:
    with pytest.raises(error, match=words):
        rows(one, **said)


def test_the_nodes_are_those_that_pandas_reads(real_data: Path) -> None:
    folder = real_data / "hemibrain_navis5" / "swc"
    found, notes = rows(folder, resolution=Resolution(8, 8, 8))
    assert "5 skeletons" in notes
    for path in folder.glob("*.swc"):
        wanted = pd.read_csv(path, sep=" ", comment="#", header=None)
        mine = found.filter(pa.compute.equal(found["root_id"], pa.scalar(int(path.stem), pa.uint64())))
        assert mine["node_id"].to_pylist() == wanted[0].tolist()
        assert np.allclose(mine["x_nm"].to_numpy(), wanted[2] * 8)
        assert mine["parent"].fill_null(0).to_pylist() == wanted[6].clip(lower=0).tolist()
        assert read_swc(path, 8).path_length_nm > 0

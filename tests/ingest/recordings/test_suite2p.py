"""Folders of suite2p: traces as they are, cells by iscell.npy, the rate from the user, no pickle touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.graph import Graph
from ingest.recordings.readers import open_recordings
from ingest.recordings.recording import Recording
from ingest.schema.errors import GraphlabError, ReadError, SchemaError

CHANCE = np.random.default_rng(0)
F, NEUROPIL = (CHANCE.normal(size=(4, 30)).astype(np.float32) for _ in range(2))
CELLS = np.array([[1, 0.9], [0, 0.1], [1, 0.8], [1, 0.7]])


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("ran").touch, ())


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    """What suite2p writes for one plane, pickles included."""
    folder = tmp_path / "mouse7" / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    for name, values in {"F": F, "Fneu": NEUROPIL, "spks": np.abs(F), "iscell": CELLS}.items():
        np.save(folder / f"{name}.npy", values)
    for name in ("ops", "stat"):
        np.save(folder / f"{name}.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    return folder


def read(source: Path, **options: Any) -> Recording:
    (found,) = open_recordings(source, {"rate_hz": "10", **options})
    return found


def traces(found: Recording) -> np.ndarray:
    return found.block(0, len(found.identities))


def test_cells_of_a_plane(plane: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plane.parent)
    found = read(plane)
    assert found.animal == "mouse7"
    assert np.array_equal(traces(found), F[[0, 2, 3]])
    assert np.array_equal(found.time_s, np.arange(30) / 10)
    assert "1 of 4 regions are no cells and left out (--option rois=all)" in found.notes
    assert any("the light around each cell is in it" in note for note in found.notes)
    assert np.array_equal(traces(read(plane, rois="all")), F)
    assert np.array_equal(traces(read(plane, traces="spks")), np.abs(F)[[0, 2, 3]])
    corrected = traces(read(plane, neuropil="0.7"))
    assert np.allclose(corrected, (F - 0.7 * NEUROPIL)[[0, 2, 3]], atol=1e-6)
    assert not Path("ran").exists()


def test_labels_number_the_regions_as_suite2p_does(plane: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("trace,name,root_id\n2,AVAL,\n3,,720575940596125868\n1,AVAR,\n")
    found = read(plane, labels=str(tmp_path / "labels.csv"))
    assert [(identity.name, identity.root_id) for identity in found.identities] == [
        (None, None),
        ("AVAL", None),
        (None, 720575940596125868),
    ]
    assert "1 labels are of regions that are left out" in found.notes


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rate_hz": None}, "how many frames a second. ops.npy is a pickle and is not read; say --option rate_hz="),
        ({"rate_hz": "fast"}, "rate_hz: found 'fast'; wanted a number above 0"),
        ({"rate_hz": "-1"}, "rate_hz: found '-1'"),
        ({"rois": "some"}, "value of the option rois 'some'; known: all, cells"),
        ({"traces": "dff"}, "value of the option traces 'dff'; known: F, Fneu, spks"),
        ({"neuropil": "much"}, "neuropil: found 'much'; wanted a share such as 0.7"),
        ({"neuropil": "0.7", "traces": "spks"}, "--option neuropil is for the traces F"),
        ({"series": "a"}, "folders of suite2p do not use the option 'series'"),
    ],
)
def test_what_has_to_be_said(plane: Path, options: dict[str, Any], told: str) -> None:
    given = {name: value for name, value in {"rate_hz": "10", **options}.items() if value is not None}
    with pytest.raises(GraphlabError, match=told):
        open_recordings(plane, given)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("iscell", CELLS[:3], "iscell.npy: found float64 of shape .*a mark for each of 4 regions"),
        ("iscell", CELLS * 2, "iscell.npy: found 2.0; wanted 1 for a cell"),
        ("iscell", np.full((4, 2), np.nan), "iscell.npy: found nan; wanted 1"),
        ("iscell", np.zeros((4, 2)), "none of its 4 regions is a cell; --option rois=all"),
        ("F", F[0], "F.npy: found float32 of shape .*wanted numbers, regions x frames"),
        ("F", F.astype(complex), "F.npy: found complex128"),
        ("Fneu", NEUROPIL[:, :9], r"Fneu.npy: found the shape \(4, 9\); wanted \(4, 30\)"),
        ("F", np.full((4, 30), np.inf), "is infinite at frame 1"),
        ("F", np.ones((4, 30)), "every one of the 3 traces is constant"),
        ("F", np.empty((4, 0)), "found 0 frames"),
        ("F", np.array([Bomb()], dtype=object), "F.npy holds Python objects, a pickle"),
    ],
)
def test_files_that_do_not_fit(plane: Path, name: str, content: np.ndarray, told: str) -> None:
    options = {"neuropil": "0.7"} if name == "Fneu" else {}
    if name == "F" and content.ndim == 2 and content.shape != F.shape:
        np.save(plane / "Fneu.npy", content)
    np.save(plane / f"{name}.npy", content, allow_pickle=True)
    with pytest.raises(GraphlabError, match=told):
        read(plane, **options)


def test_folders_that_are_none(plane: Path, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is a folder without F.npy; name one of its planes: plane0"):
        read(plane.parent)
    with pytest.raises(ReadError, match="is a folder without F.npy; name the file in it"):
        read(tmp_path)
    (plane / "F.npy").write_bytes((plane / "F.npy").read_bytes()[:-7])
    with pytest.raises(ReadError, match=r"F.npy: this is no whole NumPy file"):
        read(plane)
    (plane / "Fneu.npy").unlink()
    np.save(plane / "F.npy", F)
    with pytest.raises(ReadError, match=r"Fneu.npy does not exist; copy the folder whole"):
        read(plane, neuropil="0.7")
    (plane / "iscell.npy").unlink()
    assert len(read(plane).identities) == 4
    with pytest.raises(SchemaError, match="does not say which regions are cells; leave --option rois=all out"):
        read(plane, rois="all")


def test_into_a_graph(plane: Path, tmp_path: Path) -> None:
    """What suite2p's own programs change beside the traces makes no other source of them."""
    with Graph.create(tmp_path / "g") as graph:
        done = graph.ingest(plane, as_="recordings", rate_hz="10")
        assert done.rows == 3 * 30
        (plane / "data.bin").write_bytes(b"a movie")
        np.save(plane / "ops.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        assert graph.ingest(plane, as_="recordings", rate_hz="10").already_there
        with pytest.raises(GraphlabError):
            graph.ingest(plane.parent, as_="recordings", rate_hz="10")
        inputs = json.dumps(graph.runs("ingest").to_pylist(), default=str)
        assert "iscell.npy" in inputs
        assert "ops.npy" not in inputs

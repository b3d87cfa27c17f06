"""Recordings in the graph folder: whole or not at all, joined to neurons, seen by SQL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.store.recordings.files import RowFile
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.ids import root_id_of_name
from ingest.synthetic.connectome import make

RNG = np.random.default_rng(1)
TIME = np.arange(100) * 0.5
TRACES = RNG.normal(size=(3, 100)).astype(np.float32)
WIDE = pa.table({"time_s": TIME, "AVAL": TRACES[0], "AVAR": TRACES[1], "RIBL": TRACES[2]})


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    made = Graph.create(tmp_path / "g")
    made.ingest(pa.table({"pre_name": ["AVAL"], "post_name": ["AVAR"], "weight": [2.0]}), as_="connections")
    return made


def test_sql_joins_recordings_behavior_and_neurons(graph: Graph) -> None:
    summary = graph.ingest(WIDE, as_="recordings", animal="w1")
    assert summary.rows == 300
    assert "3 identified, 2 of them neurons of the graph" in str(summary)
    told = "animals recorded: 1, with behaviour: {}; traces: 3, of neurons of the graph: 2"
    assert told.format(0) in graph.info().notes
    graph.ingest(pa.table({"time_s": TIME, "speed": TRACES[0] * 2.0}), as_="behavior")
    assert told.format(1) in graph.info().notes
    found = graph.query(
        "SELECT n.name, corr(r.activity, b.value) AS r FROM recordings r JOIN behavior b USING (animal, frame) "
        "JOIN neurons n USING (root_id) WHERE b.behavior = 'speed' GROUP BY n.name ORDER BY n.name"
    ).to_arrow()
    assert found["name"].to_pylist() == ["AVAL", "AVAR"]
    np.testing.assert_allclose(found["r"].to_numpy(), [1.0, np.corrcoef(TRACES[0], TRACES[1])[0, 1]], atol=1e-6)
    rows = graph.to_arrow("recorded_neurons").to_pylist()
    assert rows[2]["root_id"] == root_id_of_name("RIBL")
    assert graph.ingest(WIDE, as_="recordings", animal="w1").already_there


def test_a_failed_ingest_leaves_nothing(graph: Graph) -> None:
    graph.ingest(WIDE, as_="recordings", animal="w1")
    files = sorted((graph.path / "recordings").iterdir())
    with pytest.raises(
        SchemaError, match="animal 'w1' has a recording.*leave this file out.*graphlab drop-animal .*g w1"
    ):
        graph.ingest(WIDE.slice(0, 90), as_="recordings", animal="w1")
    two = pa.concat_tables([WIDE.append_column("animal", [["w2"] * 100]), WIDE.append_column("animal", [["w1"] * 100])])
    with pytest.raises(SchemaError, match="animal 'w1' has a recording"):
        graph.ingest(two, as_="recordings")
    with pytest.raises(UnknownNameError, match="unknown neuron 'RIBL'"):
        graph.ingest(WIDE, as_="recordings", animal="w3", unknown="refuse")
    assert graph.to_arrow("recording_files").num_rows == 1
    stray = graph.path / "recordings" / "stray.parquet"
    stray.write_bytes(b"of a killed ingest")
    graph.ingest(WIDE, as_="recordings", animal="w4")
    assert not stray.exists()
    assert len(list((graph.path / "recordings").iterdir())) == len(files) + 1


def test_behaviour_needs_its_animal_and_its_clock(graph: Graph) -> None:
    speed = pa.table({"time_s": TIME, "speed": TRACES[0]})
    with pytest.raises(SchemaError, match="has no recording"):
        graph.ingest(speed, as_="behavior")
    graph.ingest(WIDE, as_="recordings", animal="w1")
    with pytest.raises(SchemaError, match="another clock"):
        graph.ingest(pa.table({"time_s": TIME[:50] * 2.1, "speed": TRACES[0, :50]}), as_="behavior")
    graph.ingest(pa.table({"time_s": TIME[:50] * 2.1, "speed": TRACES[0, :50]}), as_="behavior", resample="linear")
    with pytest.raises(SchemaError, match="'speed' already"):
        graph.ingest(speed, as_="behavior")
    graph.ingest(WIDE, as_="recordings", animal="w2")
    with pytest.raises(SchemaError, match="whose behaviour"):
        graph.ingest(speed, as_="behavior")
    with pytest.raises(UnknownNameError, match="did you mean"):
        graph.ingest(speed, as_="behavior", animal="w22")


def test_the_made_recording_comes_back_as_it_was(tmp_path: Path) -> None:
    made = make(tmp_path / "made", neurons=60, synapses=4000, frames=40, recorded=15)
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.recordings, as_="recordings", animal="made")
        graph.ingest(made.behavior, as_="behavior")
        (session,) = graph.activity.sessions()
        assert sorted(session.behaviors) == ["speed", "turning"]
        assert session.rows.shape == (15, 40)
        assert (
            graph.query("SELECT count(*) FROM recordings JOIN neurons USING (root_id)").to_arrow()[0][0].as_py() == 600
        )


def test_row_files_give_back_what_was_written_and_vanish(tmp_path: Path) -> None:
    values = RNG.normal(size=(7, 11)).astype(np.float32)
    rows = RowFile(tmp_path, 7, 11)
    rows[0:4] = values[:4]
    rows[4:7] = values[4:]
    np.testing.assert_array_equal(rows[2:6], values[2:6])
    np.testing.assert_array_equal(rows.columns(3, 9), values[:, 3:9])
    assert rows[5:5].shape == (0, 11)
    path = rows.path
    del rows
    assert not path.exists()


def test_a_first_format_graph_is_migrated(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        connection = graph.folder.connection
        for table in ("recording_files", "recorded_neurons", "functional_connections", "behavior_tuning"):
            connection.execute(f"DROP TABLE {table}")
        for table in ("behavior_classes", "behavior_models", "structure_function", "behavior_enrichment"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'format_version'")
    with Graph.open(tmp_path / "g") as graph:
        graph.ingest(WIDE, as_="recordings", animal="w1")
        assert graph.to_arrow("recorded_neurons").num_rows == 3


@pytest.mark.parametrize("fault", ["time", "infinite", "twice in a frame"])
def test_one_animal_that_fails_does_not_stop_the_others(fault: str, graph: Graph) -> None:
    time, values = [0.0, 1, 0, 1, 0, 1], [1.0, 2, 3, 4, 5, 6]
    table = {"animal": list("aabbcc"), "time_s": time, "AVAL": values, "AVAR": [v * v for v in values]}
    if fault == "time":
        table["time_s"] = [0.0, 1, 1, 0, 0, 1]
    elif fault == "infinite":
        table["AVAL"] = [1.0, 2, float("inf"), 4, 5, 6]
    else:
        table = {
            "animal": list("aabbcc"), "time_s": [0.0, 1, 0, 0, 0, 1], "activity": values,
            "root_id": [1, 1, 1, 1, 2, 2],
        }  # fmt: skip
    summary = graph.ingest(pa.table(table), as_="recordings")
    assert "1 animals are left out: " in summary.notes[0]
    there = graph.to_arrow("recorded_neurons").column("animal").unique().to_pylist()
    assert sorted(there) == ["a", "c"]
    assert sorted(session.animal for session in graph.activity.sessions()) == sorted(there)


def test_behaviour_of_one_animal_that_fails_does_not_stop_the_others(graph: Graph) -> None:
    for animal in "ab":
        graph.ingest(WIDE, as_="recordings", animal=animal)
    rows = {"animal": ["a"] * 100 + ["b"] * 99, "time_s": [*TIME, *TIME[:99]], "speed": [*TIME, *TIME[:99]]}
    summary = graph.ingest(pa.table(rows), as_="behavior")
    assert "1 animals are left out: " in summary.notes[0]
    assert "another clock" in summary.notes[0]
    assert graph.query("SELECT DISTINCT animal FROM behavior").to_arrow()["animal"].to_pylist() == ["a"]
    with pytest.raises(SchemaError, match="another clock"):
        graph.ingest(pa.table(rows).slice(100), as_="behavior")


@pytest.mark.parametrize(
    "words",
    [
        {"keep": {"animal": ("a",)}}, {"columns": {"time_s": "t"}}, {"resolution": "8,8,8"}, {"header": False},
        {"kind": "chemical"}, {"duplicates": "sum"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_", ["recordings", "behavior"])
def test_words_that_recordings_do_not_use_are_refused(words: dict[str, object], as_: str, graph: Graph) -> None:
    with pytest.raises(SchemaError, match="does nothing for|do not"):
        graph.ingest(WIDE, as_=as_, **words)

"""Dropping an animal leaves the graph as if it had never come, but for results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.schema.errors import SchemaError, UnknownNameError

TIME = np.arange(60) * 0.5
TRACES = np.random.default_rng(0).normal(size=(2, 60)).astype(np.float32)


def recording(*names: str) -> pa.Table:
    return pa.table({"time_s": TIME, **{name: TRACES[at] for at, name in enumerate(names)}})


def test_a_dropped_animal_is_gone_and_can_come_again_with_identities(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(recording("AVAL", "AVAR"), as_="recordings", animal="w1")
        graph.ingest(recording("0", "1"), as_="recordings", animal="w2")
        speed = pa.table({"time_s": TIME, "speed": TRACES[0]})
        graph.ingest(speed, as_="behavior", animal="w2")
        kept = {item.name for item in (graph.path / "recordings").iterdir()}
        before = graph.info()
        (told,) = graph.activity.drop_animal("w2")
        assert told == "animal w2: 2 files of recording and behaviour dropped"
        assert [session.animal for session in graph.activity.sessions()] == ["w1"]
        assert graph.query("SELECT DISTINCT animal FROM recordings").to_arrow()["animal"].to_pylist() == ["w1"]
        assert len(kept) - len({item.name for item in (graph.path / "recordings").iterdir()}) == 2
        assert graph.info() != before
        # The same sources are no longer there, so they come in again, the traces with names this time.
        assert not graph.ingest(recording("RIBL", "RIBR"), as_="recordings", animal="w2").already_there
        assert not graph.ingest(speed, as_="behavior", animal="w2").already_there
        (one,) = graph.activity.sessions(["w2"])
        assert [neuron.name for neuron in one.neurons] == ["RIBL", "RIBR"]
        np.testing.assert_allclose(one.behavior("speed"), TRACES[0], rtol=1e-6)


def test_a_source_of_several_animals_stays_until_all_are_dropped(tmp_path: Path) -> None:
    both = pa.concat_tables([recording("AVAL", "AVAR").append_column("animal", [[name] * 60]) for name in ("w1", "w2")])
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(both, as_="recordings")
        assert "brought other animals, too" in graph.activity.drop_animal("w1")[1]
        assert graph.ingest(both, as_="recordings").already_there
        graph.activity.drop_animal("w2")
        assert not graph.ingest(both, as_="recordings").already_there
        assert [session.animal for session in graph.activity.sessions()] == ["w1", "w2"]


def test_unknown_animals(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(SchemaError, match="no recording, so no animal can be dropped"):
            graph.activity.drop_animal("w1")
        graph.ingest(recording("AVAL", "AVAR"), as_="recordings", animal="worm 1")
        with pytest.raises(UnknownNameError, match="unknown animal 'worm 2'; did you mean 'worm 1'"):
            graph.activity.drop_animal("worm 2")

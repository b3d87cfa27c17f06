"""Results while others read: recorded, or kept and recorded later."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.store.runs.waiting import KEPT, ResultPendingWarning, kept_at, record_result, record_waiting

HOLD = (
    "import sys; from graphlab.store.folder import Folder; "
    "f = Folder.open(sys.argv[1], read_only=True); print('open', flush=True); sys.stdin.read()"
)
COUNTED = pa.table({"size": pa.array([3], pa.int32()), "motif": ["030T"], "count": pa.array([7], pa.int64())})
EDGES = pa.table(
    {
        "pre_root_id": pa.array([1, 2], pa.uint64()),
        "post_root_id": pa.array([2, 3], pa.uint64()),
        "weight": [1.0, 2.0],
    }
)


@contextmanager
def reader(path: Path) -> Iterator[None]:
    """Another process that reads the graph and does not let go of it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.communicate()


def record(folder: Folder, name: str) -> runs.Run:
    run = runs.new_run(folder, "census", {"size": 3, "name": name}, {})
    started = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=100)
    record_result(folder, run, {"motif_counts": COUNTED, KEPT: pa.table({"name": [name]})}, started)
    return run


def told(folder: Folder) -> list[tuple[object, ...]]:
    return folder.connection.execute(
        "SELECT run_id, motif, count, round(seconds) FROM motif_counts JOIN runs USING (run_id) ORDER BY ALL"
    ).fetchall()


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlab.store.folder.LONGEST_WAIT_S", 0.05)


@pytest.mark.parametrize("next_writer", ["open", "shared", "graph"])
def test_a_result_is_kept_while_readers_stay_and_recorded_by_the_next_writer(tmp_path: Path, next_writer: str) -> None:
    path = tmp_path / "g"
    Folder.create(path).close()
    folder = Folder.open(path, shared=True)
    with reader(path):
        with pytest.warns(ResultPendingWarning, match="kept and not in the tables yet.*The next that writes"):
            run = record(folder, "first")
        assert told(folder) == []
        assert not kept_at(folder, run.run_id).exists()
    folder.close()
    wanted = [(run.run_id, "030T", 7, 100.0)]
    if next_writer == "graph":
        Graph.open(path).close()
    elif next_writer == "open":
        own = Folder.open(path)
        assert record_waiting(own) == [run.run_id]
        own.close()
    else:
        shared = Folder.open(path, shared=True)
        wanted.append((record(shared, "second").run_id, "030T", 7, 100.0))
        shared.close()
    after = Folder.open(path, read_only=True)
    assert told(after) == sorted(wanted)
    assert kept_at(after, run.run_id).is_file()
    assert not list((path / "waiting").iterdir())
    after.close()


def test_the_same_work_waits_once_and_is_recorded_once(tmp_path: Path) -> None:
    path = tmp_path / "g"
    Folder.create(path).close()
    folder = Folder.open(path, shared=True)
    with reader(path):
        for _ in range(2):
            with pytest.warns(ResultPendingWarning):
                record(folder, "same")
    assert len(list((path / "waiting").iterdir())) == 1
    record(folder, "same")
    assert len(told(folder)) == 1
    folder.close()


def test_a_census_of_a_busy_graph_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "g"
    with Graph.create(path) as graph:
        graph.ingest(EDGES, as_="connections")
    with Graph.open(path, shared=True) as graph:
        with reader(path), pytest.warns(ResultPendingWarning):
            found = graph.motifs.census(3)
        assert found.to_arrow().num_rows == 16
        assert not graph.folder.connection.execute("SELECT 1 FROM motif_counts").fetchall()
    with Graph.open(path) as graph:
        assert graph.folder.connection.execute("SELECT count(*) FROM motif_counts").fetchall()[0][0] >= 16

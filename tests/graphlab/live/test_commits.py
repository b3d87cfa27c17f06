"""A disk that is full: nothing is lost or taken twice, an alert says so, and following goes on once there is room."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from graphlab.graph import Graph
from graphlab.live.commits import AGAIN_S, Commits
from graphlab.live.feed import Feed
from graphlab.store.live import going, log
from ingest.schema.errors import DiskError

FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
import duckdb
from graphlab.graph import Graph
from graphlab.live.feed import Feed, Settings
from graphlab.store.live import going
from ingest.schema.errors import DiskError

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def full(feed, before):
    assert "No space" in feed.status.alerts["disk"].text or "too large" in feed.status.alerts["disk"].text
    assert not feed.step(0.0), "it is too early to try again"
    assert feed.seen.position == feed.status.position == before
    limit(resource.RLIM_INFINITY)
    while not feed.step(2.0):
        pass
    assert feed.status.position > before and "disk" not in feed.status.alerts

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
graph, place, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
heard = []
with Graph.open(graph) as opened, Feed(opened.folder, place, Settings(most=50), tell=heard.append) as feed:
    feed.step(0.0)
    if moment == "the log":
        limit((graph / "graph.duckdb.wal").stat().st_size + 30_000)
        while feed.step(0.0):
            pass
        assert going.position(opened.folder) == feed.status.position < 600
    else:
        limit((graph / "graph.duckdb").stat().st_size)
        try:
            opened.folder.connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            assert "checkpoint" in str(error)
        else:
            raise AssertionError("the disk was not full")
        assert not feed.step(0.0)
    full(feed, feed.status.position)
    while feed.step(0.0):
        pass
    assert feed.status.position == 600
    told = [text.partition(":")[0] + (": over" if text.endswith(": over") else "") for text in heard]
    assert told == ["disk", "disk: over"], heard
"""
TABLES = (
    "FROM connections SELECT pre_root_id, post_root_id, weight ORDER BY ALL",
    "FROM synapses SELECT synapse_id, pre_root_id, post_root_id ORDER BY ALL",
    "FROM neurons SELECT root_id, total_in, total_out ORDER BY ALL",
    "FROM live.connections SELECT count(*), count(DISTINCT (position, pre_root_id, post_root_id))",
)


def lines(first: int, last: int) -> str:
    return "".join(
        json.dumps({"version": 1, "producer": "p", "sequence": k, "event_id": f"e{k}", "action": "synapse_added",
                    "synapse_id": k, "pre_root_id": k * 7 % 41 + 1, "post_root_id": k * k % 37 + 1}) + "\n"
        for k in range(first, last + 1)
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text(lines(1, 600))
    for name in ("clean", "full"):
        Graph.create(tmp_path / name).close()
    return tmp_path


def rows(graph: Path) -> Any:
    with Graph.open(graph) as opened:
        return [opened.folder.cursor().execute(sql).fetchall() for sql in TABLES]


@pytest.mark.parametrize("moment", ["the log", "the database"])
def test_following_goes_on_once_there_is_room(place: Path, moment: str) -> None:
    """A limit on the size of files stands for the full disk; where the database itself gives up it is opened anew."""
    words = [sys.executable, "-c", FILL_THE_DISK, str(place / "full"), str(place / "events"), moment]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    with Graph.open(place / "clean") as graph:
        graph.live.replay(str(place / "events"), most=50)
    assert rows(place / "full") == rows(place / "clean")


def test_a_batch_that_is_in_the_tables_after_all_is_not_written_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error may come after the commit; and one who cannot wait is told that the disk is full."""
    append = log.append
    with Graph.open(place / "clean") as graph, Feed(graph.folder, str(place / "events")) as feed:

        def late(*about: Any) -> None:
            append(*about)
            raise DiskError("the disk is full")

        monkeypatch.setattr(log, "append", late)
        assert not feed.step(0.0)
        assert feed.status.position == 0
        with pytest.raises(DiskError, match="the disk is full"):
            feed.run(threading.Event(), until_idle_s=0.0)
        assert going.position(graph.folder) == 600
        assert feed.step(2 * AGAIN_S)
        assert feed.status.position == feed.seen.position == 600
        monkeypatch.undo()
    assert rows(place / "clean")[1] == [(k, k * 7 % 41 + 1, k * k % 37 + 1) for k in range(1, 601)]
    with Graph.open(place / "full") as graph:
        assert Commits(graph.folder).revive() == 0

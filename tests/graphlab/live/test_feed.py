"""A graph that follows a folder: order, gaps, restarts, dead letters, folds beside, a killed consumer."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.graph import Graph
from graphlab.live.events import LiveError
from graphlab.live.feed import Feed, Settings
from graphlab.store.live import going, log
from ingest.schema.errors import SchemaError, StoreError


def records(count: int, seed: int = 0, neurons: int = 30, producer: str = "p") -> list[dict[str, Any]]:
    """Synapses that come and go, merges and splits among few neurons; every event has an effect."""
    rng = random.Random(seed)
    found: list[dict[str, Any]] = []
    here, known, next_id = set[int](), set(range(1, neurons + 1)), 1_000
    for sequence in range(1, count + 1):
        always = {"version": 1, "producer": producer, "sequence": sequence, "event_id": f"{producer}{sequence}"}
        what = rng.random()
        if what < 0.04 and len(known) > 5 and len(here) > neurons:
            a, b = rng.sample(sorted(known), 2)
            known.discard(a)
            more = {"action": "neurons_merged", "old_root_ids": [a, b], "new_root_ids": [b]}
        elif what < 0.2 and here:
            more = {"action": "synapse_removed", "synapse_id": here.pop()}
        else:
            pre, post = rng.choices(sorted(known), k=2)
            here.add(next_id)
            more = {"action": "synapse_added", "synapse_id": next_id, "pre_root_id": pre, "post_root_id": post,
                    "pre_supervoxel_id": next_id, "post_supervoxel_id": next_id}  # fmt: skip
            next_id += 1
        found.append(always | more)
    return found


def write(folder: Path, name: str, events: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    new = folder / f".{name}"
    new.write_text("".join(json.dumps(event) + "\n" for event in events))
    new.rename(folder / name)


def tables(graph: Path) -> dict[str, Any]:
    with Graph.open(graph, read_only=True) as opened:
        cursor = opened.folder.cursor()
        wanted = {
            "connections": "pre_root_id, post_root_id, weight",
            "synapses": "synapse_id, pre_root_id, post_root_id",
            "neurons": "root_id, total_in, total_out",
            "live.dead_letters": "producer, sequence, event_id, reason",
            "live.producers": "producer, sequence",
        }
        return {
            table: cursor.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
            for table, columns in wanted.items()
        }


def follow(graph: Path, events: Path, **settings: Any) -> Any:
    with Graph.open(graph) as opened, Feed(opened.folder, str(events), Settings(**settings)) as feed:
        feed.run(threading.Event(), until_idle_s=0.0)
        return feed


@pytest.fixture
def clean(tmp_path: Path) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """What one run without trouble makes of events."""

    def run(events: list[dict[str, Any]]) -> dict[str, Any]:
        Graph.create(tmp_path / "clean").close()
        write(tmp_path / "clean_events", "all.jsonl", events)
        follow(tmp_path / "clean", tmp_path / "clean_events")
        return tables(tmp_path / "clean")

    return run


def test_shuffled_repeated_and_cut_events_make_the_graph_of_a_clean_run(
    tmp_path: Path, clean: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> None:
    events = records(240)
    rng = random.Random(1)
    place, graph = tmp_path / "events", tmp_path / "g"
    Graph.create(graph).close()
    pieces = [events[k : k + 80] for k in range(0, 240, 80)]
    for number, piece in enumerate(pieces):
        mixed = piece + rng.choices(events[: 80 * (number + 1)], k=30)
        rng.shuffle(mixed)
        write(place, f"{number}.jsonl", mixed)
        feed = follow(graph, place, most=64, fold_rows=50)
        assert feed.status.duplicates == 30
        assert feed.status.held == 0
    found = tables(graph)
    assert found == clean(events)
    with Graph.open(graph) as opened:
        assert opened.info().counts["synapses"] == len(found["synapses"])
        assert [one["as_"] for one in opened.info().sources] == ["live events"] * 3
        assert opened.runs("live").num_rows == 3


def test_a_gap_waits_alerts_and_stops_and_is_filled_later(
    tmp_path: Path, clean: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> None:
    events = records(50)
    place, graph = tmp_path / "events", tmp_path / "g"
    Graph.create(graph).close()
    write(place, "a.jsonl", [*events[:20], *events[21:]])
    told: list[str] = []
    with Graph.open(graph) as opened:
        with Feed(opened.folder, str(place), Settings(alert_s=0.0, stop_s=0.0), tell=told.append) as feed:
            with pytest.raises(LiveError, match=r"sequence 21 has not come, 29 later events wait .*nothing after it"):
                feed.run(threading.Event())
            assert feed.status.position == 20
        assert told
        assert "sequence 21 has not come" in told[0]
        assert opened.folder.cursor().execute("SELECT sequence FROM live.producers").fetchall() == [(20,)]
    write(place, "b.jsonl", [events[20]])
    assert follow(graph, place).status.alerts == {}
    assert tables(graph) == clean(events)


def test_malformed_events_are_dead_letters_once(tmp_path: Path) -> None:
    events = records(10)
    place, graph = tmp_path / "events", tmp_path / "g"
    Graph.create(graph).close()
    events[3] = events[3] | {"version": 9}
    write(place, "a.jsonl", [*events[:6], *events[7:]])
    with (place / "a.jsonl").open("a") as file:
        file.write("no event\n")
    with pytest.raises(LiveError, match="sequence 7"):
        follow(graph, place)
    assert tables(graph)["live.dead_letters"] == [], "what waits behind a gap is read again"
    write(place, "b.jsonl", [events[6]])
    feed = follow(graph, place)
    letters = tables(graph)["live.dead_letters"]
    assert [row[1] for row in letters] == [4, None]
    assert "version is 9" in letters[0][3]
    assert "no JSON" in letters[1][3]
    assert "dead letters" in feed.status.alerts
    assert follow(graph, place).status.position == 11
    assert tables(graph)["live.dead_letters"] == letters


def test_a_graph_that_follows_is_asked_and_not_changed_otherwise(tmp_path: Path) -> None:
    graph, place = tmp_path / "g", tmp_path / "events"
    Graph.create(graph).close()
    events = records(200)
    write(place, "a.jsonl", events[:150])
    with Graph.open(graph) as opened, Feed(opened.folder, str(place), Settings(least=2)) as feed:
        while feed.step(0.0):
            pass
        triads = {row["motif"]: row["count"] for row in opened.motifs.census(3, min_weight=2).to_arrow().to_pylist()}
        assert feed.follower.wiring.triads() == triads
        pairs = (
            "SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH (a)-[s]->(b)-[t]->(a) COLUMNS (a.root_id AS x))"
        )
        counts = [opened.query(pairs, engine=engine).to_arrow()["n"][0].as_py() for engine in ("duckdb", "csr")]
        assert counts[0] == counts[1] > 0
        part = opened.subset([int(x) for x in opened.snapshot().root_ids[:8]])
        assert part.snapshot().n == 8
        assert sum(part.motifs.census(3).to_arrow()["count"].to_pylist()) == 8 * 7 * 6 // 6
        for change in (
            lambda: opened.ingest(__file__, as_="neurons"),
            lambda: opened.set_signs("fly"),
            lambda: opened.set_recipe(min_score=0.5),
        ):
            with pytest.raises((StoreError, SchemaError)) as refused:
                change()
            assert "follows live events" in str(refused.value) or "reading" in str(refused.value)
        write(place, "b.jsonl", events[150:])
        while feed.step(0.0):
            pass
        again = {row["motif"]: row["count"] for row in opened.motifs.census(3, min_weight=2).to_arrow().to_pylist()}
        assert feed.follower.wiring.triads() == again != triads
    with Graph.open(graph) as opened:
        assert not going.is_following(opened.folder)
        assert opened.motifs.census(2).to_arrow().num_rows == 3
        with pytest.raises(SchemaError, match="live events"):
            opened.drop_source(opened.info().sources[0]["run_id"])
        assert log.reached(opened.folder, f"folder {place}")


def test_clock_lag_and_first_sequence(tmp_path: Path) -> None:
    graph, place = tmp_path / "g", tmp_path / "events"
    Graph.create(graph).close()
    events = records(30)
    for k, event in enumerate(events):
        event["time"] = f"2026-05-01T12:00:{59 - k if k > 20 else k:02d}Z"
        event["sequence"] += 500
    write(place, "a.jsonl", events)
    write(place, "b.jsonl", [])
    feed = follow(graph, place, begin={"p": 500}, most=10, lag=0)
    assert feed.status.events == 30
    assert feed.status.clock_backwards == 8
    assert "ran backwards" in feed.status.alerts["clock"].text


def test_a_killed_consumer_goes_on_where_it_was(
    tmp_path: Path, clean: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> None:
    """kill -9 once the consumer has committed something; then it is started again (fifty times: the bench)."""
    events = records(900)
    graph, place = tmp_path / "g", tmp_path / "events"
    Graph.create(graph).close()
    for k in range(0, 900, 300):
        write(place, f"{k:05d}.jsonl", events[k : k + 300])
    kill_while_following(graph, place, np.random.default_rng(0))
    feed = follow(graph, place)
    assert feed.status.events < 900, "it was killed after its first commit"
    assert tables(graph) == clean(events)


def test_after_a_failed_commit_nothing_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others see is what is committed; a feed whose memory went ahead takes nothing more."""
    graph, place = tmp_path / "g", tmp_path / "events"
    Graph.create(graph).close()
    write(place, "a.jsonl", records(5))
    with Graph.open(graph) as opened, Feed(opened.folder, str(place)) as feed:

        def full(*about: Any) -> None:
            assert feed.follower.wiring.synapse_count > 0
            assert (feed.seen.position, feed.seen.synapses, sum(feed.seen.triads.values())) == (0, 0, 0)
            raise StoreError("the disk is full")

        monkeypatch.setattr(log, "append", full)
        for _ in range(2):
            with pytest.raises(StoreError, match="disk is full"):
                feed.step(0.0)
            monkeypatch.undo()
    assert follow(graph, place).seen.position == 5


def test_a_graph_has_one_feed_at_a_time(tmp_path: Path) -> None:
    write(tmp_path / "a", "a.jsonl", records(20))
    write(tmp_path / "b", "b.jsonl", records(20, producer="q"))
    with Graph.create(tmp_path / "g") as graph:
        with graph.live.follow(str(tmp_path / "a")) as feed:
            feed.step(0.0)
            with pytest.raises(StoreError, match=r"follows .*/a already"):
                graph.live.follow(str(tmp_path / "b"))
            assert going.is_following(graph.folder)
        assert graph.live.replay(str(tmp_path / "b")).position == 40


def test_a_source_that_is_gone_is_no_end(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    with Graph.create(tmp_path / "g") as graph, pytest.raises(LiveError, match="more events is not known"):
        graph.live.replay(f"unix://{tmp_path}/nobody?stream=edits")


@pytest.mark.parametrize("odd", [{"least": 0}, {"least": 2.5}, {"most": 0}, {"keep": -1}, {"begin": {"p": 2**64}}])
def test_settings_that_mean_nothing_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=f"{next(iter(odd))}.*wanted a whole number"):
        Settings(**odd)


def kill_while_following(graph: Path, place: Path, rng: np.random.Generator) -> None:
    """Start a consumer of small batches, and kill it at a random moment after its first commit."""
    code = (
        "import sys, threading\nfrom graphlab.graph import Graph\nfrom graphlab.live.feed import Feed, Settings\n"
        "with Graph.open(sys.argv[1]) as g, Feed(g.folder, sys.argv[2], Settings(most=20, fold_rows=100)) as feed:\n"
        "    feed.listeners.append(lambda done, status: print(status.position, flush=True))\n"
        "    feed.run(threading.Event(), 0.5)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(graph), str(place)], stdout=subprocess.PIPE, env=dict(os.environ)
    ) as consumer:
        assert consumer.stdout is not None
        assert consumer.stdout.readline().strip()
        time.sleep(float(rng.uniform(0, 0.4)))
        consumer.send_signal(signal.SIGKILL)

"""The verbs as they are typed: to the end of a folder, stopped by a signal, and what they refuse."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphlab.cli import app
from graphlab.graph import Graph


def event(sequence: int, **more: Any) -> str:
    one = {"version": 1, "producer": "p", "sequence": sequence, "event_id": str(sequence), "action": "synapse_added",
           "synapse_id": sequence, "pre_root_id": sequence % 5 + 1, "post_root_id": sequence % 3 + 1}  # fmt: skip
    return json.dumps(one | more) + "\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    Graph.create(tmp_path / "g").close()
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text("".join(event(k) for k in range(101, 131)))
    return tmp_path


def test_replay_takes_all_and_says_what_there_is(place: Path) -> None:
    words = ["replay", str(place / "g"), str(place / "events"), "--from", "p=100", "--min-weight", "2"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    about = json.loads(done.stdout)
    assert (about["events"], about["dead_letters"], about["position"]) == (30, 0, 30)
    with Graph.open(place / "g") as graph:
        found = graph.motifs.census(3, min_weight=2).to_arrow().to_pylist()
        assert about["triads"] == {row["motif"]: row["count"] for row in found}
        assert about["connections"] == graph.snapshot(min_weight=2).m
    done = CliRunner().invoke(app, words)
    assert "0 events taken, 30 in all" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "p"], "wanted PRODUCER=SEQUENCE"),
        (["--option", "poll"], "wanted NAME=VALUE"),
        (["--option", "pol_s=1"], "known: poll_s"),
        (["--unknown", "drop"], "unknown unknown 'drop'"),
        ([], "sequence 1 has not come"),
    ],
)
def test_what_is_refused(place: Path, words: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["replay", str(place / "g"), str(place / "events"), *words])
    assert done.exit_code != 0
    assert told in str(done.exception)
    with Graph.open(place / "g") as graph:
        assert graph.info().counts["synapses"] == 0


def test_a_signal_ends_following_and_the_graph_is_whole(place: Path) -> None:
    words = ["live", str(place / "g"), "--source", str(place / "events"), "--from", "p=100"]
    with subprocess.Popen(
        [sys.executable, "-m", "graphlab.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stderr is not None
        assert "following" in following.stderr.readline()
        (place / "events" / "2.jsonl").write_text(event(131, synapse_id=101) + event(132))
        assert "dead letters: 1 events had no effect" in following.stderr.readline()
        following.send_signal(signal.SIGTERM)
        told, _ = following.communicate(timeout=60)
    assert following.returncode == 0
    assert "1 dead letters" in told
    with Graph.open(place / "g") as graph:
        assert graph.live.position() >= 31
        assert graph.folder.meta("live") is None


def test_a_server_ends_with_what_it_serves(place: Path) -> None:
    """Also where the feed ends before the server has begun."""
    words = ["live", str(place / "g"), "--source", str(place / "events"), "--until-idle", "0", "--serve", "0"]
    done = CliRunner().invoke(app, [*words, "--from", "p=100", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["events"] == 30
    done = CliRunner().invoke(app, [*words, "--from", "p=200"])
    assert done.exit_code == 0, done.output


def test_a_graph_that_follows_is_watched_and_asked_in_the_process_that_feeds(place: Path) -> None:
    """Its state, its metrics, the stream of changes, and the questions of the page; then Ctrl-C."""
    import httpx

    words = ["live", str(place / "g"), "--source", str(place / "events"), "--from", "p=100", "--serve", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "graphlab.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stderr is not None
        told = [following.stderr.readline() for _ in range(2)]
        url = told[1].split(" at ")[1].strip()
        with httpx.Client(base_url=url, timeout=30) as client:
            with client.stream("GET", "/api/live/stream") as stream:
                told_now = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
                assert next(news for news in told_now if news["position"] == 30)
                (place / "events" / "2.jsonl").write_text(event(131, pre_root_id=50, post_root_id=51))
                news = next(news for news in told_now if news["position"] == 31)
                assert news["triads"]["012"] > 0
            state = client.get("/api/live").json()
            assert (state["position"], state["synapses"], state["alerts"]) == (31, 31, [])
            metrics = client.get("/metrics").text
            assert "graphlab_live_events_total 31" in metrics
            assert f'graphlab_live_triads{{class="003"}} {state["triads"]["003"]}' in metrics
            asked = client.post("/api/graphs/g/query", json={"text": "SELECT count(*) AS n FROM synapses"})
            assert asked.status_code == 200, asked.text
            assert "31" in asked.text
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=60)
    assert following.returncode == 0
    with Graph.open(place / "g") as graph:
        assert graph.live.position() == 31

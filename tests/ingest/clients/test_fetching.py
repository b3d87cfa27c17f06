"""Downloads that servers, networks and people break off: one error, the graph as it was, sound pages kept."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from graphlab import Graph
from graphlab.graph import Graph as Opened
from ingest.clients import failures
from ingest.clients.address import parse_address
from ingest.clients.fetching import fetch
from ingest.schema.errors import InterruptedRun, ReadError, SchemaError

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def graph(neuprint: Any, tmp_path: Path) -> Opened:
    neuprint.cap = 30
    return Graph.create(tmp_path / "g")


def address(server: Any) -> str:
    return f"neuprint://{server.place}/{server.dataset}"


def fails(graph: Opened, server: Any) -> str:
    """The error of an ingest, after which the graph is as it was and nobody can read the token anywhere."""
    before = graph.info()
    with pytest.raises(ReadError) as error:
        graph.ingest(address(server), as_="connections")
    assert graph.info() == before
    assert graph.runs().num_rows == 0
    assert TOKEN not in str(error.value)
    return str(error.value)


def test_a_server_that_stops_in_the_middle_of_a_page(neuprint: Any, graph: Opened) -> None:
    neuprint.stops_in = 3
    said = fails(graph, neuprint)
    assert "connections of bodies" in said
    assert "the connection broke or the answer was not whole" in said
    assert "of 101 rows are kept in" in said
    kept = fetch_record(neuprint)
    assert 0 < kept.rows < 101
    neuprint.stops_in, neuprint.asked = None, []
    with graph:
        assert graph.ingest(address(neuprint), as_="connections").rows == 101
    # What was there was not asked for again.
    first = kept.pages[-1].high + 1
    asked = [text for text in neuprint.asked if "bodyId_pre" in text]
    assert asked
    assert all(f"n.bodyId > {low}" not in text for text in asked for low in (page.low for page in kept.pages))
    assert any(f"n.bodyId > {first - 1} " in text for text in asked)


def fetch_record(server: Any) -> Any:
    from ingest.clients.kept_pages import KeptPages

    kept = KeptPages(parse_address(address(server)), "connections")
    kept.load()
    return kept


def after(pages: int, spoil: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Pages that are whole until so many came."""
    count = itertools.count()
    return lambda page: spoil(page) if next(count) >= pages else page


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda page: pd.concat([page.iloc[1:], page.iloc[1:2]]), "repeats 1 rows; its pages cannot be trusted"),
        (lambda page: page.iloc[1:], r"has 2\d rows, and the server counts"),
        (lambda page: page.assign(bodyId_pre=[1] * len(page)), "and sent 1 to 1; its pages cannot be trusted"),
        (lambda page: page.assign(bodyId_pre=[None] * len(page)), "cannot be trusted"),
    ],
    ids=["repeats", "skips", "elsewhere", "nobody"],
)
def test_pages_that_repeat_or_skip(
    neuprint: Any, graph: Opened, spoil: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    neuprint.spoil = after(2, spoil)
    with graph:
        said = fails(graph, neuprint)
        assert re.search(says, said), said
        assert "the same command goes on from there" in said
        neuprint.spoil = lambda page: page
        assert graph.ingest(address(neuprint), as_="connections").rows == 101


def test_counts_that_differ(neuprint: Any, graph: Opened) -> None:
    """The server counts before the first page, every page, and after the last."""
    with graph:
        count = itertools.count()
        neuprint.miscount = lambda rows: rows + (rows == 101 and next(count) > 0)
        said = fails(graph, neuprint)
        assert "the server counted 101 rows before and 102 after, and its pages hold 101" in said
        assert "Remove" in said
        assert "goes on" not in said
        neuprint.miscount = lambda rows: rows + (rows == 101)
        said = fails(graph, neuprint)
        assert "has changed since" in said
        assert "it counted 101 rows then, 102 now" in said


def test_a_table_that_changed_under_a_download(neuprint: Any, graph: Opened) -> None:
    with graph:
        neuprint.stops_in = 2
        fails(graph, neuprint)
        neuprint.stops_in, neuprint.patch = None, {"lastDatabaseEdit": "2026-11-30"}
        assert "has changed since" in fails(graph, neuprint)


def test_a_server_that_is_busy_is_asked_again(neuprint: Any, graph: Opened) -> None:
    count = itertools.count(1)
    neuprint.fails = lambda path: 503 if next(count) % 3 else None
    with graph:
        assert graph.ingest(address(neuprint), as_="connections").rows == 101
    neuprint.fails = lambda path: 503
    with pytest.raises(ReadError, match=r"the server failed \(HTTP 503: status 503\); try again later"):
        fetch(parse_address(address(neuprint)), "neurons")


def test_a_query_that_takes_too_long(neuprint: Any, graph: Opened) -> None:
    neuprint.fault = lambda query: f"Timeout experienced, {TOKEN}\x1b[31m" if "e.weight" in query else None
    with graph:
        said = fails(graph, neuprint)
    assert "HTTP 400: Timeout experienced, ***" in said
    assert "a smaller page=N" in said
    assert "\x1b" not in said


def test_credentials_that_end_in_the_middle(neuprint: Any, graph: Opened) -> None:
    count = itertools.count()
    neuprint.fails = lambda path: 403 if path == "/api/custom/custom" and next(count) > 12 else None
    with graph:
        said = fails(graph, neuprint)
    assert "refused the credentials" in said
    assert "HTTP 403" in said
    assert "are kept in" in said


def test_nobody_answers(neuprint: Any, graph: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with graph:
        neuprint.place = "127.0.0.1:1"
        assert "the connection broke" in fails(graph, neuprint)


def test_what_another_try_does_not_mend(neuprint: Any) -> None:
    tried = []

    def ask() -> None:
        tried.append(1)
        raise kind("no good")

    for kind in (requests.exceptions.SSLError, KeyError, RuntimeError):
        with pytest.raises(ReadError, match=f"asking: .*{kind.__name__}: .*no good"):
            failures.attempt(ask, parse_address(address(neuprint)), "asking")
    assert len(tried) == 3


@pytest.mark.alone
def test_ctrl_c_keeps_finished_pages(neuprint: Any, graph: Opened) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with graph:
        with pytest.raises(InterruptedRun, match=r"stopped. \d+ of 101 rows are kept in .*the same command goes on"):
            graph.ingest(address(neuprint), as_="connections", progress=progress)
        assert graph.runs().num_rows == 0
        pages = len(fetch_record(neuprint).pages)
        assert pages == 2
        before, told[:] = told[-1][0], []
        told += [(0, 0)] * 3
        graph.ingest(address(neuprint), as_="connections", progress=progress)
    counts = [done for done, _ in told[3:]]
    assert counts == sorted(counts)
    assert counts[0] > before
    assert {total for _, total in told[3:]} == {202}  # fetched, then read
    assert counts[-1] == 202


def test_pages_that_make_no_table(neuprint: Any, graph: Opened) -> None:
    neuprint.spoil = after(2, lambda page: page.assign(weight=[f"{weight} synapses" for weight in page["weight"]]))
    with graph:
        said = fails(graph, neuprint)
    assert "the column 'weight' is of several types in the server's pages: int64, string" in said
    assert "All 101 rows are kept in" in said


def test_nothing_there(neuprint: Any, graph: Opened) -> None:
    neuprint.miscount = lambda rows: 0
    with graph, pytest.raises((SchemaError, ReadError), match="counts no rows|lists 24 neurons and counts 0"):
        graph.ingest(address(neuprint), as_="connections")


def test_the_token_is_nowhere(neuprint: Any, graph: Opened, downloads: Path, tmp_path: Path) -> None:
    with graph:
        graph.ingest(address(neuprint), as_="connections")
    for folder in (downloads, tmp_path / "g"):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if TOKEN.encode() in path.read_bytes()]

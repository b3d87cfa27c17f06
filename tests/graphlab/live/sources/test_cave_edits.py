"""Edits of a chunked graph, from a stand-in: windows, restarts, failed and unfinished operations, undone merges."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.events import LiveError
from graphlab.live.feed import Feed
from graphlab.live.sources.cave_edits import CaveEdits, parsed
from graphlab.live.sources.source import SourceUnreachable
from graphlab.testing import EventSourceContract
from ingest.schema.errors import SchemaError

BIG = 864691135000000000
"""Where root ids begin: no float holds them."""


def since(server: Any, ago_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(time.time() - ago_s, datetime.UTC)
    return f"{server.address}?since={moment.isoformat()}"


class Reader:
    """Reads an address, opened anew at each position."""

    def __init__(self, address: str, most: int = 100, **options: str) -> None:
        self.address, self.most, self.options = address, most, options
        self.position: Any = None
        self.letters: list[Any] = []

    def rest(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            stream = CaveEdits().open(self.address, self.position, self.options)
            arrival = stream.read(self.most, 0.0)
            if arrival is None:
                return found
            found += arrival.events.to_pylist()
            self.letters += arrival.letters
            self.position = json.loads(json.dumps(arrival.position))


def operations(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["event_id"].removeprefix("operation ")) for event in events]


class TestContract(EventSourceContract):
    """On merges, which is what a chunked graph can tell of."""

    name = "cave"

    @pytest.fixture(autouse=True)
    def served(self, chunked_graph: Any) -> None:
        self.server, self.where = chunked_graph, since(chunked_graph, 100)

    def address(self, folder: Path) -> str:
        return self.where

    def events(self, first: int, last: int) -> list[dict[str, Any]]:
        always = {"version": 1, "producer": "cave fly_v31", "action": "neurons_merged"}
        return [
            always
            | {"sequence": k, "event_id": f"operation {3 * k}"}
            | {"old_root_ids": [BIG + 10 * k, BIG + 10 * k + 1], "new_root_ids": [BIG + 10 * k + 2]}
            for k in range(first, last + 1)
        ]

    def send(self, folder: Path, events: list[dict[str, Any]]) -> None:
        for event in events:
            self.server.edit(
                3 * event["sequence"], event["old_root_ids"], {event["new_root_ids"][0]: []}, time.time() - 1e-3
            )


def edited(server: Any, rng: np.random.Generator, edits: int, begin: float, end: float) -> dict[int, int]:
    """A history of merges, splits and merges that are undone, among supervoxels 1 to 24; supervoxel -> root."""
    bodies = {BIG + k: [k] for k in range(1, 25)}
    at = np.sort(rng.uniform(begin, end, edits)).round(3)
    fresh = BIG + 1_000
    undo: tuple[int, list[list[int]]] | None = None
    for number, moment in enumerate(at.tolist(), start=1):
        fresh += 10
        roots = sorted(bodies)
        large = [root for root in roots if len(bodies[root]) > 1]
        if undo is not None and rng.random() < 0.5:
            olds, parts = [undo[0]], undo[1]
        elif large and rng.random() < 0.4:
            olds = [int(rng.choice(large))]
            voxels = rng.permutation(bodies[olds[0]]).tolist()
            cut = int(rng.integers(1, len(voxels)))
            parts = [voxels[:cut], voxels[cut:]]
        else:
            olds = sorted(int(root) for root in rng.choice(roots, 2, replace=False))
            parts = [bodies[olds[0]] + bodies[olds[1]]]
        undo = (fresh, [bodies[old] for old in olds]) if len(parts) == 1 else None
        news = {fresh + k: part for k, part in enumerate(parts)}
        server.edit(2 * number, olds, news, moment)
        for old in olds:
            del bodies[old]
        bodies |= news
    return {voxel: root for root, voxels in bodies.items() for voxel in voxels}


@pytest.mark.parametrize("seed", range(2))
def test_a_graph_follows_days_of_edits(chunked_graph: Any, tmp_path: Path, seed: int) -> None:
    """Every operation once and in order whatever the windows; synapses end where their supervoxels did."""
    rng, now = np.random.default_rng(seed), time.time()
    voxels = rng.integers(1, 25, (60, 2)).astype(np.uint64)
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(
            pa.table(
                {"synapse_id": np.arange(1, 61, dtype=np.uint64)}
                | {f"{side}_root_id": voxels[:, k] + np.uint64(BIG) for k, side in enumerate(("pre", "post"))}
                | {f"{side}_supervoxel_id": voxels[:, k] for k, side in enumerate(("pre", "post"))}
            ),
            as_="synapses",
        )
    truth = edited(chunked_graph, rng, 60, now - 3.2 * 86_400, now - 1)
    address = since(chunked_graph, 3.5 * 86_400)
    reader = Reader(address, most=7)
    assert operations(reader.rest()) == [2 * k for k in range(1, 61)]
    assert not reader.letters
    assert reader.rest() == []
    with Graph.open(tmp_path / "g") as graph:
        with Feed(graph.folder, address) as feed:
            while feed.step(0.0):
                pass
            assert feed.status.events == 60
            letters = [one for one in graph.live.dead_letters().to_pylist() if "unknown id" not in one["reason"]]
            assert not letters
        found = graph.query("SELECT synapse_id, pre_root_id, post_root_id FROM synapses ORDER BY synapse_id").to_arrow()
        wanted = [[truth[int(v)] for v in voxels[:, k]] for k in (0, 1)]
        assert [found[f"{side}_root_id"].to_pylist() for side in ("pre", "post")] == wanted


def test_failed_operations_have_no_effect_and_unfinished_ones_hold_back_what_follows(chunked_graph: Any) -> None:
    now = time.time()
    edit = chunked_graph.edit
    edit(1, [BIG + 1, BIG + 2], {BIG + 3: []}, now - 50)
    edit(2, [BIG + 4, BIG + 5], {BIG + 6: []}, now - 40, status=2)
    edit(3, [BIG + 7, BIG + 8], {BIG + 9: []}, now - 30, status=4)
    edit(4, [BIG + 10, BIG + 11], {BIG + 12: []}, now - 20, status=3)
    edit(5, [BIG + 13, BIG + 14], {BIG + 15: []}, now - 10)
    reader = Reader(since(chunked_graph, 100), overlap_s="1")
    assert operations(reader.rest()) == [1]
    chunked_graph.operations[4]["status"] = 0
    later = reader.rest()
    assert operations(later) == [4, 5]
    assert [event["sequence"] for event in later] == [2, 3]


def test_what_is_written_down_late_is_taken_and_the_moment_itself_is_not(chunked_graph: Any) -> None:
    """The graph of a moment has the edits of the moment; windows overlap."""
    now = round(time.time(), 3)
    moment = datetime.datetime.fromtimestamp(now - 60, datetime.UTC)
    chunked_graph.edit(1, [BIG + 1, BIG + 2], {BIG + 3: []}, moment.timestamp())
    chunked_graph.edit(3, [BIG + 4, BIG + 5], {BIG + 6: []}, now - 10)
    reader = Reader(f"{chunked_graph.address}?since={moment.isoformat()}")
    assert operations(reader.rest()) == [3]
    chunked_graph.edit(2, [BIG + 7, BIG + 8], {BIG + 9: []}, now - 15)
    assert operations(reader.rest()) == [2]
    assert reader.rest() == []


def test_what_no_event_can_say_is_a_dead_letter_with_its_number(chunked_graph: Any) -> None:
    chunked_graph.edit(1, [BIG + 1, BIG + 2], {BIG + 3: [], BIG + 4: []})
    chunked_graph.edit(2, [BIG + 3], {BIG + 5: []})
    reader = Reader(since(chunked_graph, 100))
    (event,) = reader.rest()
    assert (event["action"], event["sequence"]) == ("neuron_renamed", 2)
    assert (reader.letters[0].sequence, "2 roots of 2" in reader.letters[0].reason) == (1, True)


def test_nothing_of_a_window_is_taken_where_the_server_lacks_an_operation(
    chunked_graph: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunked_graph.edit(1, [BIG + 1, BIG + 2], {BIG + 3: []})
    chunked_graph.edit(2, [BIG + 4, BIG + 5], {BIG + 6: []})
    told = chunked_graph.operations.pop(2)
    monkeypatch.setattr(
        chunked_graph, "_delta", lambda past, future: {"old_roots": [], "new_roots": [BIG + 3, BIG + 6]}
    )
    reader = Reader(since(chunked_graph, 100))
    with pytest.raises(SourceUnreachable, match=f"1 roots changed .as {BIG + 6}. whose operation"):
        reader.rest()
    chunked_graph.operations[2] = told
    assert operations(reader.rest()) == [1, 2]
    monkeypatch.setattr(chunked_graph, "_delta", lambda past, future: {"old_roots": [], "new_roots": [float(BIG)]})
    with pytest.raises(LiveError, match="new_roots is"):
        reader.rest()


def test_a_question_that_fails_in_the_middle_takes_nothing(chunked_graph: Any) -> None:
    chunked_graph.edit(1, [BIG + 1], {BIG + 2: [5], BIG + 3: [6]})
    reader = Reader(since(chunked_graph, 100))
    chunked_graph.fails = lambda path: 503 if "leaves" in path else None
    stream = CaveEdits().open(reader.address, None, {"poll_s": "0"})
    for _ in range(2):
        with pytest.raises(SourceUnreachable, match="503"):
            stream.read(10, 0.0)
    chunked_graph.fails = lambda path: None
    arrival = stream.read(10, 0.0)
    assert arrival is not None
    (event,) = arrival.events.to_pylist()
    assert (event["supervoxel_ids"], event["supervoxel_root_ids"]) == ([5, 6], [BIG + 2, BIG + 3])


def test_addresses(monkeypatch: pytest.MonkeyPatch, chunked_graph: Any) -> None:
    good = "graphene://https://s.org/segmentation/table/fly_v31?since=2026-05-01T12:00:00%2B02:00"
    assert parsed(good) == ("https://s.org", "fly_v31", 1_777_629_600_000_000)
    for wrong, told in (
        ("graphene://https://s.org/segmentation/table/fly_v31", "since"),
        ("graphene://https://s.org/segmentation/table/fly_v31?since=2026-05-01T12:00:00", "with its zone"),
        ("graphene://https://s.org/segmentation/table/fly_v31?since=2026-05-01T12:00:00Z&token=abc", "CAVE_TOKEN"),
        ("graphene://http://s.org/segmentation/table/fly_v31?since=2026-05-01T12:00:00Z", "wanted https"),
        ("graphene://https://s.org/table/fly_v31?since=2026-05-01T12:00:00Z", "wanted graphene"),
        ("graphene://https://s.org/segmentation/table/..?since=2026-05-01T12:00:00Z", "wanted graphene"),
    ):
        with pytest.raises(SchemaError, match=told) as refused:
            parsed(wrong)
        assert "abc" not in str(refused.value)
    monkeypatch.setenv("CAVE_TOKEN", "another")
    with pytest.raises(LiveError, match="CAVE_TOKEN"):
        CaveEdits().open(since(chunked_graph, 10), None, {}).read(1, 0.0)

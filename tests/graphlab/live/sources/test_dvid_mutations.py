"""The log of a DVID version, from a stand-in: merges, cleaves, pieces of supervoxels, large records, a log set back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.events import LiveError
from graphlab.live.feed import Feed
from graphlab.live.sources.dvid_mutations import DvidMutations, Pieces, parsed
from graphlab.testing import EventSourceContract
from ingest.schema.errors import SchemaError

LARGEST = 2**64 - 1


class TestContract(EventSourceContract):
    """On new ids, one of the things that a log tells."""

    name = "dvid"

    @pytest.fixture(autouse=True)
    def served(self, dvid_node: Any) -> None:
        self.server = dvid_node

    def address(self, folder: Path) -> str:
        return str(self.server.address)

    def events(self, first: int, last: int) -> list[dict[str, Any]]:
        always = {"version": 1, "producer": "dvid segmentation 28841c", "action": "neuron_renamed"}
        return [
            always
            | {"sequence": k, "event_id": f"mutation {100 + k}"}
            | {"old_root_ids": [LARGEST - k], "new_root_ids": [k]}
            for k in range(first, last + 1)
        ]

    def send(self, folder: Path, events: list[dict[str, Any]]) -> None:
        for event in events:
            ids = {"OrigLabel": event["old_root_ids"][0], "NewLabel": event["new_root_ids"][0]}
            number = 100 + event["sequence"]
            self.server.mutate(number, "renumber", **ids)
            self.server.mutate(number, "renumber-complete", **ids)


def rest(node: Any, position: Any = None, most: int = 100) -> tuple[list[dict[str, Any]], list[Any], Any]:
    events: list[dict[str, Any]] = []
    letters: list[Any] = []
    while (arrival := DvidMutations().open(node.address, position, {}).read(most, 0.0)) is not None:
        events += arrival.events.to_pylist()
        letters += arrival.letters
        position = json.loads(json.dumps(arrival.position))
    return events, letters, position


def test_a_graph_follows_merges_cleaves_and_new_ids(dvid_node: Any, tmp_path: Path) -> None:
    """Body 1 of supervoxels 10 to 13, body 2 of 20; a synapse from each supervoxel to 20."""
    with Graph.create(tmp_path / "g") as graph:
        voxels = [10, 11, 12, 13, 20]
        columns = {
            "synapse_id": [1, 2, 3, 4, 5], "pre_root_id": [1, 1, 1, 1, 2], "post_root_id": [2] * 5,
            "pre_supervoxel_id": voxels, "post_supervoxel_id": [20] * 5,
        }  # fmt: skip
        graph.ingest(
            pa.table({name: pa.array(values, pa.uint64()) for name, values in columns.items()}), as_="synapses"
        )
        mutate = dvid_node.mutate
        mutate(1, "cleave", OrigLabel=1, CleavedLabel=30, CleavedSupervoxels=[10])
        mutate(2, "split-supervoxel", Supervoxel=11, Body=1, SplitSupervoxel=110, RemainSupervoxel=111)
        mutate(3, "cleave", OrigLabel=1, CleavedLabel=31, CleavedSupervoxels=[110])
        mutate(4, "cleave", OrigLabel=1, CleavedLabel=32, CleavedSupervoxels=[110, 111, 12])
        mutate(5, "merge", Target=2, Labels=[30, 77])
        mutate(6, "renumber", OrigLabel=1, NewLabel=40)
        mutate(7, "split", Target=2, NewLabel=50, Split="reference")
        with Feed(graph.folder, dvid_node.address) as feed:
            while feed.step(0.0):
                pass
            assert feed.status.events == 6
        letters = graph.live.dead_letters().to_pylist()
        assert [one["event_id"] for one in letters] == ["mutation 3", "mutation 7"]
        assert "a split without assignment: 1 synapse ends of 1" in letters[0]["reason"]
        assert "does not say what 'split' does" in letters[1]["reason"]
        found = graph.query("SELECT pre_root_id FROM synapses ORDER BY synapse_id").to_arrow()["pre_root_id"]
        assert found.to_pylist() == [2, 32, 32, 40, 2]


def test_large_records_repeats_and_what_is_malformed(dvid_node: Any) -> None:
    mutate = dvid_node.mutate
    mutate(1, "merge", Target=LARGEST, Labels=[LARGEST - 1])
    mutate(1, "merge", Target=LARGEST, Labels=[LARGEST - 1])
    mutate(2, "merge", DataRef="abc-_=")
    dvid_node.blobs["abc-_="] = {"Action": "merge", "Target": 5, "Labels": [6, 7], "MutationID": 2}
    mutate(3, "merge", Target=5.0, Labels=[6])
    mutate(4, "cleave", OrigLabel=5, CleavedLabel=9)
    dvid_node.log.append("text")
    mutate(5, "renumber-complete", OrigLabel=5, NewLabel=6)
    events, letters, position = rest(dvid_node, most=2)
    assert [event["old_root_ids"] for event in events] == [[LARGEST, LARGEST - 1], [5, 6, 7], [5]]
    assert [event["sequence"] for event in events] == [1, 2, 6]
    assert str(events[0]["time"]) == "2026-05-01 16:00:00.123456+00:00"
    assert [letter.sequence for letter in letters] == [3, 4, 5]
    assert position["read"] == 7


def test_a_log_that_does_not_go_on_is_an_error(dvid_node: Any) -> None:
    for number in (1, 2, 3):
        dvid_node.mutate(number, "renumber", OrigLabel=number, NewLabel=number + 10)
    _, _, position = rest(dvid_node)
    dvid_node.log.pop()
    with pytest.raises(LiveError, match="does not go on from what was read: 3 records"):
        rest(dvid_node, position)
    dvid_node.mutate(9, "renumber", OrigLabel=3, NewLabel=5)
    with pytest.raises(LiveError, match="last one of mutation 3"):
        rest(dvid_node, position)


def test_pieces_of_pieces() -> None:
    pieces = Pieces()
    for whole, one, other in ((1, 2, 3), (3, 4, 5)):
        pieces.note(
            {"Action": "split-supervoxel", "Supervoxel": whole, "SplitSupervoxel": one, "RemainSupervoxel": other}
        )
    assert pieces.assigned([4], 9) == {4: 9, 3: 0, 1: 0}
    assert pieces.assigned([4, 5], 9) == {4: 9, 5: 9, 3: 9, 1: 0}
    assert pieces.assigned([2, 5, 4], 9) == {2: 9, 5: 9, 4: 9, 1: 9, 3: 9}
    assert pieces.assigned([8], 9) == {8: 9}


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed("dvid://http://emdata:8900/28841C/seg") == ("http://emdata:8900", "28841c", "seg")
    for wrong, told in (
        ("dvid://https://s.org/28841c", "wanted dvid"),
        ("dvid://https://s.org/28841c:master/seg", "is a branch"),
        ("dvid://https://s.org/master/seg", "no UUID"),
        ("dvid://https://me:pw@s.org/28841c/seg", "a password"),
        ("dvid://s.org/28841c/seg", "wanted https"),
    ):
        with pytest.raises(SchemaError, match=told):
            parsed(wrong)
    monkeypatch.setenv("DVID_TOKEN", "secret")
    with pytest.raises(SchemaError, match="wanted https"):
        DvidMutations().open("dvid://http://emdata:8900/28841c/seg", None, {})

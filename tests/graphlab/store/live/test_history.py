"""Earlier states of a graph: each is what it was then, whatever was folded, settled or followed again since."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.events import from_records
from graphlab.live.follower import Follower
from graphlab.live.order import Followed
from graphlab.live.rows import batch_of
from graphlab.store.live import going, log
from ingest.schema.errors import StoreError, VersionError


def edits(rng: random.Random, count: int, first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(first, first + count):
        what = rng.random()
        a, b = rng.sample(range(1, 9), 2)
        if what < 0.6:
            found.append({"action": "synapse_added", "synapse_id": number, "pre_root_id": a, "post_root_id": b,
                          "neuropil": rng.choice(["EB", None])})  # fmt: skip
        elif what < 0.75:
            found.append({"action": "synapse_removed", "synapse_id": rng.randrange(1, number + 1)})
        elif what < 0.85:
            found.append({"action": "neurons_merged", "old_root_ids": [a, b], "new_root_ids": [b]})
        else:
            found.append({"action": "annotation_changed", "root_id": a, "column": "cell_type", "value": str(number)})
    return found


def state(graph: Graph) -> Any:
    cursor = graph.folder.cursor()
    asked = (
        "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL",
        "SELECT root_id, cell_type, total_in, total_out FROM neurons ORDER BY ALL",
        "SELECT pre_root_id, post_root_id, neuropil, weight FROM connections_by_neuropil ORDER BY ALL",
    )
    tables = [cursor.execute(sql).fetchall() for sql in asked]
    view = graph.snapshot()
    return tables, view.root_ids.tolist(), view.out_target.tolist(), graph.motifs.census(3, record=False).to_arrow()


def test_every_position_is_as_it_was(tmp_path: Path) -> None:
    rng, sequence = random.Random(4), 0
    synapses = pa.table({"synapse_id": pa.array([1, 2, 3], pa.uint64()), "pre_root_id": [1, 2, 3],
                         "post_root_id": [2, 3, 1], "neuropil": ["EB", None, "FB"]})  # fmt: skip
    told: dict[int, Any] = {}
    times: list[tuple[datetime.datetime, int]] = []
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(synapses, as_="synapses")
        with pytest.raises(VersionError, match="never followed"):
            graph.as_of(0)
        for _ in range(2):
            going.start(graph.folder)
            follower = Follower(graph.folder)
            for number in range(3):
                batch = [
                    {"version": 1, "producer": "p", "sequence": sequence + k, "event_id": f"{sequence + k}"} | edit
                    for k, edit in enumerate(edits(rng, 8, sequence + 10), start=1)
                ]
                sequence += 8
                position = going.position(graph.folder)
                told[position] = state(graph)
                done = follower.apply(from_records(batch)[0], position)
                rows = batch_of(follower, done, (), {"p": Followed(sequence)}, 0, "test", {})
                times.append((log.append(graph.folder, rows), rows.position))
                if number == 1:
                    going.fold(graph.folder)
            for earlier, was in list(told.items())[-2:]:
                assert state(graph.as_of(earlier)) == was, earlier
            going.settle(graph.folder)
        now = state(graph)
        assert state(graph.as_of(going.position(graph.folder))) == now
        for earlier, was in told.items():
            assert state(graph.as_of(earlier)) == was
        for when, position in times[::2]:
            assert state(graph.as_of(when)) == (told | {times[-1][1]: now})[position]
        assert state(graph.as_of(17)) == told[16], "a position within a batch is that of the batch before"
        early = graph.as_of(16)
        with pytest.raises(StoreError, match="only read"):
            early.ingest(synapses.slice(1), as_="synapses")
        with pytest.raises(Exception, match="not kept"):
            early.folder.cursor().execute("FROM synapses").fetchall()
        assert early.query("SELECT count(*) AS n FROM connections").to_arrow()["n"][0].as_py() == len(told[16][0][0])
        for when, why in (
            (49, "from position 0 to 48"),
            (-1, "from position"),
            (datetime.datetime(2026, 1, 1), "no time zone"),
        ):
            with pytest.raises(VersionError, match=why):
                graph.as_of(when)
        assert graph.as_of(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)).snapshot().m == 3
        going.trim(graph.folder, 29)  # within a batch, which stays whole
        assert state(graph.as_of(25)) == told[24]
        assert state(graph.as_of(32)) == told[32]
        with pytest.raises(VersionError, match="from position 24"):
            graph.as_of(18)
        with pytest.raises(VersionError, match="forgotten since"):
            early.snapshot()
        late = graph.as_of(32)
        graph.ingest(pa.table({"pre_root_id": [90], "post_root_id": [91]}), as_="synapses")
        for earlier in (late.snapshot, lambda: graph.as_of(32)):
            with pytest.raises(VersionError, match="changed otherwise"):
                earlier()

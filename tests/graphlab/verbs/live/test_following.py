from __future__ import annotations

import json
from pathlib import Path

from graphlab.graph import Graph


def test_events_are_followed_and_told(tmp_path: Path) -> None:
    always = {"version": 1, "producer": "p", "action": "synapse_added"}
    events = [
        always
        | {"sequence": k, "event_id": str(k), "synapse_id": 1 + k % 9, "pre_root_id": k % 3 + 1, "post_root_id": 2}
        for k in range(1, 11)
    ]
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    with Graph.create(tmp_path / "g") as graph:
        status = graph.live.replay(str(tmp_path / "events"))
        assert (status.events, status.dead_letters) == (10, 1)
        (letter,) = graph.live.dead_letters().to_pylist()
        assert (letter["sequence"], letter["reason"]) == (10, "synapse 2 is in the graph already")
        assert graph.live.position() == 10
        assert graph.as_of(0).snapshot().n == 0
        assert graph.live.replay(str(tmp_path / "events")).events == 0

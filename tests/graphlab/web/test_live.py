from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.graph import Graph
from graphlab.store.embeddings.models import open_embeddings
from graphlab.web.routes.live import COUNTERS, GAUGES, NEWS, metrics_of, state_of


def test_metrics_are_of_the_state(tmp_path: Path) -> None:
    """Each line is a name, and a number; what it is stands before it."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text("no event\n")
    with Graph.create(tmp_path / "g") as graph, graph.live.follow(str(tmp_path / "events")) as feed:
        assert state_of(feed)["latency_s"] == {"p50": None, "p99": None}
        feed.stand('a "pair"', "A -> B")
        feed.step(0.0)
        state = state_of(feed)
        assert (state["dead_letters"], state["reciprocity"], len(state["alerts"])) == (1, None, 1)
        lines = metrics_of(state).splitlines()
        for line in lines:
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                assert float(value) >= 0
                assert f"# TYPE {name.partition('{')[0]} " in "\n".join(lines)
        told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
        assert len(told) == len(GAUGES) + len(COUNTERS) + 4
        assert "graphlab_live_dead_letters_total 1" in lines
        assert r'graphlab_live_matches{query="a \"pair\""} 0' in lines


def test_rates_and_merges_of_unlike_parts_are_shown(tmp_path: Path, vectors_of: Callable[..., Any]) -> None:
    """Neuron 4 is unlike 1; 2 and 3 are alike. Ids are texts, and JSON has no infinity."""
    (tmp_path / "events").mkdir()
    ids = np.arange(1, 7, dtype=np.uint64)
    rng = np.random.default_rng(0)
    near = np.array([[1.0, 0.0, 0.0, 0.0]]) + 0.05 * rng.standard_normal((6, 4))
    near[3] = [0.0, 0.0, 3.0, 0.0]
    edges = [(1, 2), (2, 3), (4, 5)]
    more = [{"action": "synapse_added", "synapse_id": k, "pre_root_id": a, "post_root_id": b}
            for k, (a, b) in enumerate(edges, start=1)]  # fmt: skip
    more += [{"action": "neurons_merged", "old_root_ids": [a, b], "new_root_ids": [a]} for a, b in ((2, 3), (1, 4))]
    events = [
        {"version": 1, "producer": "p", "sequence": k, "event_id": str(k)} | one for k, one in enumerate(more, start=1)
    ]
    (tmp_path / "events" / "1.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({"root_id": ids, "cell_type": ["A", "B"] * 3}), as_="neurons")
        table = pa.concat_tables([vectors_of(ids, near), vectors_of(ids, near + 0.02)])
        nodes = pa.array(np.tile(np.arange(len(table) // 6), 6), pa.uint64())
        table = table.sort_by("root_id").set_column(1, "node_id", nodes)
        graph.ingest(table, as_="embeddings", model="m", segmentation_version="1")
        with graph.live.follow(str(tmp_path / "events")) as feed:
            feed.watch_rates(events=100, by="cell_type")
            feed.watch_merges(open_embeddings(graph.folder, "m"))
            before = feed.seen.triads
            feed.step(0.0)
            state = state_of(feed)
            assert {*NEWS} <= {*state}
            assert json.loads(json.dumps(state, allow_nan=False)) == state
            changed = {name: count - before[name] for name, count in state["triads"].items() if count != before[name]}
            assert (state["rates"]["events"], state["rates"]["triads"]) == (5, changed)
            assert state["rates"]["typed"] == [
                {"pre": "A", "post": "B", "mutual": False, "change": 1},
                {"pre": "A", "post": "A", "mutual": False, "change": 1},
            ]
            shown = state["merges"]["most_unlike"]
            assert [one["root_id"] for one in shown] == ["1", "2"]
            assert {shown[0]["part"], shown[0]["other"]} == {"1", "4"}
            assert shown[0]["ratio"] > 5 > shown[1]["ratio"]
            lines = metrics_of(state).splitlines()
            assert f'graphlab_live_triads_change{{class="003"}} {changed["003"]}' in lines

"""Witvliet 2021: the eight stages of the worm as edits of one graph, right at every stage."""

from __future__ import annotations

import csv
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from graphlab.graph import Graph
from graphlab.live.feed import Feed, Settings
from graphlab.motifs.census.triads import TRIADS, triad_counts
from queries.snapshot import Snapshot

SYNAPSES = (1296, 1895, 2128, 2777, 4116, 4456, 7467, 7970)


def test_eight_stages_are_right_at_each(real_data: Path, tmp_path: Path) -> None:
    """From stage to stage contacts that both have stay, others go and come; counts are those of the list itself."""
    stages = [Counter[tuple[str, str]]() for _ in SYNAPSES]
    kinds: set[str] = set()
    with (real_data / "celegans_witvliet2021" / "synapse_list.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            stages[int(row["dataset"][-1]) - 1][row["pre"], row["post"]] += 1
            kinds |= {row["pre"], row["post"]}
    ids = {name: number for number, name in enumerate(sorted(kinds), start=1)}
    place, here, sequence, seen = tmp_path / "events", Counter[tuple[str, str]](), 0, set[str]()
    place.mkdir()
    open_ids: dict[tuple[str, str], list[int]] = {}
    with Graph.create(tmp_path / "worm") as graph, Feed(graph.folder, str(place), Settings(least=2)) as feed:
        for number, stage in enumerate(stages, start=1):
            lines = []
            for pair in sorted(set(here) | set(stage)):
                for _ in range(abs(stage[pair] - here[pair])):
                    sequence += 1
                    one: dict[str, Any] = {
                        "version": 1,
                        "producer": "w",
                        "sequence": sequence,
                        "event_id": str(sequence),
                    }
                    if stage[pair] > here[pair]:
                        open_ids.setdefault(pair, []).append(sequence)
                        one |= {"action": "synapse_added", "synapse_id": sequence, "pre_root_id": ids[pair[0]],
                                "post_root_id": ids[pair[1]]}  # fmt: skip
                        seen |= set(pair)
                    else:
                        one |= {"action": "synapse_removed", "synapse_id": open_ids[pair].pop()}
                    lines.append(json.dumps(one))
            (place / f"{number}.jsonl").write_text("\n".join(lines) + "\n")
            feed.run(threading.Event(), until_idle_s=0.0)
            here = stage
            assert feed.follower.wiring.synapse_count == sum(stage.values()) == SYNAPSES[number - 1]
            rows = graph.folder.cursor().execute("SELECT pre_root_id, post_root_id, weight FROM connections").fetchall()
            assert {(a, b): w for a, b, w in rows} == {(ids[a], ids[b]): w for (a, b), w in stage.items()}
            known = np.array(sorted(ids[name] for name in seen), np.uint64)
            pairs = [(ids[a], ids[b]) for (a, b), weight in stage.items() if weight >= 2 and a != b]
            pre, post = (np.searchsorted(known, np.array(side, np.uint64)) for side in zip(*pairs, strict=True))
            counted = triad_counts(Snapshot.from_edges(known, pre, post))
            assert feed.follower.wiring.triads() == dict(zip(TRIADS, counted.tolist(), strict=True))
        assert feed.status.dead_letters == 0
    with Graph.open(tmp_path / "worm") as graph:
        assert graph.info().counts["total_weight"] == SYNAPSES[-1]

"""Dyads by types equal a count from nothing after every batch; a window is the difference of its two ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.live.rates import Rates, SlidingWindow, TypedDyads
from ingest.schema.errors import SchemaError, UnknownNameError

WORDS = ("KC", "MBON", None)


def by_hand(folder: Any, least: int) -> Counter[Any]:
    """Every pair of neurons, looked at."""
    cursor = folder.cursor()
    words = dict(cursor.execute("SELECT root_id, cell_type FROM neurons WHERE in_graph").fetchall())
    pairs = set(
        cursor.execute(
            "SELECT pre_root_id, post_root_id FROM connections WHERE kind = 'chemical' AND weight >= ?", [least]
        ).fetchall()
    )
    found: Counter[Any] = Counter()
    for pre, post in pairs:
        if pre == post:
            continue
        if (post, pre) not in pairs:
            found[words[pre], words[post], False] += 1
        elif pre < post:
            one, other = sorted((words[pre], words[post]), key=lambda word: word or "")
            found[one, other, True] += 1
    return found


def records(rng: np.random.Generator, known: list[int], first: int) -> list[dict[str, Any]]:
    """A batch: synapses that come and go, types said and taken back, merges, splits."""
    found: list[dict[str, Any]] = []
    for k in range(first, first + int(rng.integers(1, 9))):
        some = [int(root) for root in rng.choice(known, 2)]
        what = rng.choice(["add", "add", "add", "remove", "type", "type", "merge", "split", "rename"])
        if what == "add":
            found.append({"action": "synapse_added", "synapse_id": k, "pre_root_id": some[0], "post_root_id": some[1]})
        elif what == "remove":
            found.append({"action": "synapse_removed", "synapse_id": int(rng.integers(1, k))})
        elif what == "type":
            word = WORDS[int(rng.integers(0, 3))]
            found.append({"action": "annotation_changed", "root_id": some[0], "column": "cell_type", "value": word})
        elif what == "merge":
            found.append({"action": "neurons_merged", "old_root_ids": some[:1], "new_root_ids": some[1:]})
        elif what == "rename":
            found.append({"action": "neuron_renamed", "old_root_ids": some[:1], "new_root_ids": [1000 + k]})
            known.append(1000 + k)
        else:
            found.append(
                {"action": "neuron_split", "old_root_ids": some[:1], "new_root_ids": [some[0], 1000 + k]}
                | {"synapse_ids": [int(rng.integers(1, k))], "synapse_sides": ["pre"], "synapse_root_ids": [1000 + k]}
            )
            known.append(1000 + k)
    return found


@pytest.mark.parametrize(("seed", "least"), [(0, 1), (1, 2)])
def test_counts_are_a_count_from_nothing(fed: Callable[..., Any], seed: int, least: int) -> None:
    rng, known = np.random.default_rng(seed), list(range(1, 8))
    ends = rng.integers(1, 8, (30, 2)).astype(np.uint64)
    synapses = {"synapse_id": np.arange(1, 31, dtype=np.uint64), "pre_root_id": ends[:, 0], "post_root_id": ends[:, 1]}
    neurons = {"root_id": pa.array(known, pa.uint64()), "cell_type": ["KC", "KC", "MBON", None, "MBON", "KC", None]}
    one = fed(pa.table(synapses), pa.table(neurons), least=least)
    rates, alone = Rates(one.follower, events=12, by="cell_type"), TypedDyads(one.follower)
    assert alone.counts == by_hand(one.folder, least)
    states = [(0, one.follower.wiring.triads(), dict(alone.counts))]
    for turn in range(15):
        done = one.take(*records(rng, known, 100 + 10 * turn))
        change = alone.update(done)
        rates(done, moment=float(turn))
        assert alone.counts == by_hand(one.folder, least)
        assert rates.types is not None
        assert rates.types.counts == alone.counts
        before = states[-1][2]
        assert {key: alone.counts[key] - before.get(key, 0) for key in change} == dict(change)
        states.append((done.position, one.follower.wiring.triads(), dict(alone.counts)))
        begin = max(state for state in states[:-1] if state[0] <= max(0, done.position - 12)) if turn else states[0]
        old = next(state for state in reversed(states) if state[0] == begin[0])
        assert rates.triads.events == done.position - old[0]
        assert rates.triads.change == {
            key: count - old[1][key] for key, count in states[-1][1].items() if count != old[1][key]
        }
        keys = {*old[2], *states[-1][2]}
        net = {key: states[-1][2].get(key, 0) - old[2].get(key, 0) for key in keys}
        assert rates.typed.change == {key: count for key, count in net.items() if count}


def test_windows_of_seconds() -> None:
    window = SlidingWindow(seconds=10.0)
    window.begin(0, 0.0)
    for k in range(1, 6):
        window.add(100 * k, 4.0 * k, {"a": k, "b": -1 if k == 1 else 0})
    assert (window.change, window.events, window.seconds) == ({"a": 12}, 300, 12.0)
    for wrong in ({}, {"events": 0}, {"seconds": 0.0}, {"seconds": float("nan")}):
        with pytest.raises(SchemaError, match="wanted a positive length"):
            SlidingWindow(**wrong)  # type: ignore[arg-type]


def test_an_unknown_column(fed: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        TypedDyads(fed().follower, "cell_typ")

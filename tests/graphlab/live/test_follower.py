"""Events over a graph on disk: after every batch, and as an ordinary graph again, it is what a recount says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.store.live import going

BASE = pa.table(
    {
        "synapse_id": pa.array(range(1, 9), pa.uint64()),
        "pre_root_id": pa.array([1, 1, 2, 3, 3, 4, 5, 1], pa.uint64()),
        "post_root_id": pa.array([2, 2, 3, 1, 3, 5, 4, 9], pa.uint64()),
        "score": [0.9, 0.8, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9],
        "neuropil": ["EB", "FB", "EB", None, "FB", "EB", "EB", "EB"],
        "pre_supervoxel_id": pa.array([10, 11, 20, 30, 31, 40, 50, 10], pa.uint64()),
        "post_supervoxel_id": pa.array([20, 21, 30, 10, 32, 50, 41, 90], pa.uint64()),
    }
)
NEURONS = pa.table(
    {
        "root_id": pa.array([1, 2, 3, 4, 5, 9], pa.uint64()),
        "cell_type": ["a", "a", "b", None, "c", None],
        "name": ["A", None, None, None, None, None],
        "in_graph": [True, True, True, True, True, False],
    }
)


def added(synapse_id: int, pre: int, post: int, **more: Any) -> dict[str, Any]:
    return {"action": "synapse_added", "synapse_id": synapse_id, "pre_root_id": pre, "post_root_id": post, **more}


def removed(synapse_id: int) -> dict[str, Any]:
    return {"action": "synapse_removed", "synapse_id": synapse_id}


def merged(new: int, *olds: int) -> dict[str, Any]:
    return {"action": "neurons_merged", "old_root_ids": list(olds), "new_root_ids": [new]}


def check(one: Any) -> None:
    """Now, as an ordinary graph, and counted anew."""
    one.check_census()
    now = one.state()
    going.settle(one.folder)
    assert one.state() == now
    assert one.recounted() == now


def test_each_kind_of_event(fed: Callable[..., Any]) -> None:
    one = fed(BASE, NEURONS)
    one.take(added(20, 7, 1, neuropil="EB", post_supervoxel_id=12), added(21, 2, 7, kind="electrical"), removed(1))
    one.check_census()
    one.take(
        merged(2, 2, 3),
        {"action": "neuron_renamed", "old_root_ids": [7], "new_root_ids": [70]},
        {"action": "annotation_changed", "root_id": 70, "column": "cell_type", "value": "x"},
        {"action": "chunk_ready", "chunk": "0-64_0-64_0-64"},
        {"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 100], "supervoxel_ids": [11],
         "supervoxel_root_ids": [100]},
    )  # fmt: skip
    rows = {row[0]: row for row in one.state()["neurons"]}
    assert rows[70][4:] == ("x", None)
    assert 7 not in rows
    assert 3 not in rows
    assert rows[2][4:] == ("a", None), "the neuron that stays keeps what is said of it"
    ends = {row[0]: row[1:3] for row in one.state()["synapses"]}
    assert ends[2] == (100, 2)
    assert ends[5] == (2, 2), "an autapse"
    assert ends[8] == (1, 9)
    assert one.follower.wiring.degrees(2) == (1, 1)
    going.fold(one.folder)
    one.take(added(30, 100, 70), removed(20), merged(500, 100, 5))
    check(one)


def test_a_base_neuron_outside_enters_by_a_merge(fed: Callable[..., Any]) -> None:
    one = fed(BASE, NEURONS)
    assert not [row for row in one.state()["connections"] if 9 in row[:2]]
    one.take(merged(9, 9, 4))
    assert [row for row in one.state()["connections"] if 9 in row[:2]]
    check(one)


def test_totals_are_those_of_the_end_of_a_batch(fed: Callable[..., Any]) -> None:
    """A row that is written in the middle of one, where they are others."""
    one = fed(BASE, NEURONS)
    named = {"action": "annotation_changed", "root_id": 4, "column": "cell_type", "value": "x"}
    one.take(added(20, 4, 5), named, removed(20), merged(2, 2, 3), added(21, 2, 4), removed(21))
    check(one)


def test_columns_of_lists_are_merged_and_numbers_are_numbers(fed: Callable[..., Any]) -> None:
    tagged = NEURONS.append_column("tags", pa.array([["a"], ["a"], ["b"], None, ["c"], None]))
    one = fed(BASE, tagged)
    one.take(merged(50, 1, 2), merged(60, 3, 5))
    rows = dict(one.folder.cursor().execute("SELECT root_id, tags FROM neurons").fetchall())
    assert (rows[50], rows[60]) == (["a"], None)
    say = {"action": "annotation_changed", "root_id": 4, "column": "x_nm"}
    told = letters(one, *(say | {"value": text} for text in ("nan", "inf", "1_0")))
    assert all("wanted a number" in why for why in told)
    assert len(told) == 3
    check(one)


def letters(one: Any, *records: dict[str, Any]) -> list[str]:
    before = one.state()
    done = one.take(*records)
    assert one.state() == before, "a dead letter changes nothing"
    return [letter.reason for letter in done.letters]


def test_what_cannot_have_an_effect_says_why(fed: Callable[..., Any]) -> None:
    one = fed(BASE, NEURONS, unknown="add")
    split = {"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [61, 62]}
    told = letters(
        one,
        added(1, 1, 2),
        added(2, 77, 78),
        removed(99),
        merged(50, 51, 52),
        split,
        split | {"supervoxel_ids": [10, 11], "supervoxel_root_ids": [61, 3], "new_root_ids": [61, 3]},
        {"action": "neuron_renamed", "old_root_ids": [1], "new_root_ids": [2]},
        {"action": "annotation_changed", "root_id": 1_000, "column": "cell_type", "value": "x"},
        {"action": "annotation_changed", "root_id": 1, "column": "x_nm", "value": "here"},
    )
    assert "synapse 1 is in the graph already" in told
    assert "synapse 99 is not in the graph" in told
    assert sum("merge of unknown ids" in one for one in told) == 1
    assert sum("split without assignment: 4 synapse ends of 1" in one for one in told) == 1
    assert sum("a split into 3, which is in the graph already" in one for one in told) == 1
    assert sum("two neurons that become one are a merge" in one for one in told) == 1
    assert sum("unknown id 1000" in one for one in told) == 1
    assert sum("wanted a number" in one for one in told) == 1
    one.take(merged(2, 2, 3))
    told = letters(one, added(40, 3, 1), merged(4, 4, 3))
    assert all("root id 3 is gone: it became 2" in why for why in told)
    assert len(told) == 2
    assert len(log_rows(one)) == 11
    check(one)


def log_rows(one: Any) -> list[Any]:
    rows: list[Any] = one.folder.cursor().execute("FROM live.dead_letters").fetchall()
    return rows


def test_unknown_neurons_are_refused_or_kept_out_where_that_is_said(fed: Callable[..., Any]) -> None:
    one = fed(BASE, NEURONS, unknown="refuse")
    assert letters(one, added(40, 1, 1_000)) == ["root id 1000 is no neuron of the graph"]
    one = fed(BASE, NEURONS, unknown="keep")
    one.take(added(40, 1, 1_000))
    assert (1_000, False) in [row[:2] for row in one.state()["neurons"]]
    check(one)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_live_is_recount(fed: Callable[..., Any], data: st.DataObject) -> None:
    """Any sequence of events, cut into batches, folded in between, over a graph with a least score."""
    one = fed(BASE, NEURONS, least=data.draw(st.integers(1, 2)))
    known, next_id = {1, 2, 3, 4, 5, 9}, 100
    synapses = set(range(1, 9))
    for _ in range(data.draw(st.integers(1, 4))):
        records = []
        for _ in range(data.draw(st.integers(1, 6))):
            some = st.sampled_from(sorted(known))
            what = data.draw(st.sampled_from(["add", "add", "add", "remove", "merge", "split", "rename", "say"]))
            next_id += 1
            if what == "add":
                ends = st.one_of(some, st.integers(200, 203))
                pre, post = data.draw(ends), data.draw(ends)
                more = {"neuropil": data.draw(st.sampled_from([None, "EB", "NO"])),
                        "kind": data.draw(st.sampled_from([None, None, "electrical"])),
                        "pre_compartment": data.draw(st.sampled_from([None, None, "axon"])),
                        "weight": data.draw(st.integers(1, 2)), "pre_supervoxel_id": next_id}  # fmt: skip
                records.append(added(next_id, pre, post, **more))
                synapses.add(next_id)
            elif what == "remove":
                records.append(removed(data.draw(st.sampled_from(sorted(synapses)))))
            elif what == "merge":
                olds = data.draw(st.lists(some, min_size=1, max_size=3, unique=True))
                new = data.draw(st.sampled_from([olds[0], next_id]))
                records.append(merged(new, *olds))
                known.add(new)
            elif what == "split":
                old = data.draw(some)
                moved = data.draw(st.lists(st.sampled_from(sorted(synapses)), max_size=4, unique=True))
                records.append(
                    {"action": "neuron_split", "old_root_ids": [old], "new_root_ids": [old, next_id],
                     "synapse_ids": moved, "synapse_sides": ["pre"] * len(moved),
                     "synapse_root_ids": [next_id] * len(moved)}
                )  # fmt: skip
                known.add(next_id)
            elif what == "rename":
                records.append(
                    {"action": "neuron_renamed", "old_root_ids": [data.draw(some)], "new_root_ids": [next_id]}
                )
                known.add(next_id)
            else:
                records.append({"action": "annotation_changed", "root_id": data.draw(some), "column": "cell_type",
                                "value": data.draw(st.sampled_from(["a", "b", None]))})  # fmt: skip
        one.take(*records)
        one.check_census()
        if data.draw(st.booleans()):
            before = one.state()
            going.fold(one.folder)
            assert one.state() == before
    check(one)
    # What is followed again starts where it ended.
    now, triads = one.state(), one.follower.wiring.triads()
    again = type(one)(one.folder, least=one.follower.wiring.least)
    assert again.follower.wiring.triads() == triads
    assert again.state() == now
    assert np.array_equal(sorted(again.follower.became), sorted(one.follower.became))
    one.folder.close()

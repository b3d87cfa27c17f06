"""Whatever is done to a wiring, it holds what a count from nothing finds."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.live.wiring import kernels
from graphlab.live.wiring.state import GONE, NEURON, OUTSIDE, Changes, Rows, Wiring, word_of
from graphlab.motifs.census.dyads import dyad_counts
from graphlab.motifs.census.triads import TRIADS, triad_counts
from queries.snapshot import Snapshot

Synapse = tuple[int, int, int, bool, int, int]
"""pre, post, weight, whether it counts, kind, neuropil."""


def rows(synapses: dict[int, Synapse]) -> Rows:
    columns = list(zip(*synapses.values(), strict=True)) if synapses else [()] * 6
    zeros = np.zeros(len(synapses), np.uint64)
    whole = [np.array(column, np.int64) for column in columns]
    return Rows(
        np.array(list(synapses), np.uint64), whole[0].astype(np.uint64), whole[1].astype(np.uint64), whole[2], whole[3],
        whole[4], whole[5], zeros.astype(np.int32), zeros, zeros,
    )  # fmt: skip


class Model:
    """The same by the book: every synapse in a dictionary, everything else counted from it."""

    def __init__(self) -> None:
        self.synapses: dict[int, Synapse] = {}
        self.neurons: dict[int, bool] = {}
        """root id -> whether it is a graph node."""

    def sums(self, by: Any = lambda s: None) -> dict[Any, int]:
        found: dict[Any, int] = defaultdict(int)
        for s in self.synapses.values():
            if s[3] and self.neurons.get(s[0]) and self.neurons.get(s[1]):
                found[s[0], s[1], s[4], by(s)] += s[2]
        return {key: weight for key, weight in found.items() if weight}

    def snapshot(self, least: int) -> Snapshot:
        ids = np.array(sorted(n for n, inside in self.neurons.items() if inside), np.uint64)
        edges = [(p, q, w) for (p, q, kind, _), w in self.sums().items() if kind == 0 and w >= least and p != q]
        pre, post, weight = (np.array(c) for c in zip(*edges, strict=True)) if edges else ([], [], [])  # type: ignore[assignment]
        return Snapshot.from_edges(
            ids, np.searchsorted(ids, np.array(pre, np.uint64)), np.searchsorted(ids, np.array(post, np.uint64)), weight
        )


def apply(told: dict[Any, int], changes: Changes, wiring: Wiring, neuropils: bool) -> None:
    """Follow weights by what a batch tells alone."""
    for pre, post, code, before, after in zip(*changes, strict=True):
        kind, word = word_of(wiring.neuropils, int(code)) if neuropils else (("chemical", "electrical")[code], None)
        key = (int(pre), int(post), int(kind == "electrical"), word)
        assert told.get(key, 0) == before
        told[key] = int(after)
        if not after:
            del told[key]


def compare(wiring: Wiring, model: Model, told: dict[str, dict[Any, int]]) -> None:
    view = model.snapshot(wiring.least)
    assert wiring.neurons == view.n
    assert wiring.connections == view.m
    assert wiring.triads() == dict(zip(TRIADS, triad_counts(view).tolist(), strict=True))
    assert list(wiring.dyad_counts().values()) == dyad_counts(view).tolist()
    for node, root_id in enumerate(view.root_ids):
        out = int(view.out_start[node + 1] - view.out_start[node])
        assert wiring.degrees(int(root_id)) == (out, int(view.in_start[node + 1] - view.in_start[node]))
    assert told["kinds"] == model.sums()
    assert told["pools"] == model.sums(lambda s: wiring.neuropils.words[s[5]])
    received, sent = Counter[int](), Counter[int]()
    for s in model.synapses.values():
        if s[4] == 0:
            sent[s[0]] += s[2]
            received[s[1]] += s[2]
    for name, total in (("received", received), ("sent", sent)):
        assert {k: v for k, v in told[name].items() if v} == {k: v for k, v in total.items() if v}


@settings(max_examples=25)
@given(st.data())
def test_incremental_is_recount_after_every_batch(data: st.DataObject) -> None:
    """Synapses of two kinds, autapses, weights, some that do not count; merges, splits, neurons that enter."""
    least = data.draw(st.integers(1, 3))
    wiring, model = Wiring(least, by_neuropil=True), Model()
    for name in ("EB", "FB"):
        wiring.neuropils.of(name)
    told: dict[str, dict[Any, int]] = {"kinds": {}, "pools": {}, "received": {}, "sent": {}}
    next_id = 1
    for _ in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(1, 3))):
            step = data.draw(st.sampled_from(["change", "change", "merge", "split", "enter"]))
            here = sorted(model.neurons)
            if step == "change" or len(here) < 2:
                new: dict[int, Synapse] = {}
                for _ in range(data.draw(st.integers(1, 12))):
                    ends = st.integers(1, 7)
                    new[next_id] = (
                        data.draw(ends), data.draw(ends), data.draw(st.integers(1, 2)),
                        data.draw(st.integers(0, 5)) > 0, data.draw(st.sampled_from([0, 0, 0, 1])),
                        data.draw(st.integers(0, 2)),
                    )  # fmt: skip
                    next_id += 1
                gone = data.draw(st.lists(st.integers(1, next_id + 2), max_size=6, unique=True))
                both = new | {key: (0, 0, 0, False, 0, 0) for key in gone if key not in new}
                removed = np.array([key not in new for key in both])
                ids = np.unique(np.array([e for s in new.values() for e in s[:2]], np.uint64))
                nodes = wiring.nodes_of(ids)
                fresh = nodes[(wiring.status[nodes] != NEURON) & (wiring.status[nodes] != OUTSIDE)]
                inside = data.draw(st.booleans())
                wiring.set_status(fresh, NEURON if inside else OUTSIDE)
                model.neurons |= {int(wiring.nodes.id[node]): inside for node in fresh}
                outcome, moves = wiring.change(rows(both), removed)
                wanted = [
                    (kernels.DONE if key in model.synapses else kernels.UNKNOWN) if out else kernels.DONE
                    for key, out in zip(both, removed, strict=True)
                ]
                assert outcome.tolist() == wanted
                assert len(moves.id) == wanted.count(kernels.DONE)
                model.synapses = {k: s for k, s in (model.synapses | new).items() if k not in gone or k in new}
            elif step == "merge":
                a, b = data.draw(st.sampled_from(here)), data.draw(st.sampled_from(here))
                if a == b:
                    continue
                old, kept = (int(wiring.nodes_of(np.array([x], np.uint64))[0]) for x in (a, b))
                if model.neurons[a] and not model.neurons[b]:
                    wiring.enter_graph(kept)
                moves = wiring.merge([old], kept)
                wiring.set_status(np.array([old]), GONE)
                model.neurons[b] |= model.neurons.pop(a)
                model.synapses = {
                    k: (b if s[0] == a else s[0], b if s[1] == a else s[1], *s[2:]) for k, s in model.synapses.items()
                }
                assert set(moves.id) <= set(model.synapses)
            elif step == "split":
                a, b = data.draw(st.sampled_from(here)), 100 + next_id
                next_id += 1
                node = int(wiring.nodes_of(np.array([a], np.uint64))[0])
                other = wiring.nodes_of(np.array([b], np.uint64))
                wiring.set_status(other, NEURON)
                model.neurons[b] = True
                slots = wiring.slots_of_node(node)
                assert sorted(wiring.synapses.id[slots]) == sorted(k for k, s in model.synapses.items() if a in s[:2])
                mine = slots[wiring.synapses.id[slots] % 2 == 0]
                pre, post = wiring.synapses.pre[mine], wiring.synapses.post[mine]
                wiring.move(mine, np.where(pre == node, other, pre).astype(np.int32), post.copy())
                for k, s in model.synapses.items():
                    if k % 2 == 0 and s[0] == a:
                        model.synapses[k] = (b, *s[1:])
            else:
                outside = [n for n in here if not model.neurons[n]]
                if outside:
                    wiring.enter_graph(int(wiring.nodes_of(np.array([outside[0]], np.uint64))[0]))
                    model.neurons[outside[0]] = True
        kinds, pools, _, totals = wiring.end_batch()
        apply(told["kinds"], kinds, wiring, False)
        apply(told["pools"], pools, wiring, True)
        for root_id, received_before, sent_before, received, sent in zip(*totals, strict=True):
            assert told["received"].get(int(root_id), 0) == received_before
            assert told["sent"].get(int(root_id), 0) == sent_before
            told["received"][int(root_id)], told["sent"][int(root_id)] = int(received), int(sent)
        compare(wiring, model, told)


def test_a_threshold_is_crossed_both_ways() -> None:
    wiring = Wiring(least=5)
    wiring.set_status(wiring.nodes_of(np.array([1, 2, 3], np.uint64)), NEURON)
    one = dict.fromkeys(range(1, 7), (1, 2, 1, True, 0, 0))
    wiring.change(rows({k: one[k] for k in range(1, 5)}), np.zeros(4, bool))
    assert (wiring.weight(1, 2), wiring.connections, wiring.triads()["003"]) == (4, 0, 1)
    wiring.change(rows({5: one[5]}), np.zeros(1, bool))
    assert (wiring.weight(1, 2), wiring.connections, wiring.triads()["012"]) == (5, 1, 1)
    wiring.change(rows({5: one[5]}), np.ones(1, bool))
    assert (wiring.weight(1, 2), wiring.connections, wiring.triads()["003"]) == (4, 0, 1)


def test_large_wirings_grow_where_they_have_to() -> None:
    """Many neurons and synapses in few batches, then all of them gone."""
    rng = np.random.default_rng(3)
    wiring = Wiring()
    model = Model()
    model.neurons = dict.fromkeys(range(1, 401), True)
    wiring.set_status(wiring.nodes_of(np.arange(1, 401, dtype=np.uint64)), NEURON)
    for batch in range(4):
        ends = (
            rng.integers(1, 401, (3_000, 2))
            if batch
            else np.stack([np.ones(3_000, int), rng.integers(1, 401, 3_000)], 1)
        )
        new = {batch * 3_000 + k + 1: (int(a), int(b), 1, True, 0, 0) for k, (a, b) in enumerate(ends)}
        wiring.change(rows(new), np.zeros(len(new), bool))
        model.synapses |= new
        wiring.end_batch()
    view = model.snapshot(1)
    assert wiring.triads() == dict(zip(TRIADS, triad_counts(view).tolist(), strict=True))
    gone = rows(model.synapses)
    outcome, _ = wiring.change(gone, np.ones(len(gone.id), bool))
    assert not outcome.any()
    assert (wiring.connections, wiring.synapse_count, wiring.kinds.sizes[0] > 0) == (0, 0, True)
    wiring.end_batch()
    assert wiring.kinds.sizes[0] == 0
    assert sum(wiring.triads().values()) == wiring.triads()["003"] == 400 * 399 * 398 // 6

"""Rewired layers keep what they promise: degrees on either side, weights, and the symmetry of gap junctions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.controls.rewiring import both_ways, rewired, share_in_place, symmetric_layers, with_rewired
from graphlab.predict.tasks.functional import FunctionalData
from ingest.schema.errors import UnknownNameError
from queries.snapshot import Snapshot


def drawn(n: int, share: float, seed: int) -> Snapshot:
    rng = np.random.default_rng(seed)
    there = rng.random((n, n)) < share
    np.fill_diagonal(there, False)
    pre, post = np.nonzero(there)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)))


def dense(snapshot: Snapshot) -> np.ndarray:
    found = np.zeros((snapshot.n, snapshot.n))
    found[snapshot.sources(), snapshot.out_target] = snapshot.weight
    return found


@given(st.integers(2, 25), st.floats(0.0, 0.9), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_directed_layers_keep_degrees_and_every_neurons_own_weights(n: int, share: float, seed: int) -> None:
    before = drawn(n, share, seed)
    after = rewired(before, seed)
    one, other = dense(before), dense(after)
    for axis in (0, 1):
        assert np.array_equal((one > 0).sum(axis=axis), (other > 0).sum(axis=axis))
    assert not np.diag(other).any()
    for k in range(n):
        assert np.array_equal(np.sort(one[k]), np.sort(other[k])), "weights stay with the neuron that sends"
    assert np.array_equal(other, dense(rewired(before, seed))), "same seed, same graph"


@given(st.integers(2, 25), st.floats(0.0, 0.9), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_layers_without_directions_stay_symmetric(n: int, share: float, seed: int) -> None:
    before = drawn(n, share, seed)
    even = dense(both_ways(before))
    assert np.array_equal(even, np.maximum(dense(before), dense(before).T))
    after = dense(rewired(before, seed, symmetric=True))
    assert np.array_equal(after, after.T)
    assert not np.diag(after).any()
    assert np.array_equal((even > 0).sum(axis=0), (after > 0).sum(axis=0))
    upper = np.triu_indices(n, 1)
    assert np.array_equal(np.sort(even[upper]), np.sort(after[upper])), "the same weights, on other pairs"


def test_rewiring_moves_most_connections_and_no_other_layer() -> None:
    chemical, electrical = drawn(60, 0.1, 1), both_ways(drawn(60, 0.05, 2))
    n = chemical.n
    measured = FunctionalData(chemical.root_ids, {"chemical": chemical, "electrical": electrical},
                        np.zeros((n, n), dtype=np.int8), [str(k) for k in range(n)])  # fmt: skip
    for kind, other in (("chemical", "electrical"), ("electrical", "chemical")):
        changed = with_rewired(measured.wiring, [kind], 5).snapshots
        assert changed[other] is measured.snapshots[other]
        one, two = dense(measured.snapshots[kind]) > 0, dense(changed[kind]) > 0
        assert (one & two).sum() < 0.4 * one.sum()
        found = share_in_place(measured.snapshots[kind], changed[kind])
        assert found == pytest.approx((one & two).sum() / one.sum())
        assert not np.array_equal(dense(changed[kind]), dense(with_rewired(measured.wiring, [kind], 6).snapshots[kind]))
    with pytest.raises(UnknownNameError, match="unknown layer 'chemial'.*chemical"):
        with_rewired(measured.wiring, ["chemial"], 0)
    one_way = FunctionalData(chemical.root_ids, {"chemical": chemical, "electrical": chemical}, measured.responds,
                       measured.neuron_class)  # fmt: skip
    even = symmetric_layers(one_way.wiring).snapshots
    assert even["chemical"] is chemical
    assert np.array_equal(dense(even["electrical"]), dense(even["electrical"]).T)


def test_degrees_fix_a_full_layer() -> None:
    full = drawn(10, 1.1, 0)
    assert share_in_place(full, rewired(full, 1)) == 1.0
    empty = drawn(10, 0.0, 0)
    assert share_in_place(empty, rewired(empty, 1, symmetric=True)) == 1.0


def test_layers_of_the_worm(randi_measured: FunctionalData) -> None:
    """Degrees say little of who has synapses with whom, and much of who can hear whom outside of them."""
    before = symmetric_layers(randi_measured.wiring).snapshots
    after = with_rewired(randi_measured.wiring, list(before), 0).snapshots
    for kind, layer in before.items():
        one, other = dense(layer) > 0, dense(after[kind]) > 0
        assert all(np.array_equal(one.sum(axis=axis), other.sum(axis=axis)) for axis in (0, 1)), kind
    assert np.array_equal(dense(after["electrical"]), dense(after["electrical"]).T)
    shares = {kind: share_in_place(before[kind], after[kind]) for kind in before}
    print(shares)
    assert max(shares["chemical"], shares["electrical"]) < 0.25
    assert 0.5 < shares["extrasynaptic"] < 0.9


def test_connections_of_pairs_carry_the_weights_of_their_ends() -> None:
    """A neuron whose gap junctions are strong has strong ones after rewiring, more than chance would give."""
    n, strong = 60, 12
    rng = np.random.default_rng(3)
    there = np.triu(rng.random((n, n)) < 0.15, 1)
    mark = np.arange(n) < strong
    weight = np.where(mark[:, None] | mark[None], 20, 1) * there
    pre, post = np.nonzero(weight)
    layer = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, weight[pre, post])
    after = dense(rewired(layer, 0, symmetric=True))
    among_weak = after[strong:, strong:]
    found = after[:strong][after[:strong] > 0].mean(), among_weak[among_weak > 0].mean()
    print(found, after[after > 0].mean())
    assert found[0] > 1.2 * after[after > 0].mean()

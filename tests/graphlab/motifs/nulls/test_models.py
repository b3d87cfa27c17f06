"""The registry, the contract every null passes, and what each null refuses."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from graphlab.motifs.nulls.models import NullOptions, default_null, observable_part, sample_seed
from graphlab.motifs.nulls.registered import null_model, null_names, weight_null, weight_null_names
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

N = 40


def graph(seed: int = 0, n: int = N, m: int = 300) -> Snapshot:
    """A random graph with mutual dyads and weights; the last neuron is isolated."""
    rng = np.random.default_rng(seed)
    key = rng.choice((n - 1) ** 2, m, replace=False)
    pre, post = key // (n - 1), key % (n - 1)
    keep = pre != post
    return Snapshot.from_edges(
        np.arange(1, n + 1, dtype=np.uint64), pre[keep], post[keep], rng.integers(1, 50, int(keep.sum()))
    )


RNG = np.random.default_rng(4)
LABELS = [None if k % 9 == 0 else "xyz"[k % 3] for k in range(N)]
OPTIONS = NullOptions(
    labels=LABELS,
    position_nm=RNG.random((N, 3)) * 1e5,
    distance_bins=6,
    observable_pre=RNG.random(N) < 0.9,
    observable_post=RNG.random(N) < 0.9,
)


@pytest.mark.parametrize("name", null_names())
def test_contract_of_every_null(name: str) -> None:
    """Same seed same graph, other seed another; size, ids and observable pairs kept; no autapse."""
    null = null_model(name)
    before = observable_part(graph(), OPTIONS)
    sampler = null.prepare(before, OPTIONS, 3)
    one, again, other = (sampler.draw(sample_seed(3, k)) for k in (0, 0, 1))
    assert np.array_equal(one.out_target, again.out_target)
    assert np.array_equal(one.weight, again.weight)
    assert not (np.array_equal(one.out_start, other.out_start) and np.array_equal(one.out_target, other.out_target))
    for drawn in (one, other):
        assert drawn.m == before.m
        assert drawn.meta["null"] == name
        assert np.array_equal(drawn.root_ids, before.root_ids)
        source = drawn.sources()
        assert (source != drawn.out_target).all()
        assert OPTIONS.observable_pre[source].all()  # type: ignore[index]
        assert OPTIONS.observable_post[drawn.out_target].all()  # type: ignore[index]
        assert np.array_equal(np.sort(drawn.weight), np.sort(before.weight))
        if name not in ("er", "dyad"):
            assert np.array_equal(drawn.out_start, before.out_start)
            assert np.array_equal(drawn.in_start, before.in_start)
        if name in ("reciprocal", "triads", "dyad"):
            assert mutual_dyads(drawn).sum() == mutual_dyads(before).sum()
        if name in ("reciprocal", "triads"):
            assert np.array_equal(mutual_dyads(drawn), mutual_dyads(before))
        if name == "block":
            assert type_matrix(drawn) == type_matrix(before)
    assert null.name == name
    assert f"'{name}'" in null.sentence(OPTIONS)


def mutual_dyads(snapshot: Snapshot) -> np.ndarray:
    """Number of mutual partners of every neuron."""
    taken = np.zeros((snapshot.n, snapshot.n), dtype=bool)
    taken[snapshot.sources(), snapshot.out_target] = True
    return (taken & taken.T).sum(axis=1)


def type_matrix(snapshot: Snapshot) -> Counter[tuple[str | None, str | None]]:
    return Counter((LABELS[a], LABELS[b]) for a, b in zip(snapshot.sources(), snapshot.out_target, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        NullOptions(neuropils=[["EB"] * (k % 2) + ["PB"] * (k % 3 == 0) for k in range(N)]),
        NullOptions(close_pairs=(np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20), np.arange(400) % 3)),
    ],
    ids=["neuropils", "close_pairs"],
)
def test_spatial_keeps_the_classes_it_is_given(options: NullOptions) -> None:
    from graphlab.motifs.kernels.pair_classes import pair_class

    before = graph()
    sampler = null_model("spatial").prepare(before, options, 1)
    classes = sampler.walk().prepared.classes  # type: ignore[union-attr]
    after = sampler.draw(sample_seed(1, 0))

    def multiset(snapshot: Snapshot) -> Counter[int]:
        return Counter(
            int(pair_class(classes, a, b)) for a, b in zip(snapshot.sources(), snapshot.out_target, strict=True)
        )

    assert len(multiset(before)) > 1
    assert multiset(after) == multiset(before)
    assert not np.array_equal(after.out_target, before.out_target)


def test_soma_distance_is_named() -> None:
    assert "soma distance" in null_model("spatial").sentence(OPTIONS)


def test_kept_reciprocity_in_the_block_null() -> None:
    options = NullOptions(labels=LABELS, keep_reciprocity=True)
    after = null_model("block").prepare(graph(), options, 1).draw(sample_seed(1, 0))
    assert np.array_equal(mutual_dyads(after), mutual_dyads(graph()))
    assert type_matrix(after) == type_matrix(graph())
    assert "mutual" in null_model("block").sentence(options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("block", NullOptions(), "needs a label per neuron"),
        ("block", NullOptions(labels=[None] * N), "no neuron has a cell type"),
        ("block", NullOptions(labels=["a"]), "1 labels for 40 neurons"),
        ("spatial", NullOptions(), "needs positions"),
        ("spatial", NullOptions(position_nm=np.zeros((N, 3))), "missing or zero"),
        ("spatial", NullOptions(position_nm=np.full((N, 3), np.nan)), "missing or zero"),
        ("spatial", NullOptions(position_nm=np.zeros((3, 3))), r"wanted \(40, 3\)"),
        ("spatial", NullOptions(neuropils=[[]] * N), "no neuron has a neuropil"),
        ("spatial", NullOptions(close_pairs=([0, 0], [1, 1], [0, 1])), "one ordered pair twice"),
        ("spatial", NullOptions(position_nm=RNG.random((N, 3)), distance_bins=0), "at least 1"),
        ("configuration", NullOptions(steps_per_edge=0), "positive number"),
    ],
)
def test_options_that_do_not_fit_say_what_is_possible(name: str, options: NullOptions, words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        null_model(name).prepare(graph(), options, 0)


def test_observable_masks_that_do_not_fit() -> None:
    with pytest.raises(AnalysisError, match="one true or false for each of 40"):
        observable_part(graph(), NullOptions(observable_pre=np.ones(3, dtype=bool)))
    with pytest.raises(AnalysisError, match="none of the"):
        observable_part(graph(), NullOptions(observable_pre=np.zeros(N, dtype=bool)))
    everything = NullOptions(observable_pre=np.ones(N, dtype=bool))
    whole = graph()
    assert observable_part(whole, everything) is whole


def test_unknown_null_and_defaults() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reciprocal'"):
        null_model("reciprocl")
    assert null_names()[:7] == ["configuration", "reciprocal", "block", "spatial", "er", "dyad", "triads"]
    assert [default_null(size) for size in (2, 3, 4)] == ["configuration", "reciprocal", "reciprocal"]


def test_triads_null_refuses_a_large_graph() -> None:
    large = Snapshot.from_edges(np.arange(1, 1502, dtype=np.uint64), np.arange(1500), np.arange(1, 1501))
    with pytest.raises(AnalysisError, match="at most 1,500 neurons"):
        null_model("triads").prepare(large, NullOptions(), 0)


@pytest.mark.parametrize("name", ["configuration", "reciprocal"])
@pytest.mark.parametrize("edges", [[], [(0, 1)], [(0, 1), (1, 0)], [(0, 1), (0, 2), (0, 3)]])
def test_graphs_without_anything_to_swap_stay_as_they_are(name: str, edges: list[tuple[int, int]]) -> None:
    pre, post = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    before = Snapshot.from_edges(np.arange(1, 6, dtype=np.uint64), pre, post)
    after = null_model(name).prepare(before, NullOptions(), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.out_target, before.out_target)
    assert np.array_equal(after.out_start, before.out_start)


@pytest.mark.parametrize("name", weight_null_names())
def test_weight_shuffles_keep_wiring_and_their_groups(name: str) -> None:
    before = graph()
    after = weight_null(name).prepare(before, NullOptions(labels=LABELS), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.out_target, before.out_target)
    assert not np.array_equal(after.weight, before.weight)
    assert np.array_equal(np.sort(after.weight), np.sort(before.weight))
    source = before.sources()
    if name == "weights-pre":
        for node in range(N):
            assert sorted(after.weight[source == node]) == sorted(before.weight[source == node])
    if name == "weights-types":
        pair = np.array([f"{LABELS[a]}>{LABELS[b]}" for a, b in zip(source, before.out_target, strict=True)])
        for which in set(pair.tolist()):
            assert sorted(after.weight[pair == which]) == sorted(before.weight[pair == which])


def test_weight_shuffles_refuse_what_cannot_vary() -> None:
    flat = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 1], [1, 2], [2.0, 2.0])
    with pytest.raises(AnalysisError, match="changes nothing"):
        weight_null("weights").prepare(flat, NullOptions(), 0)
    broken = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 1], [1, 2], [2.0, np.nan])
    with pytest.raises(AnalysisError, match="no finite number"):
        weight_null("weights").prepare(broken, NullOptions(), 0)
    with pytest.raises(AnalysisError, match="label per neuron"):
        weight_null("weights-types").prepare(graph(), NullOptions(), 0)


def test_zero_and_negative_weights_are_carried_along() -> None:
    before = Snapshot.from_edges(np.arange(1, 6, dtype=np.uint64), [0, 1, 2, 3, 4], [1, 2, 3, 4, 0], [0, -2, 1, 1, 3])
    after = null_model("configuration").prepare(before, NullOptions(), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.weight, before.weight)

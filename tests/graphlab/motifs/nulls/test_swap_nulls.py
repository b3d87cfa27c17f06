"""The nulls that run the swap chain: what each keeps beside the contract, and what it refuses."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.testing.null_models import NEURONS as N
from graphlab.testing.null_models import example_graph, example_options
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

RNG = np.random.default_rng(4)
OPTIONS = example_options()
LABELS = OPTIONS.labels
assert LABELS is not None


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

    before = example_graph()
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
    after = null_model("block").prepare(example_graph(), options, 1).draw(sample_seed(1, 0))
    assert np.array_equal(mutual_dyads(after), mutual_dyads(example_graph()))
    assert type_matrix(after) == type_matrix(example_graph())
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
        null_model(name).prepare(example_graph(), options, 0)


@pytest.mark.parametrize("name", ["configuration", "reciprocal"])
@pytest.mark.parametrize("edges", [[], [(0, 1)], [(0, 1), (1, 0)], [(0, 1), (0, 2), (0, 3)]])
def test_graphs_without_anything_to_swap_stay_as_they_are(name: str, edges: list[tuple[int, int]]) -> None:
    pre, post = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    before = Snapshot.from_edges(np.arange(1, 6, dtype=np.uint64), pre, post)
    after = null_model(name).prepare(before, NullOptions(), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.out_target, before.out_target)
    assert np.array_equal(after.out_start, before.out_start)


def test_zero_and_negative_weights_are_carried_along() -> None:
    before = Snapshot.from_edges(np.arange(1, 6, dtype=np.uint64), [0, 1, 2, 3, 4], [1, 2, 3, 4, 0], [0, -2, 1, 1, 3])
    after = null_model("configuration").prepare(before, NullOptions(), 0).draw(sample_seed(0, 0))
    assert np.array_equal(after.weight, before.weight)

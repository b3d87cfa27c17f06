"""Graphs inside a graph against networkx subgraphs and pandas sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphlab.motifs.census.parts import among_labels, per_neuropil
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def edges_of(graph: Snapshot) -> dict[tuple[int, int], float]:
    pre, post = graph.root_ids[graph.sources()], graph.root_ids[graph.out_target]
    return dict(zip(zip(pre.tolist(), post.tolist(), strict=True), graph.weight.tolist(), strict=True))


def test_labels_give_the_graph_among_their_own_neurons() -> None:
    rng = np.random.default_rng(1)
    there = rng.random((50, 50)) < 0.2
    np.fill_diagonal(there, False)
    source, target = np.nonzero(there)
    ids = np.arange(10, 510, 10, dtype=np.uint64)
    whole = Snapshot.from_edges(ids, source, target, rng.random(len(source)))
    labels = [None if k % 7 == 0 else "abc"[k % 3] for k in range(50)]
    parts = dict(among_labels(whole, labels))
    assert list(parts) == ["a", "b", "c"]
    all_edges = edges_of(whole)
    of = dict(zip(ids.tolist(), labels, strict=True))
    for name, part in parts.items():
        assert part.root_ids.tolist() == [k for k, label in of.items() if label == name]
        assert edges_of(part) == {(a, b): w for (a, b), w in all_edges.items() if of[a] == name == of[b]}


def test_no_labels_give_no_parts_and_wrong_ones_an_error() -> None:
    empty = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [], [])
    assert list(among_labels(empty, [None] * 3)) == []
    assert [(name, part.n, part.m) for name, part in among_labels(empty, ["x", "x", None])] == [("x", 2, 0)]
    with pytest.raises(AnalysisError, match="found 2 labels for 3 neurons"):
        among_labels(empty, ["x", "x"])


def test_neuropils_sum_their_own_rows() -> None:
    rng = np.random.default_rng(2)
    ids = np.sort(rng.choice(2**62, 30, replace=False)).astype(np.uint64)
    rows = pd.DataFrame(
        {
            "pre": ids[rng.integers(0, 30, 900)],
            "post": ids[rng.integers(0, 30, 900)],
            "weight": rng.integers(1, 9, 900).astype(float),
            "neuropil": rng.choice(["ME_R", "LO_R", None], 900),
        }
    )
    arrays = (rows["pre"].to_numpy(), rows["post"].to_numpy(), rows["weight"].to_numpy())
    parts = dict(per_neuropil(ids, *arrays, rows["neuropil"].tolist(), min_weight=6.0))
    assert list(parts) == ["LO_R", "ME_R"]
    for name, part in parts.items():
        own = rows[(rows["neuropil"] == name)]
        sums = own.groupby(["pre", "post"])["weight"].sum()
        wanted = {(int(a), int(b)): w for (a, b), w in sums.items() if w >= 6 and a != b}
        assert edges_of(part) == wanted
        assert part.root_ids.tolist() == sorted(set(own["pre"]) | set(own["post"]))


def test_neuropils_of_unknown_neurons_or_uneven_columns_are_refused() -> None:
    ids = np.array([1, 2], dtype=np.uint64)
    with pytest.raises(AnalysisError, match="neuron 3 of a connection is not among the 2 neurons"):
        per_neuropil(ids, np.array([1], np.uint64), np.array([3], np.uint64), np.ones(1), ["x"])
    with pytest.raises(AnalysisError, match="have 1, 1, 1, 2 rows"):
        per_neuropil(ids, np.array([1], np.uint64), np.array([2], np.uint64), np.ones(1), ["x", "y"])

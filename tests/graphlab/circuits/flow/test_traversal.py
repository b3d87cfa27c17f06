"""The traversal model: drawn runs against a plain loop, the deterministic form against many runs and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphlab.circuits.flow.traversal import chances, deterministic_ranks, stochastic_ranks
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def step_by_step(weights: Weights, seeds: np.ndarray, runs: int, layers: int, seed: int) -> tuple[np.ndarray, ...]:
    """Every edge from a visited to an unvisited neuron drawn in every step."""
    rng = np.random.default_rng(seed)
    from_, to, p = weights.graph.sources(), weights.graph.out_target, chances(weights)
    total, visits = np.zeros(weights.n), np.zeros(weights.n)
    for _ in range(runs):
        layer = np.zeros(weights.n, dtype=int)
        layer[seeds] = 1
        for now in range(2, layers + 1):
            fires = (layer[from_] > 0) & (layer[to] == 0) & (rng.random(weights.m) < p)
            layer[np.unique(to[fires])] = now
        total += layer
        visits += layer > 0
    return total / np.maximum(visits, 1), visits / runs


def test_runs_are_those_of_a_plain_loop_within_their_error(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(40, 0.06, 4)
    seeds = np.array([0, 1])
    plain, visited = step_by_step(weights, seeds, 4000, 8, 1)
    drawn = stochastic_ranks(weights, seeds, 4000, 2, 8)
    assert np.abs(drawn.reached - visited).max() < 5 * np.sqrt(0.25 * 2 / 4000)
    often = visited > 0.1
    assert np.abs(drawn.rank - plain)[often].max() < 5 * 2.5 * np.sqrt(2 / 400)
    assert np.abs(drawn.rank - plain)[visited > 0.9].max() < 5 * 2.0 * np.sqrt(2 / 3600)


def test_trees_and_diamonds_are_exact() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    # 0 -> 1, 0 -> 2, both -> 3; each with half of what fires for sure.
    graph = Snapshot.from_edges(ids, [0, 0, 1, 2], [1, 2, 3, 3], [3.0, 3.0, 3.0, 3.0])
    weights = Weights(graph, np.array([0.0, 20.0, 20.0, 20.0]), "stored")
    assert chances(weights).tolist() == pytest.approx([0.5] * 4)
    found = deterministic_ranks(weights, np.array([0]), 4)
    by_three = 1 - (1 - 0.25) ** 2
    by_four = 1 - (1 - (0.25 + 2 * 0.125)) ** 2
    assert found.reached.tolist() == pytest.approx([1.0, 0.875, 0.875, by_four])
    assert found.rank[1] == pytest.approx((2 * 0.5 + 3 * 0.25 + 4 * 0.125) / 0.875)
    assert found.rank[3] == pytest.approx((3 * by_three + 4 * (by_four - by_three)) / by_four)


def test_the_same_bytes_for_any_workers_and_null_where_nothing_leads(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(30, 0.05, 1)
    seeds = np.array([0])
    one, other = (stochastic_ranks(weights, seeds, 120, 5, workers=workers) for workers in (1, 3))
    assert one.rank.tobytes() == other.rank.tobytes()
    assert one.reached.tobytes() == other.reached.tobytes()
    exact = deterministic_ranks(weights, seeds)
    assert np.array_equal(np.isnan(exact.rank), exact.reached == 0)
    assert np.isnan(exact.rank).any()
    assert (exact.reached <= 1).all()
    with pytest.raises(AnalysisError, match="found 15 layers and 0 runs"):
        stochastic_ranks(weights, seeds, 0)


def test_the_larva_layer_by_layer(larva: Callable[[str], Any]) -> None:
    found = larva("selected_lcc")
    seeds = found.where("inputs", "True")
    exact = deterministic_ranks(found.weights, seeds)
    drawn = stochastic_ranks(found.weights, seeds, 1000)
    both = ~np.isnan(exact.rank) & ~np.isnan(drawn.rank)
    assert both.sum() > 2900
    assert np.corrcoef(exact.rank[both], drawn.rank[both])[0, 1] >= 0.999
    assert np.abs(exact.rank - drawn.rank)[both].mean() < 0.02
    for group, layer in (("PNs", 2.21), ("LHNs", 3.33), ("KCs", 3.59), ("MBONs", 4.17), ("dVNCs", 3.93)):
        assert exact.rank[found.where("simple_group", group)].mean() == pytest.approx(layer, abs=0.006)

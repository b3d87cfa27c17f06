"""Cascades against a plain Monte Carlo, with and without inhibition, and the larva's hops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphlab.circuits.flow.cascade import Cascade, cascade
from graphlab.circuits.weights.weights import Weights
from ingest.running.task_runners import Processes
from queries.snapshot import Snapshot


def plain(weights: Weights, seeds: np.ndarray, ends: np.ndarray, s: float, hops: int, runs: int, seed: int) -> Cascade:
    """Dense matrices, one run after the other."""
    rng = np.random.default_rng(seed)
    p = np.zeros((weights.n, weights.n))
    p[weights.graph.sources(), weights.graph.out_target] = 1 - (1 - s) ** weights.graph.weight
    inhibits = np.zeros(weights.n, dtype=bool)
    if weights.sign is not None:
        inhibits[weights.graph.sources()[weights.sign < 0]] = True
    visits = np.zeros((hops + 1, weights.n), dtype=np.int64)
    for _ in range(runs):
        visited = np.zeros(weights.n, dtype=bool)
        active = np.zeros(weights.n, dtype=bool)
        active[seeds] = True
        for hop in range(hops + 1):
            visits[hop] += active
            visited |= active
            sending = active.copy()
            sending[ends] = False
            less = p[sending & inhibits].sum(axis=0)
            fires = rng.random(p.shape) < np.maximum(p - less, 0)
            active = fires[sending & ~inhibits].any(axis=0) & ~visited
    return Cascade(visits, runs)


@pytest.mark.parametrize("signed", [False, True])
def test_cascades_are_those_of_a_plain_loop_within_their_error(
    random_weights: Callable[..., Weights], signed: bool
) -> None:
    weights = random_weights(25, 0.15, 6, signed)
    seeds, ends = np.array([0, 1, 2]), np.array([20, 21, 22])
    runs = 1500
    wanted = plain(weights, seeds, ends, 0.05, 5, runs, 1)
    found = cascade(weights, seeds, ends, 0.05, 5, runs, 2)
    assert np.abs(found.visits - wanted.visits).max() / runs < 5 * np.sqrt(0.25 * 2 / runs)
    assert (found.visits[0, seeds] == runs).all()
    assert (found.reached[3:] > 0).any()


def test_ends_send_nothing_and_certain_synapses_always_do() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    weights = Weights.in_graph(Snapshot.from_edges(ids, [0, 1, 2], [1, 2, 3]))
    found = cascade(weights, np.array([0]), np.array([2]), 1.0, 8, 10)
    assert found.reached.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert found.visits[2].tolist() == [0, 0, 10, 0]


def test_inhibition_takes_from_every_excitatory_connection() -> None:
    ids = np.arange(1, 4, dtype=np.uint64)
    graph = Snapshot.from_edges(ids, [0, 1], [2, 2], [10.0, 10.0])
    both = np.array([0, 1])
    assert cascade(Weights.in_graph(graph, [1, -1]), both, np.zeros(0, np.int64), 0.05, 1, 200).reached[2] == 0.0
    assert cascade(Weights.in_graph(graph, [1, 1]), both, np.zeros(0, np.int64), 0.05, 1, 200).reached[2] > 0.5


def test_the_same_bytes_for_any_workers(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(30, 0.2, 3, signed=True)
    seeds, ends = np.array([0]), np.array([5])
    found = [
        cascade(weights, seeds, ends, runs=110, seed=9, workers=workers).visits for workers in (1, 2, Processes(2))
    ]
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


def test_the_larva_hop_by_hop(larva: Callable[[str], Any]) -> None:
    found = larva("brain_and_inputs")
    outputs = found.where("outputs", "True")
    assert (found.weights.n, len(outputs)) == (3016, 414)
    everything = cascade(found.weights, found.where("simple_group", "sensories"), outputs, runs=200)
    assert abs(int((everything.reached[outputs] >= 0.5).sum()) - 361) <= 3
    for modality, hop in (("sens-AN", 3), ("sens-MN", 3), ("sens-ORN", 4), ("sens-thermo", 5), ("sens-vtd", 5)):
        visits = cascade(found.weights, found.where("merge_class", modality), outputs, runs=200).visits[:, outputs]
        by_hop = visits.sum(axis=1)
        assert int(np.searchsorted(by_hop.cumsum(), by_hop.sum() / 2)) == hop, modality
        assert by_hop[8] / by_hop.sum() < (0.07 if modality == "sens-vtd" else 0.03)

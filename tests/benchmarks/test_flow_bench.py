"""Flow on a made brain of a fly's size: signal flow, effective connectivity, influence; peers where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from graphlab.circuits.flow.effective import effective
from graphlab.circuits.flow.influence import influence
from graphlab.circuits.flow.max_flow import max_flow
from graphlab.circuits.flow.signal_flow import signal_flow
from graphlab.circuits.flow.traversal import deterministic_ranks
from graphlab.circuits.weights.weights import Weights
from queries.snapshot import Snapshot

SOURCES, LAYERS = 1000, 10


@pytest.fixture(scope="module")
def fly(brain: Any) -> Snapshot:
    return brain(dense_blocks=True).snapshot()


def signs(graph: Snapshot) -> np.ndarray:
    return np.where(np.random.default_rng(0).random(graph.n) < 0.3, -1, 1)[graph.sources()]


def last_layer(weights: Weights, starts: Sequence[np.ndarray], layers: int) -> float:
    return sum(float(step.plus.sum()) for step in effective(weights, starts, layers, 2) if step.layer == layers)


def by_scipy(weights: Weights, starts: Sequence[np.ndarray], layers: int) -> float:
    """The sparse products that people write, in the same blocks of columns."""
    step = weights.incoming(weights.fractions()).astype(np.float32)
    total = 0.0
    for first in range(0, len(starts), 128):
        block = starts[first : first + 128]
        now = np.zeros((weights.n, len(block)), dtype=np.float32)
        for column, nodes in enumerate(block):
            now[nodes, column] = 1.0
        for _ in range(layers):
            now = step @ now
        total += float(now.sum())
    return total


def test_effective_connectivity_from_a_thousand_neurons(fly: Snapshot, side_by_side: Any) -> None:
    rng = np.random.default_rng(1)
    starts = [np.array([node]) for node in rng.choice(fly.n, SOURCES, replace=False)]
    plain, signed = Weights.in_graph(fly), Weights.in_graph(fly, signs(fly))
    measured = side_by_side(
        f"effective connectivity, {SOURCES:,} sources, {LAYERS} layers",
        {
            "graphlab, unsigned": lambda: last_layer(plain, starts, LAYERS),
            "graphlab, signed": lambda: last_layer(signed, starts, LAYERS),
            "scipy, unsigned": lambda: by_scipy(plain, starts, LAYERS),
        },
        rounds_of={"graphlab, signed": 1, "scipy, unsigned": 1},
    )
    ours, theirs = measured["graphlab, unsigned"], measured["scipy, unsigned"]
    assert ours.result == pytest.approx(theirs.result, rel=1e-3)
    assert ours.peak_mb < 4096
    ratio = min(measured["graphlab, signed"].cpu) / min(ours.cpu)
    side_by_side.note(f"signed takes {ratio:.2f} times the processor seconds of unsigned; peak {ours.peak_mb:,.0f} MB")


def test_signal_flow_and_layers(fly: Snapshot, side_by_side: Any) -> None:
    seeds = np.arange(1000)
    weights = Weights.in_graph(fly)
    side_by_side(
        "direction and layers of 139k neurons",
        {
            "signal flow": lambda: signal_flow(fly),
            "deterministic ranks": lambda: deterministic_ranks(weights, seeds),
            "maximal flow, 100 to 100": lambda: max_flow(weights, seeds[:100], seeds[-100:]),
        },
    )


def test_influence(fly: Snapshot, side_by_side: Any) -> None:
    plain, signed = Weights.in_graph(fly), Weights.in_graph(fly, signs(fly))
    one, many = [np.arange(50)], [np.array([node]) for node in range(100)]
    side_by_side(
        "influence on 139k neurons",
        {
            "one set of seeds": lambda: influence(plain, one),
            "one set, signed": lambda: influence(signed, one),
            "100 sets": lambda: influence(plain, many),
        },
        rounds_of={"one set, signed": 1, "100 sets": 1},
    )


def test_signal_flow_beside_a_sparse_direct_solve(brain: Any, side_by_side: Any) -> None:
    """What people do on small brains."""
    graph = brain(2000, 40_000).snapshot()
    weights = Weights.in_graph(graph)

    def direct() -> np.ndarray:
        both = (weights.matrix(graph.weight) + weights.matrix(graph.weight).T) / 2
        degree = np.asarray(both.sum(axis=1)).ravel()
        apart = weights.matrix(graph.weight) - weights.matrix(graph.weight).T
        b = np.asarray(both.multiply(apart.sign()).sum(axis=1)).ravel()
        system = (sparse.diags_array(degree + 1e-9) - both).tocsc()
        return np.asarray(spsolve(system, b - b.mean()))

    measured = side_by_side("signal flow, 2,000 neurons", {"graphlab": lambda: signal_flow(graph), "spsolve": direct})
    assert np.isfinite(measured["spsolve"].result).all()

"""Effective connectivity against dense powers, in one kernel or two, for any number of threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.flow import effective as module
from graphlab.circuits.flow.effective import effective
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def dense(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """P+ and P-, [pre, post]."""
    plus, minus = np.zeros((weights.n, weights.n)), np.zeros((weights.n, weights.n))
    sign = np.ones(weights.m) if weights.sign is None else weights.sign
    at = (weights.graph.sources(), weights.graph.out_target)
    plus[at], minus[at] = weights.fractions() * (sign > 0), weights.fractions() * (sign < 0)
    return plus, minus


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 25), st.floats(0.05, 0.6), st.integers(0, 10_000), st.booleans(), st.integers(1, 6))
def test_layers_are_powers(n: int, density: float, seed: int, signed: bool, layers: int) -> None:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    graph = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)))
    sign = np.where(rng.random(n) < 0.4, -1, 1)[graph.sources()] if signed else None
    weights = Weights.in_graph(graph, sign)
    plus, minus = dense(weights)
    starts = [np.array([0]), np.arange(n)]
    first = np.array([[1.0] + [0.0] * (n - 1), [1.0] * n])
    wanted = (first, np.zeros_like(first))
    for step in effective(weights, starts, layers):
        wanted = (wanted[0] @ plus + wanted[1] @ minus, wanted[0] @ minus + wanted[1] @ plus)
        assert np.allclose(step.plus.T, wanted[0], rtol=1e-5, atol=1e-7)
        if step.minus is None:
            assert not signed
        else:
            assert np.allclose(step.minus.T, wanted[1], rtol=1e-5, atol=1e-7)
    assert step.layer == layers


@pytest.mark.parametrize("signed", [False, True])
def test_blocks_and_threads_give_the_same_bytes(
    random_weights: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    weights = random_weights(80, 0.1, 2, signed)
    starts = [np.array([k]) for k in range(20)]

    def whole(columns: int, workers: int) -> bytes:
        monkeypatch.setattr(module, "COLUMNS", columns)
        found = np.zeros((2, 4, 80, 20), dtype=np.float32)
        for step in effective(weights, starts, 4, workers):
            part = slice(step.first, step.first + step.plus.shape[1])
            found[0, step.layer - 1, :, part] = step.plus
            found[1, step.layer - 1, :, part] = 0.0 if step.minus is None else step.minus
        return found.tobytes()

    assert whole(128, 1) == whole(128, 3) == whole(7, 2)


def test_what_means_nothing_is_refused(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(5, 0.5, 0)
    with pytest.raises(AnalysisError, match="0 layers"):
        next(effective(weights, [np.array([0])], 0))
    with pytest.raises(AnalysisError, match="without neurons"):
        next(effective(weights, [np.zeros(0, dtype=np.int64)], 1))

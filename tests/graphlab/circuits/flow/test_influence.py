"""Influence against dense linear algebra: signed and unsigned, silenced and not, with the mode beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.flow import leading as leading_module
from graphlab.circuits.flow import resolvent
from graphlab.circuits.flow.influence import adjusted, has_cycles, influence
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def made(n: int, density: float, seed: int, signed: bool) -> Weights:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    graph = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)))
    return Weights.in_graph(graph, np.where(rng.random(n) < 0.4, -1, 1)[graph.sources()] if signed else None)


def dense(weights: Weights, quiet: list[int] = []) -> np.ndarray:  # noqa: B006
    w = np.zeros((weights.n, weights.n))
    values = weights.signed(weights.graph.weight)
    w[weights.graph.out_target, weights.graph.sources()] = values
    w[:, quiet] = 0.0
    return w


def top(w: np.ndarray) -> float:
    return float(np.linalg.eigvals(w).real.max())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 30), st.floats(0.1, 0.6), st.integers(0, 10_000), st.booleans(), st.sampled_from([0.5, 0.99]),
    st.sampled_from(["fixed", "silenced"]), st.integers(0, 3),
)  # fmt: skip
def test_scores_are_those_of_the_dense_solve(
    n: int, density: float, seed: int, signed: bool, gain: float, scale: str, silenced: int
) -> None:
    weights = made(n, density, seed, signed)
    seeds, quiet = [np.array([0]), np.array([0, 1])], list(range(2, 2 + min(silenced, n - 2)))
    w, cut = dense(weights), dense(weights, quiet)
    reference = w if scale == "fixed" else cut
    nodes = np.array(quiet, dtype=np.int64)
    if has_cycles(weights.incoming(weights.graph.weight)):
        cycles = has_cycles(weights.incoming(np.abs(cut[weights.graph.out_target, weights.graph.sources()])))
        if scale == "silenced" and not cycles:
            with pytest.raises(AnalysisError, match="nothing to scale by"):
                influence(weights, seeds, nodes, gain, scale)
            return
        if top(reference) < 0.05:
            return  # what dense eigenvalues make of 0
        cut = cut * (gain / top(reference))
    system = np.eye(n) - cut
    if np.linalg.cond(system) > 1e7:
        return  # what a dense solve gives is no oracle either
    start = np.zeros((n, 2))
    start[0] = 1.0
    start[1, 1] = 1.0
    wanted = np.linalg.solve(system, start)
    found = influence(weights, seeds, nodes, gain, scale)
    assert np.abs(found.score - wanted).max() <= 1e-10 * max(1.0, np.abs(wanted).max())
    if found.mode is not None and gain == 0.99:
        values, right = np.linalg.eig(cut)
        left = np.linalg.inv(right) if np.linalg.cond(right) < 1e6 else None
        if left is not None:
            first = np.flatnonzero(values.real > values.real.max() - 1e-9)
            mode = sum(np.multiply.outer(right[:, k], left[k] @ start) / (1 - values[k]) for k in first).real
            assert np.allclose(found.mode, mode, atol=1e-7 * max(1.0, np.abs(mode).max()))


@pytest.mark.parametrize("signed", [False, True])
def test_large_wirings_go_another_way_to_the_same_scores(
    random_weights: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    weights = random_weights(120, 0.08, 3, signed)
    seeds = [np.array([k]) for k in range(2)]
    direct = influence(weights, seeds)
    assert direct.mode is not None
    monkeypatch.setattr(leading_module, "DENSE", 10)
    sparse = influence(weights, seeds)
    assert sparse.mode is not None
    size = np.abs(direct.score).max()
    assert np.abs(sparse.score - direct.score).max() <= 1e-9 * size
    assert np.abs(sparse.mode - direct.mode).max() <= 1e-8 * size
    monkeypatch.setattr(resolvent, "TERMS", 1)  # too few for any series
    by_gmres = influence(weights, seeds)
    assert np.abs(by_gmres.score - direct.score).max() <= 1e-9 * size


def test_a_fixed_scale_leaves_what_silencing_does_not_touch(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(20, 0.3, 1)
    far = Weights.in_graph(
        Snapshot.from_edges(
            np.arange(1, 24, dtype=np.uint64),
            [*weights.graph.sources(), 20, 21],
            [*weights.graph.out_target, 21, 22],
            [*weights.graph.weight, 3.0, 2.0],
        )
    )
    seeds, quiet = [np.array([20])], np.arange(5)
    whole = influence(far, seeds)
    fixed, other = (influence(far, seeds, quiet, scale=scale) for scale in ("fixed", "silenced"))
    assert np.allclose(fixed.score[20:], whole.score[20:], rtol=1e-12)
    assert not np.allclose(other.score[21:], whole.score[21:], rtol=1e-3)
    assert other.lambda_ is not None
    assert whole.lambda_ is not None
    assert other.lambda_ < whole.lambda_


def test_silenced_seeds_still_send(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(15, 0.4, 2)
    seeds = [np.array([0, 1])]
    assert np.array_equal(influence(weights, seeds, np.array([0, 1])).score, influence(weights, seeds).score)


def test_no_cycles_no_scale(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(12, 0.4, 5, acyclic=True)
    found = influence(weights, [np.array([0])])
    assert found.lambda_ is None
    assert found.mode is None
    assert np.allclose(found.score[:, 0], np.linalg.solve(np.eye(12) - dense(weights), np.eye(12)[0]), rtol=1e-12)


def test_two_equal_circles_have_no_mode_of_their_own() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    weights = Weights.in_graph(Snapshot.from_edges(ids, [0, 1, 2, 3], [1, 0, 3, 2], [2.0, 2.0, 2.0, 2.0]))
    found = influence(weights, [np.array([0])], gain=0.5)
    assert found.mode is None
    assert "share the first place" in found.why_no_mode
    assert np.allclose(found.score[:, 0], [4 / 3, 2 / 3, 0, 0])


def test_twins_are_told_from_one_in_large_wirings(
    random_weights: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading_module, "DENSE", 30)
    graph = random_weights(40, 0.3, 8).graph
    pre, post = graph.sources(), graph.out_target
    for factor, shared in ((1.0, True), (0.5, False)):
        twins = Snapshot.from_edges(
            np.arange(1, 81, dtype=np.uint64), [*pre, *(pre + 40)], [*post, *(post + 40)],
            [*graph.weight, *(factor * graph.weight)],
        )  # fmt: skip
        found = influence(Weights.in_graph(twins), [np.array([0])])
        assert (found.mode is None) == shared
        w = dense(Weights.in_graph(twins))
        wanted = np.linalg.solve(np.eye(80) - w * 0.99 / top(w), np.eye(80)[0])
        assert np.abs(found.score[:, 0] - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_what_has_no_answer_is_one_error(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(6, 0.5, 1)
    seeds = [np.array([0])]
    damped = Weights.in_graph(Snapshot.from_edges(np.arange(1, 3, dtype=np.uint64), [0, 1], [1, 0], [2, 2]), [1, -1])
    cases: list[tuple[Any, str]] = [
        (lambda: influence(weights, seeds, gain=1.0), "the gain is 1.0"),
        (lambda: influence(weights, [np.zeros(0, np.int64)]), "without neurons"),
        (lambda: influence(damped, seeds), "every cycle is damped by its signs"),
    ]
    for work, words in cases:
        with pytest.raises(AnalysisError, match=words):
            work()


def test_adjusted_scores_begin_at_nothing() -> None:
    assert adjusted(np.array([0.0, 1.0, -1.0, 1e-30, np.e])).tolist() == [0.0, 24.0, -24.0, 0.0, 25.0]


@pytest.mark.parametrize(("signed", "silencing"), [(False, True), (True, False)])
def test_the_larva_by_a_dense_solve(larva: Callable[[str], Any], signed: bool, silencing: bool) -> None:
    found = larva("brain_and_inputs")
    graph = found.weights.graph
    sign = np.where(np.arange(graph.n) % 4 == 0, -1, 1) if signed else None
    weights = Weights.in_graph(graph, sign)
    seeds = [found.where("merge_class", "sens-ORN")]
    quiet = found.where("simple_group", "LNs") if silencing else np.zeros(0, np.int64)
    result = influence(weights, seeds, quiet)
    assert result.lambda_ is not None
    assert result.lambda_ == pytest.approx(influence(weights, seeds).lambda_)
    cut = dense(weights)
    cut[:, quiet] = 0.0
    start = np.zeros(graph.n)
    start[seeds[0]] = 1.0
    wanted = np.linalg.solve(np.eye(graph.n) - cut * (0.99 / result.lambda_), start)
    assert np.abs(result.score[:, 0] - wanted).max() <= 1e-10 * max(1.0, np.abs(wanted).max())


def test_sets_of_which_some_are_silenced_are_refused(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(8, 0.5, 3)
    with pytest.raises(AnalysisError, match="1 silenced neurons are seeds of some set"):
        influence(weights, [np.array([0]), np.array([1])], np.array([1, 2]), 0.5)

"""Functional edges: the fast matrix is numpy's, surrogates know about time, kinds are never pooled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from graphlab.activity.sessions.session import Recorded, Session
from graphlab.activity.wiring.functional_connectivity import correlation_edges, correlation_matrix
from graphlab.activity.wiring.lagged import lagged_edges
from graphlab.store.recordings.files import RowFile
from ingest.schema.errors import AnalysisError, UnknownNameError


def session_of(traces: np.ndarray, **behaviors: np.ndarray) -> Session:
    frames = traces.shape[1]
    neurons = [Recorded(i, 100 + i, f"N{i}") for i in range(len(traces))]
    return Session("a", np.arange(frames) * 0.5, np.zeros(frames, int), traces.astype(np.float32), neurons, behaviors)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(20, 200), st.integers(0, 1000))
def test_matrix_is_numpys(traces: int, frames: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(100.0, 1.0, size=(traces, frames)).astype(np.float32)
    found = correlation_matrix(values, np.zeros(frames, int))
    np.testing.assert_allclose(found, np.corrcoef(values.astype(np.float64)), atol=2e-5)


def test_matrix_from_a_file_is_the_same_and_tells_progress(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1500, 300)).astype(np.float32)
    rows, scratch = RowFile(tmp_path, 1500, 300), RowFile(tmp_path, 1500, 300)
    rows[0:1500] = values
    told: list[tuple[int, int]] = []
    found = correlation_matrix(rows, np.zeros(300, int), out=scratch, progress=lambda *now: told.append(now))
    np.testing.assert_allclose(found, np.corrcoef(values), atol=1e-5)
    np.testing.assert_array_equal(found, found.T)
    assert told[-1][0] == told[-1][1]


def test_segments_have_their_own_baseline() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 200))
    values[:, 100:] += 50.0
    segment = np.repeat([0, 1], 100)
    assert correlation_matrix(values.astype(np.float32), np.zeros(200, int))[0, 1] > 0.99
    assert abs(correlation_matrix(values.astype(np.float32), segment)[0, 1]) < 0.3


def test_p_of_independent_pairs_holds_where_frames_as_samples_fail(
    make_autocorrelated: Callable[..., np.ndarray],
) -> None:
    p, naive = [], []
    for seed in range(40):
        traces = make_autocorrelated(np.random.default_rng(seed), 8, 600, 10.0)
        found = correlation_edges(session_of(traces), surrogates=75)
        p.append([(found.p <= level).mean() for level in (0.2, 0.05)])
        naive.append((found.p_naive <= 0.05).mean())
    error = np.std(p, axis=0) / np.sqrt(len(p))
    assert (np.mean(p, axis=0) <= np.array([0.2, 0.05]) + 2 * error).all()
    assert np.mean(naive) > 0.4


def test_partial_drops_the_common_driver(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    own = make_autocorrelated(rng, 6, 2000, 5.0)
    traces = own.copy()
    traces[1] += 2 * own[0]
    traces[2] += 2 * own[0]
    raw = correlation_edges(session_of(traces), "raw", surrogates=199)
    partial = correlation_edges(session_of(traces), "partial", surrogates=999)
    pair = {(int(a), int(b)): i for i, (a, b) in enumerate(zip(raw.pre, raw.post, strict=True))}
    assert raw.value[pair[1, 2]] > 0.7
    assert partial.value[pair[1, 2]] < 0.25
    assert partial.value[pair[0, 1]] > 0.3
    assert partial.q[pair[0, 1]] <= 0.05


def test_behaviour_and_the_global_signal_are_regressed_out(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    own, behavior = make_autocorrelated(rng, 6, 2000, 5.0), make_autocorrelated(rng, 1, 2000, 5.0)[0]
    traces = own + 2 * behavior * np.array([1, 1, -1, -1, 1, -1])[:, None]
    session = session_of(traces, speed=behavior)
    raw = correlation_edges(session, "raw", surrogates=49)
    rest = correlation_edges(session, "behavior_removed", surrogates=49)
    assert np.abs(raw.value).mean() > 0.7
    assert np.abs(rest.value).mean() < 0.3


@pytest.mark.parametrize("measure", ["cross_correlation", "granger"])
def test_lagged_edges_point_forward_and_are_uniform_without_any(
    make_autocorrelated: Callable[..., np.ndarray], measure: str
) -> None:
    rng = np.random.default_rng(3)
    traces = make_autocorrelated(rng, 5, 2000, 3.0)
    for t in range(2, 2000):
        traces[1, t] += 0.6 * traces[0, t - 2]
    found = lagged_edges(session_of(traces), measure, max_lag_s=2.0)
    pair = {(int(a), int(b)): i for i, (a, b) in enumerate(zip(found.pre, found.post, strict=True))}
    assert np.abs(found.value).argmax() == pair[0, 1]
    assert found.p[pair[0, 1]] <= 0.01
    assert found.q[pair[0, 1]] <= 0.05
    assert found.q[pair[1, 0]] > 0.05
    assert found.directed
    if measure == "cross_correlation":
        assert found.lag_s[pair[0, 1]] in (1.0, 1.5)
    low = []
    for seed in range(12):
        quiet = make_autocorrelated(np.random.default_rng(100 + seed), 4, 500, 5.0)
        low.append((lagged_edges(session_of(quiet), measure, surrogates=60).p <= 0.1).mean())
    assert np.mean(low) < 0.1 + 3 * np.std(low) / np.sqrt(len(low))


@pytest.mark.parametrize("time_frames", [3.0, 10.0])
def test_a_common_driver_without_delay_has_no_direction(
    make_autocorrelated: Callable[..., np.ndarray], time_frames: float
) -> None:
    """Both neurons follow one hidden signal at once: each goes with the other's past, and neither leads."""
    called = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        traces = make_autocorrelated(rng, 4, 1200, time_frames)
        traces[:2] = 0.4 * traces[:2] + make_autocorrelated(rng, 1, 1200, time_frames)
        found = lagged_edges(session_of(traces), surrogates=100)
        shared = [at for at, pair in enumerate(zip(found.pre, found.post, strict=True)) if max(pair) == 1]
        assert np.abs(found.value[shared]).min() > 0.4
        called += [found.p[at] <= 0.05 for at in shared]
    assert np.mean(called) <= 0.1


def test_traces_against_their_own_mean_are_not_related(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    """A mean over six traces that holds the pair makes independent neurons go against each other."""
    found = [
        correlation_edges(
            session_of(make_autocorrelated(np.random.default_rng(seed), 6, 1000, 5.0)), "behavior_removed"
        )
        for seed in range(10)
    ]
    assert abs(np.mean([one.value for one in found])) < 0.05
    assert np.mean([one.p <= 0.05 for one in found]) < 0.08


def test_partial_p_needs_frames_for_its_traces(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    traces = make_autocorrelated(np.random.default_rng(0), 20, 800, 10.0)
    found = correlation_edges(session_of(traces), "partial")
    assert np.isnan(found.p).all()
    assert np.isfinite(found.value).all()
    assert "no p of partial correlations" in found.untested


def test_what_cannot_be_answered_is_one_error(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    traces = make_autocorrelated(np.random.default_rng(0), 4, 400, 4.0)
    nobody = Session(
        "a", np.arange(400) * 0.5, np.zeros(400, int), traces.astype(np.float32), [Recorded(i) for i in range(4)]
    )
    with pytest.raises(AnalysisError, match="no trace has an identity"):
        correlation_edges(nobody)
    with pytest.raises(UnknownNameError, match="did you mean 'partial'"):
        correlation_edges(session_of(traces), "parial")
    with pytest.raises(AnalysisError, match="at least one frame"):
        lagged_edges(session_of(traces), max_lag_s=0.1)
    slow = correlation_edges(session_of(np.cos(2 * np.pi * np.arange(60) / 60 + np.arange(4)[:, None])))
    assert np.isnan(slow.p).all()
    assert "found 60 frames" in slow.untested


def test_dag_edges_join_and_never_pool(dag: Graph) -> None:
    raw = dag.activity.correlate("correlation", animals=["2022-07-26-31"], min_confidence=3, surrogates=49)
    lagged = dag.activity.correlate("lagged", animals=["2022-07-26-31"], min_confidence=3, surrogates=49)
    assert raw.run_id != lagged.run_id
    kinds = (
        dag.query("SELECT run_id, kind, count(*) AS n FROM functional_connections GROUP BY ALL").to_arrow().to_pylist()
    )
    assert {(row["run_id"], row["kind"]) for row in kinds} == {
        (raw.run_id, "correlation"),
        (lagged.run_id, "lagged_predictive"),
    }
    named = dag.query(
        "SELECT a.name, b.name, f.value FROM functional_connections f JOIN recorded_neurons a "
        "ON f.pre_root_id = a.root_id AND f.animal = a.animal "
        "JOIN recorded_neurons b ON f.post_root_id = b.root_id AND f.animal = b.animal "
        "WHERE kind = 'correlation' ORDER BY f.value DESC LIMIT 5"
    ).to_arrow()
    assert named.num_rows == 5
    with pytest.raises(AnalysisError, match="no animal has identities"):
        dag.activity.correlate("correlation", animals=["2022-01-16-01"])
    view = dag.activity.functional_snapshot(raw.run_id, max_q=1.0)
    assert view.m == 2 * raw.table.num_rows


def test_session_fixture_is_known(make_world: Callable[..., Any]) -> None:
    session, chosen = make_world(0)
    assert len(chosen) == 4
    assert session.identified() == list(range(40))

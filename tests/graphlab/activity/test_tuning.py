"""Tuning: p values uniform without a relation, false discoveries held with one, where frames as samples fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from graphlab import Graph
from graphlab.activity.pooling import pool
from graphlab.activity.session import Recorded, Session
from graphlab.activity.tuning import TuningOptions, delayed, tune
from ingest.errors import AnalysisError, UnknownNameError

DETREND_S = 300.0


def test_r_is_numpys_r_and_the_lag_is_found(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    traces = make_autocorrelated(rng, 6, 600, 5.0)
    behavior = np.roll(traces[2], -4)  # trace 2 follows the behaviour by 4 frames
    session = Session(
        "a", np.arange(600) * 0.5, np.zeros(600, int), traces.astype(np.float32), [Recorded(i) for i in range(6)],
        {"speed": behavior},
    )  # fmt: skip
    linear, lagged = tune(session, "speed", TuningOptions(("linear", "lagged"), surrogates=99, max_lag_s=4.0))
    np.testing.assert_allclose(linear.value, [np.corrcoef(row, behavior)[0, 1] for row in traces], atol=1e-5)
    assert lagged.lag_s[2] == 2.0
    assert lagged.value[2] > 0.95
    assert lagged.p[2] == 0.01


def test_lags_stay_inside_a_segment() -> None:
    values = np.arange(10.0)
    moved = delayed(values, np.repeat([0, 1], 5), 2)
    np.testing.assert_array_equal(moved, [2, 2, 0, 1, 2, 7, 7, 5, 6, 7])


def test_rectified_parts_are_told_apart(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    behavior = make_autocorrelated(rng, 1, 2000, 5.0)[0]
    traces = np.stack([np.maximum(behavior, 0), np.maximum(-behavior, 0)]) + 0.1 * rng.normal(size=(2, 2000))
    session = Session(
        "a", np.arange(2000) * 0.5, np.zeros(2000, int), traces.astype(np.float32), [Recorded(0), Recorded(1)],
        {"v": behavior},
    )  # fmt: skip
    up, down = tune(session, "v", TuningOptions(("rectified_positive", "rectified_negative"), surrogates=99))
    assert up.value[0] > 0.95
    assert down.value[1] > 0.95
    assert down.value[0] < 0


@pytest.mark.slow
def test_p_is_uniform_without_a_relation_and_frames_as_samples_fail(make_world: Callable[..., Any]) -> None:
    p, naive = [], []
    for seed in range(200):
        session, _ = make_world(seed, neurons=10, related=False)
        (found,) = tune(session, "speed", TuningOptions(surrogates=199, detrend_s=DETREND_S, seed=seed))
        p.append(found.p)
        naive.append((found.q_naive <= 0.05).mean())
    p = np.array(p)
    # One neuron a simulation: neurons of one simulation share the behaviour.
    assert kstest(p[:, 0], "uniform").pvalue > 0.01
    for level in (0.05, 0.2, 0.5):
        share = (p <= level).mean(axis=1)
        assert abs(share.mean() - level) < 3.5 * share.std() / np.sqrt(len(p)) + 0.005
    assert np.mean(naive) > 0.3, "frames as samples ought to fail here"


@pytest.mark.slow
def test_false_discoveries_are_held_over_200_simulations(make_world: Callable[..., Any]) -> None:
    false, naive, power = [], [], []
    for seed in range(200):
        session, drivers = make_world(seed)
        (found,) = tune(session, "speed", TuningOptions(surrogates=999, detrend_s=DETREND_S, seed=seed))
        for called, rates in ((found.q <= 0.05, false), (found.q_naive <= 0.05, naive)):
            rates.append((called.sum() - called[drivers].sum()) / max(1, called.sum()))
        power.append((found.q[drivers] <= 0.05).mean())
    error = np.std(false) / np.sqrt(len(false))
    print(f"FDR {np.mean(false):.3f} +- {error:.3f}, naive {np.mean(naive):.3f}, power {np.mean(power):.3f}")
    assert np.mean(false) <= 0.05 + 2 * error
    assert np.mean(naive) > 0.3
    assert np.mean(power) > 0.9


@pytest.mark.parametrize("null", ["phase", "pseudo_session"])
def test_other_nulls(make_world: Callable[..., Any], null: str) -> None:
    session, drivers = make_world(5, drift=0.0)
    others = []
    for seed in (6, 7, 8):
        other, _ = make_world(seed, drift=0.0)
        other.animal = f"other {seed}"
        others.append(other)
    (found,) = tune(session, "speed", TuningOptions(null=null, surrogates=499), others)
    assert (found.q[drivers] <= 0.05).mean() >= 0.75
    with pytest.raises(AnalysisError, match="pseudo-sessions need"):
        tune(session, "speed", TuningOptions(null="pseudo_session", surrogates=99))
    slower, _ = make_world(9, drift=0.0)
    slower.time_s = slower.time_s * 1.3
    with pytest.raises(AnalysisError, match="at the same frame rate"):
        tune(session, "speed", TuningOptions(null="pseudo_session", surrogates=99), [slower])


def test_pseudo_sessions_are_calibrated_where_animals_behave_alike(make_world: Callable[..., Any]) -> None:
    low = []
    for seed in range(60):
        session, *others = (
            make_world(4 * seed + i, neurons=8, frames=800, related=False, drift=0.0)[0] for i in range(4)
        )
        (found,) = tune(session, "speed", TuningOptions(null="pseudo_session", surrogates=199, seed=seed), others)
        low.append((found.p <= 0.1).mean())
    assert abs(np.mean(low) - 0.1) < 3.5 * np.std(low) / np.sqrt(len(low)) + 0.005


def test_segments_are_shifted_by_themselves(make_world: Callable[..., Any]) -> None:
    session, drivers = make_world(3, segments=3, drift=0.0)
    (found,) = tune(session, "speed", TuningOptions(surrogates=499))
    assert (found.q[drivers] <= 0.05).all()


def test_holes_and_missing_behaviour(make_world: Callable[..., Any]) -> None:
    session, _ = make_world(3, drift=0.0)
    session.rows[0, 100:110] = np.nan
    session.rows[1, :] = 5.0
    session.rows[2, :400] = np.nan
    session.behaviors["speed"][700:720] = np.nan
    (found,) = tune(session, "speed", TuningOptions(surrogates=199))
    assert np.isfinite(found.value[0])
    assert np.isnan(found.value[[1, 2]]).all()
    assert np.isnan(found.q[[1, 2]]).all()
    assert found.frames == 1480


def test_too_short_is_refused_with_the_number(make_world: Callable[..., Any]) -> None:
    session, _ = make_world(0, frames=80)
    with pytest.raises(AnalysisError, match=r"found 80 frames, .* autocorrelation times of .* wanted at least 10 \("):
        tune(session, "speed", TuningOptions(surrogates=99))
    session, _ = make_world(0, drift=0.0)
    session.behaviors["speed"][:] = 1.0
    with pytest.raises(AnalysisError, match="constant or never measured"):
        tune(session, "speed", TuningOptions(surrogates=99))
    with pytest.raises(UnknownNameError, match="unknown behaviour of animal made 'sped'; did you mean 'speed'"):
        tune(session, "sped", TuningOptions())
    with pytest.raises(UnknownNameError, match="unknown measure"):
        TuningOptions(("liner",))


def test_information_finds_what_correlation_misses(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(4)
    behavior = make_autocorrelated(rng, 1, 900, 4.0)[0]
    traces = np.stack([behavior**2 + 0.2 * rng.normal(size=900), rng.normal(size=900)])
    session = Session(
        "a", np.arange(900) * 0.5, np.zeros(900, int), traces.astype(np.float32), [Recorded(0), Recorded(1)],
        {"v": behavior},
    )  # fmt: skip
    (found,) = tune(session, "v", TuningOptions(("mutual_information",), surrogates=39))
    assert found.p[0] == 1 / 40
    assert found.value[0] > 0.3
    assert found.p[1] > 0.05


def test_same_seed_same_bytes(make_world: Callable[..., Any]) -> None:
    session, _ = make_world(0, drift=0.0)
    first, second = (tune(session, "speed", TuningOptions(surrogates=99, seed=4))[0] for _ in range(2))
    np.testing.assert_array_equal(first.p, second.p)
    assert not np.array_equal(first.p, tune(session, "speed", TuningOptions(surrogates=99, seed=5))[0].p)


@pytest.mark.parametrize(
    ("neuron_class", "behavior", "wanted", "traces"),
    [("AVE", "reversal", 0.29, 8), ("RIB", "velocity", 0.30, 3), ("SAA", "reversal", 0.21, 8)],
)
def test_dag_known_neurons_keep_their_tuning(
    dag: Graph, neuron_class: str, behavior: str, wanted: float, traces: int
) -> None:
    sessions = dag.sessions()
    found = [tune(s, behavior, TuningOptions(surrogates=499), keep_null=True)[0] for s in sessions]
    row = next(one for one in pool(sessions, found, min_confidence=3) if one.neuron_class == neuron_class)
    assert row.traces == traces
    assert abs(row.value - wanted) < 0.02
    assert row.lo < row.value < row.hi
    assert row.q <= 0.05


def test_dag_shift_null_calls_far_fewer_than_frames_as_samples(dag: Graph) -> None:
    for session in dag.sessions():
        for behavior in ("velocity", "head_angle"):
            (found,) = tune(session, behavior, TuningOptions(surrogates=499))
            shift, naive = np.nanmean(found.q <= 0.05), np.nanmean(found.q_naive <= 0.05)
            print(f"{session.animal} {behavior}: shift {shift:.2f}, naive {naive:.2f}")
            assert shift < naive
            assert 0.05 < shift < 0.45
            assert naive > 0.3


def test_dag_head_angle_neurons(dag: Graph) -> None:
    """SMD swings with the head (Hendricks et al. 2012; Kaplan et al. 2020), in every animal."""
    sessions = [s for s in dag.sessions() if s.identified()]
    found = [tune(s, "head_angle", TuningOptions(surrogates=499), keep_null=True)[0] for s in sessions]
    pooled = {one.neuron_class: one for one in pool(sessions, found, min_confidence=3)}
    assert pooled["SMD"].value > 0.3
    assert pooled["SMD"].lo > 0
    assert pooled["SMD"].q <= 0.05
    assert pooled["SMD"].animals == 4

"""Blocks, decoding, encoding and drivers: held out means held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphlab import Graph
from graphlab.activity.behavior.decoding import decode, design
from graphlab.activity.behavior.drivers import drivers
from graphlab.activity.behavior.encoding import decayed, encode
from graphlab.activity.behavior.held_out import held_out, held_out_each, inner_folds
from graphlab.activity.sessions.blocks import blocked_folds, scores
from graphlab.activity.sessions.drift import Drift
from graphlab.activity.sessions.preparation import drift_basis
from graphlab.activity.sessions.session import Recorded, Session
from graphlab.activity.sessions.timescale import autocorrelation_time
from graphlab.statistics.ridge import fit, ridge_path
from ingest.schema.errors import AnalysisError
from ingest.synthetic import signals
from ingest.synthetic.connectome import Synthetic


def test_blocks_cover_every_frame_once_and_keep_their_distance() -> None:
    segment = np.repeat([0, 1], [60, 40])
    folds = blocked_folds(segment, 5, 7)
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in folds]), np.arange(100))
    for fold in folds:
        for frame in fold.test:
            same = fold.train[segment[fold.train] == segment[frame]]
            assert not len(same) or np.abs(same - frame).min() > 7
    # Nothing lies between two segments: frame 60 may be trained on while 59 is tested.
    assert 60 in folds[2].train
    with pytest.raises(AnalysisError, match="at most 4 folds"):
        blocked_folds(np.zeros(40, int), 10, 9)


def test_r2_and_r() -> None:
    truth = np.array([[0.0], [1.0], [2.0]])
    r2, r = scores(truth, truth * 2)
    np.testing.assert_allclose([r2[0], r[0]], [1 - 5 / 2, 1.0])


def test_autocorrelation_time_of_known_processes(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    traces = make_autocorrelated(np.random.default_rng(0), 40, 20_000, 12.0)
    assert abs(np.median(autocorrelation_time(traces, np.zeros(20_000, int))) - 12.0) < 1.0
    assert autocorrelation_time(np.ones((1, 50)), np.zeros(50, int))[0] == 0


def test_random_splits_flatter_where_blocks_do_not(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    traces = make_autocorrelated(rng, 60, 800, 20.0)
    session = Session(
        "a", np.arange(800) * 0.6, np.zeros(800, int), traces.astype(np.float32), [Recorded(i) for i in range(60)],
        {"v": make_autocorrelated(rng, 1, 800, 20.0)[0]},
    )  # fmt: skip
    found = decode(session, "v")
    assert found.r2 < 0.15, "nothing can be decoded"
    assert found.r2_random > 0.4, "a random split looks the neighbours up"


def test_decoding_finds_the_drivers_and_importance_is_a_refit(make_world: Callable[..., Any]) -> None:
    session, chosen = make_world(1, drift=0.0)
    found = decode(session, "speed", importance=True)
    assert found.r2 > 0.6
    assert found.r > 0.75
    largest = sorted(found.importance, key=lambda trace: -found.importance[trace])[:4]
    assert set(largest) == set(chosen.tolist())
    # The downdate is what a fit without the trace gives.
    x, y, segment, traces = design(session, "speed")
    without = [i for i, trace in enumerate(traces) if trace != chosen[0]]
    predicted = np.empty_like(y)
    for fold in blocked_folds(segment, 5, found.gap_frames):
        model = fit(x[fold.train], y[fold.train], inner_folds(segment[fold.train], found.gap_frames))
        scaled = model.scale(x[fold.train])[:, without]
        weights = ridge_path(scaled, y[fold.train] - model.mean, (model.penalty,))[0]
        predicted[fold.test] = model.scale(x[fold.test])[:, without] @ weights + model.mean
    np.testing.assert_allclose(found.r2 - scores(y, predicted)[0][0], found.importance[int(chosen[0])], atol=1e-8)


def test_encoding_recovers_decay_and_which_behaviour(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(3)
    frames, segment = 3000, np.zeros(3000, int)
    behaviors = make_autocorrelated(rng, 2, frames, 4.0)
    slow = decayed(behaviors[:1], segment, 8.0 / 0.5)[0]
    traces = np.stack([slow / slow.std(), behaviors[1], np.zeros(frames)]) + 0.3 * rng.normal(size=(3, frames))
    session = Session(
        "a", np.arange(frames) * 0.5, segment, traces.astype(np.float32), [Recorded(i) for i in range(3)],
        {"velocity": behaviors[0], "head": behaviors[1]},
    )  # fmt: skip
    found = encode(session, surrogates=19)
    assert found.decay_s[0] == 8.0
    assert found.decay_s[1] == 0.0
    assert (found.r2[:2] > 0.7).all()
    assert found.r2[2] < 0.05
    assert found.importance["velocity"][0] > 0.5
    assert abs(found.importance["head"][0]) < 0.05


def test_decay_starts_anew_in_every_segment() -> None:
    values = np.array([[1.0, 1, 1, 5, 5, 5]])
    np.testing.assert_allclose(decayed(values, np.repeat([0, 1], 3), 4.0), values)


def made_session(seed: int) -> tuple[Session, dict[str, set[int]]]:
    """The made connectome's recording, with drift shared by all neurons and behaviours; neurons follow the wiring."""
    source = Synthetic(300, seed=seed, recorded=60, frames=4000)
    rows = [batch.to_pandas() for batch in source.activity()]
    table = np.concatenate([frame["activity"].to_numpy() for frame in rows])
    traces = table.reshape(-1, 60).T.copy()
    behavior = [batch.to_pandas() for batch in source.behavior()]
    frames = traces.shape[1]
    slow = np.cos(np.pi * (np.arange(frames) + 0.5) / frames)
    rng = np.random.default_rng(seed)
    traces += (2.0 * rng.uniform(0.5, 1.5, size=(60, 1)) * slow).astype(np.float32)
    values = {
        name: np.concatenate([frame[name].to_numpy() for frame in behavior]) + 2.0 * slow
        for name in ("speed", "turning")
    }
    recording = source.recording
    truth = {name: set(recording.drivers[i].tolist()) for i, name in enumerate(("speed", "turning"))}
    neurons = [Recorded(i, int(source.population.root_ids[at])) for i, at in enumerate(recording.recorded)]
    return Session("made", np.arange(frames) * 0.5, np.zeros(frames, int), traces, neurons, values), truth


@pytest.mark.slow
def test_drivers_of_a_made_connectome_are_recovered() -> None:
    """Behaviour noise 0.5 (the made connectome's own), drift twice the activity's spread."""
    hits = called = wanted = 0
    for seed in range(4):
        session, truth = made_session(seed)
        for name, true in truth.items():
            found = drivers(session, name, surrogates=999, detrend_s=500.0, seed=seed)
            got = {trace for trace, q in zip(found.traces, found.q, strict=True) if q <= 0.05}
            hits, called, wanted = hits + len(got & true), called + len(got), wanted + len(true)
    print(f"precision {hits / called:.3f}, recall {hits / wanted:.3f}")
    assert hits / called >= 0.9
    assert hits / wanted >= 0.9


def test_no_p_of_single_drivers_where_frames_are_few_for_the_traces() -> None:
    """30 traces, 800 frames, time 15: overfitted residuals made P(p <= .05) .136 here."""
    found, joint = [], []
    for seed in range(8):
        made = signals.autoregression(15.0)(np.random.default_rng(seed), 31, 800)
        session = Session(
            "a", np.arange(800) * 0.5, np.zeros(800, int), made[:-1].astype(np.float32),
            [Recorded(i) for i in range(30)], {"v": made[-1]},
        )  # fmt: skip
        one = drivers(session, "v")
        found.append(one)
        joint.append(one.p_joint <= 0.05)
    assert all(np.isnan(one.p).all() and np.isnan(one.q).all() for one in found)
    assert all("autocorrelation times a trace" in one.untested for one in found)
    assert all(((one.frequency >= 0) & (one.frequency <= 1)).all() for one in found)
    assert np.mean(joint) <= 0.25


@pytest.mark.parametrize("process", [signals.autoregression(4.0), signals.bistable(10.0), signals.indicator(5.0, 0.1)])
def test_single_drivers_hold_where_frames_are_many(process: signals.Process) -> None:
    """One trace drives; the others, which share half of it, are not called."""
    shares, hits = [], []
    for seed in range(8):
        made = process(np.random.default_rng(seed), 8, 2000)
        made[1:7] += 0.7 * made[0]
        made[-1] += made[0]
        session = Session(
            "a", np.arange(2000) * 0.5, np.zeros(2000, int), made[:-1].astype(np.float32),
            [Recorded(i) for i in range(7)], {"v": made[-1]},
        )  # fmt: skip
        one = drivers(session, "v")
        shares.append((one.p[1:] <= 0.05).mean())
        hits.append(one.q[0] <= 0.05)
        assert one.p_joint <= 0.05
        assert one.frequency[0] > 0.9
    assert np.mean(shares) <= 0.05 + 2.5 * np.std(shares) / np.sqrt(len(shares))
    assert np.mean(hits) > 0.9


def test_decoding_and_encoding_have_p_that_know_about_time(make_autocorrelated: Callable[..., np.ndarray]) -> None:
    low, encoded = [], []
    for seed in range(12):
        made = make_autocorrelated(np.random.default_rng(seed), 7, 500, 8.0)
        session = Session(
            "a", np.arange(500) * 0.5, np.zeros(500, int), made[:-1].astype(np.float32),
            [Recorded(i) for i in range(6)], {"v": made[-1]},
        )  # fmt: skip
        low.append(decode(session, "v").p <= 0.1)
        if seed < 2:
            found = encode(session, folds=3, decays_s=(0.0, 2.0), surrogates=39)
            assert found.null is not None
            assert found.null.floor == 1 / 40
            encoded.append((found.p <= 0.1).mean())
    assert np.mean(low) <= 0.1 + 2.5 * 0.08
    assert np.mean(encoded) <= 0.35
    made[-1] = made[0] + 0.5 * made[-1]
    session.behaviors["v"] = made[-1]
    assert decode(session, "v").p <= 0.02
    found = encode(session, folds=3, decays_s=(0.0, 2.0), surrogates=39)
    assert found.p_family[0] == 1 / 40
    short = Session("a", np.arange(70) * 0.5, np.zeros(70, int), made[:-1, :70].astype(np.float32),
                    session.neurons, {"v": np.random.default_rng(0).normal(size=70)})  # fmt: skip
    assert np.isnan(decode(short, "v", folds=2).p)
    assert "can be shifted by 17 frames" in decode(short, "v", folds=2).untested


def test_many_targets_at_once_are_each_alone() -> None:
    """Every shifted behaviour is decoded as it would be by itself, penalty and drift included."""
    rng = np.random.default_rng(0)
    segment = np.repeat([0, 1], [160, 140])
    for features in (5, 250):
        x, y = rng.normal(size=(300, features)), rng.normal(size=(300, 4))
        y[:, 0] += x[:, 0]
        folds, drift = blocked_folds(segment, 4, 5), Drift(segment, 0.5, 60.0)
        predicted, truth = held_out_each(x, y, folds, lambda fold: inner_folds(segment[fold.train], 5), drift)
        for k in range(4):
            one, goal = held_out(x, y[:, [k]], folds, lambda fold: inner_folds(segment[fold.train], 5), drift)
            np.testing.assert_allclose(predicted[:, k], one[:, 0], atol=1e-6)
            np.testing.assert_allclose(truth[:, k], goal[:, 0], atol=1e-9)


def test_drivers_need_more_frames_than_traces(make_world: Callable[..., Any]) -> None:
    session, _ = make_world(0, neurons=200, frames=300, time_frames=3.0)
    with pytest.raises(AnalysisError, match="200 traces in 300 frames"):
        drivers(session, "speed")


def test_dag_velocity_decodes_worse_in_blocks_than_a_random_split_says(dag: Graph) -> None:
    gains = []
    for session in dag.activity.sessions():
        for behavior in ("velocity", "head_angle"):
            found = decode(session, behavior)
            print(
                f"{session.animal} {behavior}: blocked R2 {found.r2:.2f} r {found.r:.2f}, "
                f"random R2 {found.r2_random:.2f}"
            )
            gains.append(found.r2_random - found.r2)
    assert min(gains) > 0.05
    assert np.mean(gains) > 0.2


def test_drift_of_a_held_out_block_is_not_looked_at() -> None:
    """Whatever the held-out frames hold, what is taken out of the others, and out of them, stays the same."""
    rng = np.random.default_rng(5)
    segment = np.repeat([0, 1, 2], [400, 300, 100])
    values = rng.normal(size=(800, 3)) + 5.0 * np.sin(np.arange(800) / 150.0)[:, None]
    drift = Drift(segment, 0.5, 60.0)
    for fold in blocked_folds(segment, 5, 20):
        other = values.copy()
        other[np.setdiff1d(np.arange(800), fold.train)] += 100.0 * rng.normal(size=3)
        taken, again = values - drift.without(values, fold.train), other - drift.without(other, fold.train)
        np.testing.assert_allclose(taken, again, atol=1e-9)
    np.testing.assert_array_equal(Drift(segment, 0.5, None).without(values, np.arange(10)), values)


def test_drift_fitted_to_all_frames_is_what_preparation_takes_out() -> None:
    rng = np.random.default_rng(6)
    segment = np.repeat([0, 1], [500, 300])
    values = rng.normal(size=(800, 2))
    basis = drift_basis(segment, 0.5, 80.0).astype(np.float64)
    wanted = values - basis.T @ (basis @ values)
    np.testing.assert_allclose(Drift(segment, 0.5, 80.0).without(values, np.arange(800)), wanted, atol=1e-5)
    with pytest.raises(AnalysisError, match="detrend_s: found 0; wanted a positive"):
        Drift(segment, 0.5, 0.0)


def test_shared_drift_is_no_decoding_once_it_is_taken_out(make_world: Callable[..., Any]) -> None:
    """Behaviour and neurons share nothing but drift: left in, it decodes; fitted in training blocks, it does not."""
    session, _ = make_world(4, drift=3.0, related=False, frames=2000)
    with pytest.raises(AnalysisError, match="take slow drift out"):
        decode(session, "speed")
    flat = decode(session, "speed", detrend_s=300.0)
    assert flat.r2 < 0.1
    assert np.isfinite(flat.truth).all()
    related, chosen = make_world(5, drift=3.0, frames=2000)
    found = decode(related, "speed", detrend_s=300.0, importance=True)
    assert found.r2 > 0.4
    largest = sorted(found.importance, key=lambda trace: -found.importance[trace])[:4]
    assert set(largest) == set(chosen.tolist())


def test_encoding_under_drift(make_world: Callable[..., Any]) -> None:
    session, chosen = make_world(6, drift=3.0, frames=3000, drivers=2, noise=0.2)
    with pytest.raises(AnalysisError, match="take slow drift out"):
        encode(session)
    found = encode(session, detrend_s=300.0, surrogates=19)
    others = np.setdiff1d(np.arange(40), chosen)
    assert found.r2[chosen].min() > 0.3
    assert found.r2[others].max() < 0.2

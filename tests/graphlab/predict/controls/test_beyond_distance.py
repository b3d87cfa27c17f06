"""Scores among pairs equally far apart, and with distance regressed out: nothing of distance is left in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.controls import beyond_distance
from graphlab.predict.controls.beyond_distance import distance_controls, precision_within_strata, within_strata
from graphlab.predict.controls.control_plan import ControlSetup
from graphlab.predict.evaluation.evaluate import Estimate, FoldPredictions, area_under_roc, average_precision
from graphlab.predict.tasks.functional import FunctionalData
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")


def made(of_wiring: float, of_distance: float, n: int = 60, seed: int = 0) -> FunctionalData:
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    wired = rng.random((n, n)) < 0.3
    np.fill_diagonal(wired, False)
    place = rng.random((n, 3)) * 1e5
    apart = np.linalg.norm(place[:, None] - place[None], axis=2) / 1e5
    logits = -1.5 + of_wiring * (wired - 0.3) - of_distance * (apart - apart.mean()) / apart.std()
    responds = (rng.random((n, n)) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    chemical = Snapshot.from_edges(ids, *np.nonzero(wired))
    return FunctionalData(ids, {"chemical": chemical}, responds, [str(k // 2) for k in range(n)], place)


def aurocs(measured: FunctionalData) -> dict[str, Estimate]:
    plan = ControlSetup.of(measured, "logistic regression", folds=6, bootstraps=100)
    return {r.what: r.estimate for r in distance_controls(plan) if r.metric == "auroc" and r.estimate is not None}


def test_what_hangs_on_distance_alone_is_gone() -> None:
    found = aurocs(made(0.0, 1.5))
    assert found["distance alone"].value > 0.75
    assert found["logistic regression"].value > 0.7
    left = found["logistic regression, distance regressed out"]
    assert abs(left.value - 0.5) < 0.06
    assert abs(found["logistic regression, within deciles"].value - 0.5) < 0.06
    assert found["gain of logistic regression over distance alone"].lo < 0.0


def test_what_wiring_adds_stays() -> None:
    found = aurocs(made(2.5, 1.5))
    assert found["gain of logistic regression over distance alone"].lo > 0.02
    assert found["gain of logistic regression over distance, within deciles"].lo > 0.1
    assert found["logistic regression, distance regressed out"].lo > 0.55
    assert found["logistic regression, within deciles"].lo > 0.6
    # The last decile has no farther end, so that a little of distance is left within.
    assert found["distance, within deciles"].value < 0.6 < found["distance alone"].value


@given(st.integers(4, 60), st.integers(1, 5), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_order_within_strata_is_that_of_a_loop_over_pairs(m: int, strata: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, weight = rng.integers(0, 2, m), rng.integers(0, 3, m).astype(float)
    score, stratum = rng.integers(0, 4, m) / 4, rng.integers(0, strata, m)
    scored = np.column_stack([1 - score, score, stratum])
    won = pairs = 0.0
    for i in range(m):
        for j in range(m):
            if label[i] == 1 and label[j] == 0 and stratum[i] == stratum[j]:
                both = weight[i] * weight[j]
                pairs += both
                won += both * (float(score[i] > score[j]) + 0.5 * float(score[i] == score[j]))
    found = within_strata(label, scored, weight)
    assert np.isnan(found) if pairs == 0 else found == pytest.approx(won / pairs)
    one = np.column_stack([1 - score, score, np.zeros(m)])
    for inside, plain in ((within_strata, area_under_roc), (precision_within_strata, average_precision)):
        a, b = inside(label, one, weight), plain(label, one[:, :2], weight)
        assert (np.isnan(a) and np.isnan(b)) or a == pytest.approx(b), "one stratum is the plain score"


def test_precision_is_of_the_rank_in_its_own_stratum() -> None:
    label = np.array([1, 0, 0, 1, 1, 0])
    scored = np.column_stack([np.zeros(6), [0.9, 0.1, 0.2, 0.1, 0.9, 0.5], [0, 0, 0, 1, 1, 1]])
    # Both strata's first are positive, their second negative, and the last of stratum 1 is positive.
    wanted = average_precision(label, np.column_stack([np.zeros(6), [3, 1, 2, 1, 3, 2]]), np.ones(6))
    assert precision_within_strata(label, scored, np.ones(6)) == pytest.approx(wanted)
    shifted = scored.copy()
    shifted[3:, 1] += 50.0
    assert precision_within_strata(label, shifted, np.ones(6)) == pytest.approx(wanted), "levels of strata say nothing"


def test_strata_are_equally_large_and_lines_bend_at_knots() -> None:
    distance = np.random.default_rng(0).random(1000) ** 2 * 300
    assert np.bincount(beyond_distance.strata_of(distance)).tolist() == [100] * 10
    knots = np.array([1.0, 2.0])
    line = beyond_distance.piecewise_line(np.array([0.0, 1.0, 3.0]), knots)
    assert line.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 3, 2, 1]]
    measured = made(1, 1, 20)
    unplaced = FunctionalData(measured.root_ids, measured.snapshots, measured.responds, measured.neuron_class)
    with pytest.raises(AnalysisError, match="without positions"):
        distance_controls(ControlSetup.of(unplaced, "logistic regression", folds=2, bootstraps=0))


@given(st.integers(30, 200), st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_nothing_of_distance_is_left_in_the_scores(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    distance = rng.random(m) * 200
    rows = rng.permutation(m)[: m - 5]
    p = 1 / (1 + np.exp(distance[rows] / 40 + rng.normal(size=len(rows))))
    left = beyond_distance.regressed_out(FoldPredictions(rows, np.column_stack([1 - p, p])), distance)
    odds = np.log(left.probability[:, 1] / left.probability[:, 0])
    assert np.array_equal(left.rows, rows)
    assert np.allclose(left.probability.sum(axis=1), 1.0)
    for part in (distance[rows], distance[rows] > np.median(distance), np.ones(len(rows))):
        assert abs(odds @ part) < 0.2 * np.linalg.norm(odds) * np.linalg.norm(part)
    assert abs(np.corrcoef(odds, distance[rows])[0, 1]) < 1e-6

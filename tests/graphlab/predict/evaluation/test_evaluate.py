"""Scores agree with scikit-learn's, weights are repetitions, intervals resample classes and not pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.inputs.examples import Examples, Floats, Ints

Make = Callable[..., Examples]


def drawn(seed: int, classes: int, m: int = 60) -> tuple[Ints, Floats, Floats]:
    rng = np.random.default_rng(seed)
    label = np.append(np.arange(classes), rng.integers(0, classes, m - classes))
    probability = rng.dirichlet(np.ones(classes), m).round(1)  # ties
    probability[:, 0] += 1 - probability.sum(axis=1)
    return label, probability, rng.integers(1, 4, m).astype(np.float64)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_binary_scores_are_scikit_learns(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    label, probability, weight = drawn(seed, 2)
    score = probability[:, 1]
    assert evaluate.area_under_roc(label, probability, weight) == pytest.approx(
        metrics.roc_auc_score(label, score, sample_weight=weight)
    )
    assert evaluate.average_precision(label, probability, weight) == pytest.approx(
        metrics.average_precision_score(label, score, sample_weight=weight)
    )
    assert evaluate.brier(label, probability, weight) == pytest.approx(np.average((score - label) ** 2, weights=weight))


@given(seed=st.integers(0, 10_000), classes=st.integers(3, 6))
@settings(deadline=None, max_examples=40)
def test_scores_of_many_classes_are_scikit_learns(seed: int, classes: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    label, probability, weight = drawn(seed, classes)
    said = probability.argmax(axis=1)
    assert evaluate.macro_f1(label, probability, weight) == pytest.approx(
        metrics.f1_score(label, said, average="macro", sample_weight=weight)
    )
    assert evaluate.accuracy(label, probability, weight) == pytest.approx(
        metrics.accuracy_score(label, said, sample_weight=weight)
    )


@pytest.mark.parametrize("metric", [*evaluate.BINARY.values()])
def test_a_weight_is_a_repetition(metric: evaluate.Metric) -> None:
    label, probability, weight = drawn(5, 2)
    times = weight.astype(int)
    repeated = metric(np.repeat(label, times), np.repeat(probability, times, axis=0), np.ones(times.sum()))
    assert metric(label, probability, weight) == pytest.approx(repeated)
    assert np.isnan(metric(label, probability, np.zeros(len(label))))


def test_calibration_of_a_known_case() -> None:
    label = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    said = np.array([0.35] * 4 + [0.85] * 4)
    probability = np.stack([1 - said, said], axis=1)
    assert evaluate.expected_calibration_error(label, probability, np.ones(8)) == pytest.approx(0.10)
    examples = Examples(np.arange(8), np.arange(8), label, ("no", "yes"), np.arange(8))
    held = [FoldPredictions(np.arange(8), probability)]
    assert evaluate.reliability(examples, held) == [
        (pytest.approx(0.35), 0.25, 4),
        (pytest.approx(0.85), 0.75, 4),
    ]
    assert evaluate.base_rates(examples, held) == {"no": 0.5, "yes": 0.5}
    coverage, error = evaluate.selective_curve(examples, held)
    assert coverage[3] == 0.5
    assert error[3] == 0.25
    assert error[-1] == 0.25


def test_intervals_count_classes_and_not_pairs(make_pairs: Make) -> None:
    """Twenty classes with an effect of their own: intervals over pairs would be far too narrow."""
    examples = make_pairs(20, seed=1)
    rng = np.random.default_rng(0)
    of_class = rng.normal(size=20)
    score = 1 / (1 + np.exp(-of_class[examples.group[examples.source]]))
    held = [FoldPredictions(np.arange(examples.m), np.stack([1 - score, score], axis=1))]
    weights = evaluate.class_weights(examples, 200, 0)
    found = evaluate.estimate(examples, held, evaluate.area_under_roc, weights)
    naive = [rng.multinomial(examples.m, np.full(examples.m, 1 / examples.m)).astype(float) for _ in range(200)]
    by_pair = evaluate.estimate(examples, held, evaluate.area_under_roc, naive)
    assert found.lo < found.value < found.hi
    assert found.hi - found.lo > 2 * (by_pair.hi - by_pair.lo)


def test_node_weights_draw_a_neurons_class_once(make_nodes: Make) -> None:
    nodes = make_nodes(40)
    weight = evaluate.class_weights(nodes, 1, 0)[0]
    assert weight.sum() == nodes.m
    assert np.array_equal(weight[::2], weight[1::2]), "twins are drawn together"


def test_paired_differences_are_tighter_than_two_intervals(make_pairs: Make) -> None:
    examples = make_pairs(20, seed=2)
    rng = np.random.default_rng(0)
    base = rng.normal(size=20)[examples.group[examples.source]] + 0.5 * rng.normal(size=examples.m)

    def held(score: Floats) -> list[FoldPredictions]:
        p = 1 / (1 + np.exp(-score))
        return [FoldPredictions(np.arange(examples.m), np.stack([1 - p, p], axis=1))]

    better = held(base + 1.5 * (examples.label == 1))
    weights = evaluate.class_weights(examples, 200, 0)
    gap = evaluate.paired_difference(examples, better, held(base), evaluate.area_under_roc, weights)
    one = evaluate.estimate(examples, better, evaluate.area_under_roc, weights)
    assert gap.lo > 0
    assert gap.hi - gap.lo < 2 * (one.hi - one.lo)
    same = evaluate.paired_difference(examples, better, better, evaluate.area_under_roc, weights)
    assert (same.value, same.lo, same.hi) == (0.0, 0.0, 0.0)

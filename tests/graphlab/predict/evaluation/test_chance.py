"""Guessing beats guessing as often as it says, also with twins, with busy neurons and over folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation.chance import against_chance, fold_p, merged
from graphlab.predict.evaluation.evaluate import FoldPredictions, accuracy, area_under_roc, macro_f1
from graphlab.predict.inputs.examples import Examples, Floats
from graphlab.predict.protocol import run
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task

SIMULATED = 150


def nodes(label: np.ndarray, group: np.ndarray | None = None) -> Examples:
    n = len(label)
    at = np.arange(n)
    names = tuple("abcdefgh"[: max(int(label.max()) + 1, 2)])
    return Examples(at, at, label.astype(np.int64), names, at if group is None else group)


def sure(answer: np.ndarray, classes: int) -> Floats:
    return np.eye(classes)[answer]


@given(values=st.lists(st.floats(0.001, 1), min_size=1, max_size=9))
@settings(deadline=None, max_examples=60)
def test_merging_lets_half_of_the_folds_disagree(values: list[float]) -> None:
    """The p for which half of the folds, rounded up, each reach their share of it."""
    half = (len(values) + 1) // 2
    found = merged(values)
    if found < 1:
        assert sum(p <= found * half / len(values) + 1e-12 for p in values) >= half
        assert sum(p < found * half / len(values) - 1e-12 for p in values) < half
    assert merged([0.02]) == 0.02
    assert merged([0.02, 0.9]) == pytest.approx(0.04)


def test_permutations_of_a_fold_are_those_that_exist() -> None:
    """Five neurons, all 120 orders of their labels, beside orders drawn at random."""
    label = np.array([0, 0, 1, 1, 2])
    said = sure(np.array([0, 0, 1, 2, 2]), 3)
    reached = macro_f1(label, said, np.ones(5))
    exact = np.mean([macro_f1(label[list(k)], said, np.ones(5)) >= reached - 1e-12 for k in permutations(range(5))])
    found = fold_p(nodes(label), FoldPredictions(np.arange(5), said), macro_f1, np.random.default_rng(0), 4_000)
    assert found == pytest.approx(exact, abs=0.02)


def test_a_constant_answer_and_an_undefined_score_never_beat_guessing() -> None:
    label = np.array([0] * 30 + [1] * 10)
    held = [FoldPredictions(np.arange(40), np.tile([0.9, 0.1], (40, 1)))]
    assert against_chance(nodes(label), held, macro_f1).p == 1
    alone = [FoldPredictions(np.arange(10), np.tile([0.9, 0.1], (10, 1)))]
    assert against_chance(nodes(label), alone, area_under_roc).p == 1, "one label in the fold: no AUROC"
    twins = nodes(label, np.repeat([0, 1], 20))
    assert against_chance(twins, held, macro_f1).p == 1, "two classes of unlike labels have no other order"


def sizes(found: list[float]) -> tuple[float, float]:
    return float(np.mean(np.array(found) <= 0.05)), float(np.mean(np.array(found) <= 0.01))


def test_guesses_beat_guessing_as_often_as_p_says() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(SIMULATED):
        label = np.append(np.arange(3), rng.choice(3, 37, p=[0.7, 0.2, 0.1]))
        held = FoldPredictions(np.arange(40), rng.dirichlet(np.ones(3), 40))
        found.append(fold_p(nodes(label), held, macro_f1, rng, 99))
    five, one = sizes(found)
    assert 0.01 <= five <= 0.08
    assert one <= 0.03


@pytest.mark.parametrize("equal", [True, False], ids=["classes of four", "classes of two to six"])
def test_twins_that_share_labels_and_answers(equal: bool) -> None:
    """Twelve classes of neurons, one label and one answer each: twelve things were guessed."""
    rng = np.random.default_rng(1)
    found, alone = [], []
    for _ in range(SIMULATED):
        size = np.full(12, 4) if equal else rng.integers(2, 7, 12)
        group = np.repeat(np.arange(12), size)
        label, answer = (rng.permutation(np.arange(12) % 2)[group] for _ in range(2))
        held = FoldPredictions(np.arange(len(group)), sure(answer, 2))
        found.append(fold_p(nodes(label, group), held, accuracy, rng, 99))
        alone.append(fold_p(nodes(label), held, accuracy, rng, 99))
    assert sizes(found)[0] <= 0.08
    assert sizes(alone)[0] > 0.1, "as if every neuron had been guessed by itself"


def test_busy_neurons_are_no_knowledge() -> None:
    """Pairs whose neurons answer more or less, and scores that prefer some neurons at random."""
    rng = np.random.default_rng(2)
    n, found, pairwise = 14, [], []
    source, target = np.nonzero(~np.eye(n, dtype=bool))
    for _ in range(80):
        kept = rng.random(len(source)) < 0.8
        a, b = source[kept], target[kept]
        logit = rng.normal(0, 2, n)[a] + rng.normal(0, 2, n)[b]
        label = (rng.random(len(a)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
        if len(np.unique(label)) < 2:
            continue
        score = 1 / (1 + np.exp(-rng.normal(0, 1, n)[a] - rng.normal(0, 1, n)[b]))
        said = np.stack([1 - score, score], axis=1)
        examples = Examples(a, b, label, ("silent", "responds"), np.arange(n))
        found.append(fold_p(examples, FoldPredictions(np.arange(len(a)), said), area_under_roc, rng, 99))
        reached = area_under_roc(label, said, np.ones(len(a)))
        others = [area_under_roc(rng.permutation(label), said, np.ones(len(a))) for _ in range(99)]
        pairwise.append((1 + np.sum(np.array(others) >= reached)) / 100)
    assert sizes(found)[0] <= 0.08
    assert sizes(pairwise)[0] > 0.15, "shuffling pairs would call busy neurons a finding"


def test_folds_that_teach_each_other_are_not_pooled() -> None:
    """Random labels and a likeness of neurons: each half predicts the other by it, so that a chance counts twice."""
    rng = np.random.default_rng(3)
    n, found, pooled = 60, [], []
    for _ in range(SIMULATED):
        like = rng.normal(size=(n, n))
        like += like.T
        label = rng.permutation(np.arange(n) % 2)
        folds = [np.arange(0, n, 2), np.arange(1, n, 2)]
        held = []
        for test, train in (folds, folds[::-1]):
            score = 1 / (1 + np.exp(-like[np.ix_(test, train)] @ (2 * label[train] - 1) / 8))
            held.append(FoldPredictions(test, np.stack([1 - score, score], axis=1)))
        examples = nodes(label)
        found.append(against_chance(examples, held, area_under_roc, permutations=99).p)
        reached = sum(area_under_roc(label[one.rows], one.probability, np.ones(n // 2)) for one in held)
        others = [
            sum(area_under_roc(rng.permutation(label[one.rows]), one.probability, np.ones(n // 2)) for one in held)
            for _ in range(99)
        ]
        pooled.append((1 + np.sum(np.array(others) >= reached)) / 100)
    assert sizes(found)[0] <= 0.05
    assert sizes(found)[1] <= 0.01
    assert sizes(pooled)[0] > 0.08


@pytest.mark.parametrize(("informed", "twins"), [(0.0, False), (0.0, True), (1.0, False)])
def test_random_labels_are_not_recommended(informed: float, twins: bool, typed_by: Callable[..., CellTypeData]) -> None:
    """A sample of the bench of 200 sets: nothing where labels are random, something where wiring carries them."""
    pytest.importorskip("sklearn")
    names = ("label propagation", "logistic regression")
    sets = 3 if informed else 5
    found = []
    for seed in range(sets):
        task = cell_type_task(
            typed_by(seed, informed=informed, twins=twins), "class", folds=2, seed=seed, bootstraps=20
        )
        done = run(replace(task, predictors=names, candidates=names, reference=names[0]))
        assert done.verdict is not None
        assert done.card.recommended == done.verdict.recommended
        if done.verdict.recommended is None:
            assert done.card.recommended_because.startswith("nothing is recommended: ")
        found.append(done.verdict.recommended is not None)
    assert sum(found) >= 2 if informed else sum(found) == 0

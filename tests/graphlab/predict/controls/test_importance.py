"""Importance: the family that carries the signal and only that one; permutations against scikit-learn's, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from scipy import sparse

from graphlab.predict.controls import importance
from graphlab.predict.controls.ablation import without
from graphlab.predict.controls.identity_columns import identity_columns, with_identity
from graphlab.predict.evaluation.evaluate import area_under_roc, class_weights, paired_difference
from graphlab.predict.inputs.design import design
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs, no_columns
from graphlab.predict.learners.linear import logistic
from graphlab.predict.predictor import Declared, Fitted, Predictor, TrainingJournal
from graphlab.predict.protocol import NOMINATED, Build, Experiment, TrainingRun, run
from graphlab.predict.state import Array, State
from ingest.schema.errors import AnalysisError, UnknownNameError

pytest.importorskip("sklearn")
FAMILIES = ("wiring", "distance", "embeddings")
WAYS = {importance.SHUFFLED: importance.shuffled, importance.LEFT_OUT: importance.left_out}


def built(seed: int, n: int) -> tuple[Build, dict[str, Floats]]:
    """Inputs of any pairs, and what each family says of every pair [n, n], all independent of each other."""
    rng = np.random.default_rng(seed)
    wiring, distance = rng.normal(size=(2, n, n))
    vectors = rng.normal(size=(n, 3))
    says = {"wiring": wiring, "distance": distance, "embeddings": (vectors[:, None, 0] + vectors[None, :, 1]) / 2**0.5}
    node = FeatureColumns(vectors, ("embedding_0", "embedding_1", "embedding_2"), ("embeddings",) * 3)
    edges = sparse.csr_array(np.where(wiring > 1, wiring, 0.0))
    ids = np.arange(1, n + 1, dtype=np.uint64)

    def build(examples: Examples, train: Ints) -> Inputs:
        s, t = examples.source, examples.target
        pair = np.stack([wiring[s, t], distance[s, t], wiring[t, s]], axis=1)
        columns = FeatureColumns(pair, ("weight", "minus_distance_um", "reversed"), ("wiring", "distance", "wiring"))
        return Inputs(ids, {"chemical": edges}, node, columns, s, t, examples.group, np.ones(n), rng.random((n, 3)))

    return build, says


def made(family: str, predictors: tuple[str, ...], seed: int = 0, n: int = 60, **changes: object) -> TrainingRun:
    """A finished run whose labels only that family tells of."""
    build, says = built(seed, n)
    rng = np.random.default_rng(seed + 1)
    chance = 1 / (1 + np.exp(-2.0 * says[family]))
    source, target = np.nonzero(~np.eye(n, dtype=bool) & (rng.random((n, n)) < 0.8))
    label = (rng.random(len(source)) < chance[source, target]).astype(np.int64)
    examples = Examples(source, target, label, ("silent", "responds"), np.arange(n) // 2)
    task = Experiment("made", examples, build, "neuron", predictors, predictors[0], folds=5, seed=seed, bootstraps=100)
    return run(replace(task, **changes))  # type: ignore[arg-type]


@cache
def made_once(family: str, predictor: str) -> TrainingRun:
    """The run that both ways look at."""
    return made(family, (predictor,), folds=5 if predictor == "logistic regression" else 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("predictor", ["logistic regression", pytest.param("random forest", marks=pytest.mark.slow)])
def test_the_family_that_carries_the_signal_and_no_other(predictor: str, family: str, way: str) -> None:
    found = made_once(family, predictor)
    rows = {row.of: row for row in WAYS[way](found, predictor)}
    assert set(rows) == set(FAMILIES)
    gain = found.scores[predictor]["auroc"].value - 0.5
    assert gain > 0.2
    # Without the signal nothing is left above chance.
    assert rows[family].loss.value == pytest.approx(gain, abs=0.07)
    assert rows[family].loss.lo > 0.5 * gain
    for other in set(FAMILIES) - {family}:
        assert abs(rows[other].loss.value) < 0.03, other
        assert rows[other].loss.lo < 0.01, other
        assert rows[other].loss.hi < 0.25 * gain, other


def test_single_columns_and_metrics_that_should_be_small() -> None:
    found = made("wiring", ("logistic regression",))
    rows = importance.shuffled(found, "logistic regression", ("weight", "reversed", "wiring"), "brier")
    loss = {row.of: row.loss for row in rows}
    assert [row.columns for row in rows] == [1, 1, 2]
    assert loss["weight"].lo > 0.05, "a larger Brier score is a loss"
    assert abs(loss["reversed"].value) < 0.01
    assert loss["wiring"].value == pytest.approx(loss["weight"].value, abs=0.02)
    told = importance.as_card(rows)
    assert json.loads(json.dumps(told))[0]["loss"]["value"] == loss["weight"].value
    assert importance.as_card(importance.shuffled(found, "logistic regression", ("weight",), "brier"))[0] == told[0]


@dataclass(frozen=True)
class Recorder(Declared):
    """Keeps what it is asked with."""

    name: str = "recorder"
    tasks: frozenset[str] = frozenset({"pair", "node"})
    seen: list[tuple[Inputs, Ints]] = field(default_factory=list)

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        return self

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        self.seen.append((inputs, rows))
        score = 1 / (1 + np.exp(-inputs.pair.values[rows, 0] / 1e3))
        return np.stack([1 - score, score], axis=1)

    def restore(self, state: State) -> Fitted:
        return self

    def state(self) -> dict[str, Array]:
        return {}

    def sentence(self) -> str:
        return "records"


def test_a_pair_gets_all_of_another_pair() -> None:
    """Neuron numbers as features: after shuffling, a pair's own feature is that of the two neurons it was given."""
    n = 12

    def build(examples: Examples, train: Ints) -> Inputs:
        s, t = examples.source, examples.target
        pair = FeatureColumns((n * s + t)[:, None].astype(float), ("number",), ("wiring",))
        node = FeatureColumns(np.arange(n, dtype=float)[:, None], ("number",), ("wiring",))
        return Inputs(np.arange(1, n + 1, dtype=np.uint64), {}, node, pair, s, t, examples.group, np.ones(n))

    source, target = np.nonzero(~np.eye(n, dtype=bool))
    label = np.random.default_rng(0).integers(0, 2, len(source))
    examples = Examples(source, target, label, ("a", "b"), np.arange(n))
    spy = Recorder()
    extra: dict[str, Predictor] = {"recorder": spy}
    found = run(
        Experiment("made", examples, build, "neuron", ("recorder",), "recorder", folds=3, bootstraps=2, extra=extra)
    )
    spy.seen.clear()
    importance.shuffled(found, "recorder")
    changed = 0
    for inputs, rows in spy.seen:
        given = inputs.node.values[:, 0].astype(int)
        a, b = examples.source[rows], examples.target[rows]
        assert np.array_equal(inputs.pair.values[rows, 0], n * given[a] + given[b])
        ends = np.unique(np.concatenate([a, b]))
        assert set(given[ends]) == set(ends)
        outside = np.setdiff1d(np.arange(n), ends)
        assert np.array_equal(given[outside], outside)
        changed += int((given != np.arange(n)).any())
    assert changed >= 6


def test_single_neurons_as_scikit_learn_permutes_them(make_nodes: Callable[..., Examples]) -> None:
    inspection = pytest.importorskip("sklearn.inspection")
    examples = make_nodes(60, kinds=2, seed=1)
    n = len(examples.group)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 3))
    values[:, 0] += 1.5 * examples.label
    values[:, 1] += 0.7 * examples.label
    node = FeatureColumns(values, ("a", "b", "c"), ("wiring", "wiring", "embeddings"))

    def build(some: Examples, train: Ints) -> Inputs:
        ids = np.arange(1, n + 1, dtype=np.uint64)
        return Inputs(ids, {}, node, no_columns(some.m), some.source, some.target, some.group, np.ones(n))

    found = run(Experiment("made", examples, build, "class", ("logistic regression",), "logistic regression", folds=2,
                     bootstraps=2))  # fmt: skip
    ours = importance.shuffled(found, "logistic regression", ("a", "b", "c"), repeats=60)
    theirs = []
    for fold in found.folds:
        model = logistic(values[fold.train], examples.label[fold.train], 2)

        class Estimator:
            classes_ = np.array([0, 1])

            def fit(self, x: Floats, y: Ints) -> Estimator:
                return self

            def score(self, x: Floats, y: Ints) -> float:
                return area_under_roc(y, model.probability(x), np.ones(len(y)))  # noqa: B023

        theirs.append(
            inspection.permutation_importance(
                Estimator(), values[fold.test], examples.label[fold.test], n_repeats=60, random_state=1
            ).importances
        )
    wanted = np.mean(theirs, axis=0)
    for k, row in enumerate(ours):
        error = wanted[k].std() / np.sqrt(60)
        assert row.loss.value == pytest.approx(wanted[k].mean(), abs=6 * error + 1e-3), row.of
    assert ours[0].loss.value > ours[1].loss.value > 0.02 > abs(ours[2].loss.value)


def test_two_families_that_say_the_same() -> None:
    """Shuffling blames both, leaving out neither: that is why both are told."""
    build, _ = built(0, 60)

    def twice(examples: Examples, train: Ints) -> Inputs:
        inputs = build(examples, train)
        copy = FeatureColumns(inputs.pair.values[:, :1], ("copied",), ("embeddings",))
        return replace(inputs, pair=inputs.pair.beside(copy))

    found = made("wiring", ("logistic regression",), build=twice)
    by_shuffling = {row.of: row.loss for row in importance.shuffled(found, "logistic regression")}
    by_leaving = {row.of: row.loss for row in importance.left_out(found, "logistic regression")}
    for family in ("wiring", "embeddings"):
        assert by_shuffling[family].lo > 0.03
        assert abs(by_leaving[family].value) < 0.01


def test_leaving_out_is_a_run_without_it_on_the_same_folds() -> None:
    """Against the whole protocol on inputs that never had the family."""
    name = "logistic regression"
    found = made("distance", (name,))
    (row,) = importance.left_out(found, name, ("distance",))
    task = found.task
    bare = run(replace(task, build=lambda some, train: without(task.build(some, train), "distance")))
    assert bare.card.split_hash == found.card.split_hash
    weights = class_weights(task.examples, task.bootstraps, task.seed)
    assert row.loss == paired_difference(task.examples, found.held[name], bare.held[name], area_under_roc, weights)


def test_identity_is_memory_of_seen_classes(
    make_pairs: Callable[..., Examples], make_inputs: Callable[..., Inputs]
) -> None:
    """Labels of classes alone: identity carries all by class pair, and nothing once both ends are unseen."""
    examples = make_pairs(24, seed=5)

    def flat(some: Examples, train: Ints) -> Inputs:
        inputs = make_inputs(some)
        return replace(inputs, node=replace(inputs.node, values=np.zeros_like(inputs.node.values)))

    name = "logistic regression"
    loss = {}
    for split in ("class", "neuron"):
        task = Experiment("made", examples, with_identity(flat), split, (name,), name, folds=4, bootstraps=50)
        found = run(task)
        loss[split] = {row.of: row.loss for row in importance.left_out(found, name)}
        loss[f"{split} shuffled"] = {row.of: row.loss for row in importance.shuffled(found, name)}
    assert loss["class"]["identity"].lo > 0.05
    assert loss["class shuffled"]["identity"].lo > 0.1
    assert abs(loss["neuron"]["identity"].value) < 0.03
    assert loss["neuron shuffled"]["identity"].value == 0.0


def test_identity_columns_do_not_give_a_pair_its_own_label(make_pairs: Callable[..., Examples]) -> None:
    """With labels at random, rates tell nothing of the training pairs themselves."""
    pairs = make_pairs(20, seed=1)
    gaps = []
    for seed in range(10):
        label = np.random.default_rng(seed).integers(0, 2, pairs.m)
        examples = replace(pairs, label=label)
        train = np.flatnonzero(pairs.group[pairs.source] < 15)
        found = identity_columns(examples, train, seed)
        held = found.rows(train).values.sum(axis=1)
        score = np.stack([-held, held], axis=1)
        gaps.append(area_under_roc(label[train], score, np.ones(len(train))) - 0.5)
        changed = replace(examples, label=np.where(np.isin(np.arange(pairs.m), train), label, 1 - label))
        assert np.array_equal(identity_columns(changed, train, seed).values, found.values)
    assert abs(np.mean(gaps)) < 0.03
    with pytest.raises(AnalysisError, match="pairs that respond"):
        nodes = Examples.of_nodes(["a", "b"] * 4, np.arange(8))
        identity_columns(nodes, np.arange(4))


def test_without_wiring_there_are_no_edges_and_without_distance_no_places() -> None:
    inputs = built(0, 20)[0](Examples(np.arange(4), np.arange(1, 5), np.arange(4) % 2, ("a", "b"), np.arange(20)),
                             np.arange(4))  # fmt: skip
    bare = without(inputs, "wiring")
    assert all(layer.nnz == 0 for layer in bare.layers.values())
    assert not bare.total_in.any()
    assert bare.position_nm is not None
    assert without(inputs, "distance").position_nm is None
    assert without(inputs, "embeddings").layers is inputs.layers
    assert set(design(without(bare, "distance"), np.arange(4)).families) == {"embeddings"}
    with pytest.raises(AnalysisError, match="without embeddings these inputs have no feature left"):
        without(without(bare, "distance"), "embeddings")


def test_nominated_and_bad_names() -> None:
    names = ("logistic regression", "random forest without distance", "identity rates")
    found = made("wiring", names, folds=3, candidates=names[:2], n=40)
    (row,) = importance.left_out(found, NOMINATED, ("wiring",))
    assert row.loss.lo > 0
    assert row.predictor == NOMINATED
    with pytest.raises(AnalysisError, match="answers from what it saw when it was fitted"):
        importance.shuffled(found, "identity rates")
    with pytest.raises(UnknownNameError, match="logistic regression"):
        importance.shuffled(found, "logistic regresion")
    with pytest.raises(UnknownNameError, match="wiring"):
        importance.left_out(found, "logistic regression", ("wirring",))
    with pytest.raises(UnknownNameError, match="weight"):
        importance.shuffled(found, "logistic regression", ("wieght",))
    with pytest.raises(UnknownNameError, match="auroc"):
        importance.shuffled(found, "logistic regression", metric="aurok")

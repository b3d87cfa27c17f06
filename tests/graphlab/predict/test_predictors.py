"""What each baseline must and must not know; the contract of every predictor is held in ``tests/contracts``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import area_under_roc, macro_f1
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.baselines import SPREAD, IdentityRates, LabelPropagation, OneQuantity
from graphlab.predict.learners.linear import logistic
from graphlab.predict.predictors import PREDICTORS
from ingest.schema.errors import AnalysisError, UnknownNameError

pytest.importorskip("sklearn")
Make = Callable[..., Inputs]


@pytest.mark.parametrize("name", ["logistic regression", "random forest", "label propagation", "spectral logistic"])
def test_node_predictors_learn_what_wiring_says(name: str, nodes: Examples, make_inputs: Make) -> None:
    """Wiring by kind: left teaches right far above chance, which is a quarter."""
    inputs = make_inputs(nodes)
    (fold,) = SPLITS.get("side")(nodes, 1, np.random.default_rng(0))
    found = PREDICTORS.get(name).fit(inputs, nodes.hidden(fold.train), 4, 0).predict(inputs, fold.test)
    assert macro_f1(nodes.label[fold.test], found, np.ones(len(fold.test))) > 0.7


def test_identity_rates_know_twins_and_nothing_of_strangers(
    pairs: Examples, nodes: Examples, make_inputs: Make
) -> None:
    inputs = make_inputs(pairs)
    stranger = SPLITS.get("neuron")(pairs, 1, np.random.default_rng(0))[0]
    unseen = IdentityRates().fit(inputs, pairs.hidden(stranger.train), 2, 0).predict(inputs, stranger.test)
    assert np.ptp(unseen[:, 1]) < 1e-12, "both ends unseen: the base rate, AUROC one half"
    seen = SPLITS.get("class")(pairs, 4, np.random.default_rng(0))[0]
    found = IdentityRates().fit(inputs, pairs.hidden(seen.train), 2, 0).predict(inputs, seen.test)
    assert area_under_roc(pairs.label[seen.test], found, np.ones(len(seen.test))) > 0.55
    (side,) = SPLITS.get("side")(nodes, 1, np.random.default_rng(0))
    twins = IdentityRates().fit(make_inputs(nodes), nodes.hidden(side.train), 4, 0)
    told = twins.predict(make_inputs(nodes), side.test)
    assert (told.argmax(axis=1) == nodes.label[side.test]).all(), "the leak that a split by side has"


def test_label_propagation_is_the_solved_linear_system(nodes: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(nodes)
    train = np.arange(0, nodes.m, 3)
    logs = np.log1p(inputs.layers["chemical"].toarray())
    both = logs + logs.T
    root = 1 / np.sqrt(both.sum(axis=1))
    start = np.zeros((nodes.m, 4))
    start[train, nodes.label[train]] = 1
    start /= start.sum(axis=0)
    solved = np.linalg.solve(np.eye(nodes.m) - SPREAD * root[:, None] * both * root, (1 - SPREAD) * start)
    solved /= solved.sum(axis=1, keepdims=True)
    found = LabelPropagation().fit(inputs, nodes.hidden(train), 4, 0).predict(inputs, np.arange(nodes.m))
    assert np.abs(found - solved).max() < 0.02


def test_one_quantity_keeps_its_order_and_names_what_is_missing(pairs: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(pairs)
    distance = OneQuantity("distance", "minus_distance_um")
    fold = SPLITS.get("class")(pairs, 3, np.random.default_rng(0))[0]
    found = distance.fit(inputs, pairs.hidden(fold.train), 2, 0).predict(inputs, fold.test)[:, 1]
    order = np.argsort(distance.values(inputs, fold.test)[:, 0])
    assert (np.diff(found[order]) >= 0).all() or (np.diff(found[order]) <= 0).all()
    with pytest.raises(AnalysisError, match=r"needs the pair feature 'distances'; these inputs have weight"):
        OneQuantity("x", "distances").values(inputs, fold.test)
    with pytest.raises(UnknownNameError, match="did you mean 'random forest'"):
        PREDICTORS.get("random forrest")


def test_logistic_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    for classes in (2, 3):
        label = np.clip(np.round(x[:, 0] + rng.normal(size=200)), 0, classes - 1).astype(np.int64)
        scaled = (x - x.mean(axis=0)) / x.std(axis=0)
        oracle = linear.LogisticRegression(max_iter=2000).fit(scaled, label).predict_proba(scaled)
        np.testing.assert_allclose(logistic(x, label, classes).probability(x), oracle, atol=1e-6)
    alone = logistic(x, np.ones(200, dtype=np.int64), 3)
    assert alone.probability(x)[:, 1].min() == 1

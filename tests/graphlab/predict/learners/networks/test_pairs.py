"""The network on pairs begins as its regression, stops by unseen classes, and finds what only messages can say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import area_under_roc
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.learners.linear import logistic
from graphlab.predict.learners.networks.pairs import SKIP_PENALTY, PairNetwork, held_back
from ingest.schema.errors import AnalysisError, SchemaError

pytest.importorskip("torch")
pytest.importorskip("sklearn")
Make = Callable[..., Inputs]


def test_classes_held_back_are_unseen(pairs: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(pairs)
    known = pairs.hidden(np.arange(0, pairs.m, 2))
    train, held = held_back(inputs, known, 5)
    assert np.array_equal(np.sort(np.concatenate([train, held])), np.flatnonzero(known >= 0))
    seen = np.union1d(inputs.group[inputs.source[train]], inputs.group[inputs.target[train]])
    either = ~np.isin(inputs.group[inputs.source[held]], seen) | ~np.isin(inputs.group[inputs.target[held]], seen)
    assert either.all()
    assert len(held) > 0.2 * len(train)
    other = held_back(inputs, known, 6)[1]
    assert not np.array_equal(held, other), "every member holds back classes of its own"


def test_without_training_it_is_the_regression(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    train, _ = held_back(inputs, pairs.label, 3_000)
    found = PairNetwork(epochs=0, members=1).fit(inputs, pairs.label, 2, 3).predict(inputs, rows)
    linear = logistic(inputs.pair.values[train], pairs.label[train], 2, SKIP_PENALTY)
    # The first step of training comes after the first look, whose weights are kept.
    np.testing.assert_allclose(found, linear.probability(inputs.pair.values), atol=1e-6)


def test_products_of_states_say_what_pair_features_do_not(
    make_pairs: Callable[..., Examples], make_inputs: Make
) -> None:
    """Neurons of one kind answer each other; the kind is a feature of neurons alone, and of unseen ones too."""
    examples = make_pairs(40, seed=2, share=0.7)
    inputs = make_inputs(examples)
    kind = np.random.default_rng(1).choice([-1.0, 1.0], 40)[examples.group]
    inputs = replace(inputs, node=inputs.node.beside(FeatureColumns(kind[:, None], ("kind",), ("wiring",))))
    label = (kind[examples.source] * kind[examples.target] > 0).astype(np.int64)
    planted = replace(examples, label=label)
    (fold,) = SPLITS.get("neuron")(planted, 1, np.random.default_rng(0))
    known, weight = planted.hidden(fold.train), np.ones(len(fold.test))
    found = PairNetwork().fit(inputs, known, 2, 0).predict(inputs, fold.test)
    regression = logistic(inputs.pair.values[fold.train], label[fold.train], 2)
    linear = area_under_roc(label[fold.test], regression.probability(inputs.pair.values[fold.test]), weight)
    assert area_under_roc(label[fold.test], found, weight) > 0.9 > 0.7 > linear


def test_saved_networks_say_the_same(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    settings = PairNetwork(epochs=10)
    state = settings.fit(inputs, pairs.label, 2, 0).state()
    assert all(isinstance(values, np.ndarray) and values.dtype != object for values in state.values())
    found, again = (p.predict(inputs, rows) for p in (settings.fit(inputs, pairs.label, 2, 0), settings.restore(state)))
    assert found.tobytes() == again.tobytes()
    with pytest.raises(SchemaError, match="does not fit its predictor"):
        replace(settings, width=8).restore(state)
    more = replace(inputs, layers={**inputs.layers, "electrical": inputs.layers["chemical"]})
    with pytest.raises(AnalysisError, match="trained with 2 matrices and 12 features of neurons; these inputs have 3"):
        settings.restore(state).predict(more, rows)
    with pytest.raises(AnalysisError, match="two classes apart; found 3"):
        settings.fit(inputs, pairs.label, 3, 0)

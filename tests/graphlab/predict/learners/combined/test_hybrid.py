"""Residuals reach like pairs by the sum that defines them; what is stacked was never trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import area_under_roc
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import HIDDEN, Examples
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.combined.hybrid import BELIEF, PARTS, Hybrid, carried, neuron_kernels
from graphlab.predict.learners.linear import LogisticRegression
from ingest.schema.errors import AnalysisError

pytest.importorskip("sklearn")
Make = Callable[..., Inputs]


def test_carried_residuals_are_weighted_sums_over_pairs() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.random((9, 9))
    source, target = np.array([0, 1, 4, 7]), np.array([3, 2, 8, 0])
    residual = rng.normal(size=4)
    found = carried(kernel, source, target, residual, (np.array([5, 6]), np.array([1, 0])))
    for value, s, t in zip(found, (5, 6), (1, 0), strict=True):
        weight = [kernel[s, a] * kernel[t, b] for a, b in zip(source, target, strict=True)]
        assert value == pytest.approx(np.dot(weight, residual) / (sum(weight) + BELIEF))


def test_kernels_compare_wiring_and_places(pairs: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(pairs)
    likeness, nearness = neuron_kernels(inputs)
    for kernel in (likeness, nearness):
        np.testing.assert_allclose(kernel, kernel.T)
        np.testing.assert_allclose(np.diag(kernel), 1)
    assert inputs.position_nm is not None
    apart = np.linalg.norm(inputs.position_nm - inputs.position_nm[0], axis=1)
    assert (np.diff(nearness[0][np.argsort(apart)]) <= 0).all()
    assert len(neuron_kernels(replace(inputs, position_nm=None))) == 1


def test_stacked_pairs_are_unseen(pairs: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(pairs)
    parts = list(Hybrid()._unseen(inputs, pairs.label, 0))
    assert len(parts) == PARTS
    for inner, rows in parts:
        trained = np.flatnonzero(inner != HIDDEN)
        seen = np.union1d(inputs.group[inputs.source[trained]], inputs.group[inputs.target[trained]])
        assert not np.isin(inputs.group[inputs.source[rows]], seen).any()
        assert not np.isin(inputs.group[inputs.target[rows]], seen).any()


def test_what_features_miss_is_carried_by_likeness(make_pairs: Callable[..., Examples], make_inputs: Make) -> None:
    """Low ones answer those on the right, high ones those on the left: a regression on places cannot say so."""
    examples = make_pairs(40, seed=2, share=0.8)
    inputs = make_inputs(examples)
    assert inputs.position_nm is not None
    left, low = inputs.position_nm[:, 0] < 5e4, inputs.position_nm[:, 1] < 5e4
    label = (left[examples.source] ^ low[examples.target]).astype(np.int64)
    planted = replace(examples, label=label)
    fold = SPLITS.get("neuron")(planted, 1, np.random.default_rng(0))[0]
    known = planted.hidden(fold.train)
    found, linear = (
        area_under_roc(label[fold.test], p.fit(inputs, known, 2, 0).predict(inputs, fold.test), np.ones(len(fold.test)))
        for p in (Hybrid(), LogisticRegression())
    )
    assert found > linear + 0.1
    assert found > 0.8


def test_more_than_two_classes(pairs: Examples, make_inputs: Make) -> None:
    with pytest.raises(AnalysisError, match="two classes apart; found 3"):
        Hybrid().fit(make_inputs(pairs), pairs.label, 3, 0)

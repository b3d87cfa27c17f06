"""What trees are told about a pair never comes from that pair, its mirror image or its reverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import area_under_roc
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.combined.hybrid import BELIEF
from graphlab.predict.learners.combined.informed_trees import (
    PARTS,
    PRIOR,
    Answers,
    InformedTrees,
    assign_parts,
    similarity_kernels,
)
from graphlab.predict.learners.trees.extra_trees import ExtraTrees
from ingest.schema.errors import AnalysisError, SchemaError

pytest.importorskip("sklearn")
Make = Callable[..., Inputs]


def test_twins_mirrors_and_reverses_are_in_one_part(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    part = assign_parts(inputs, rows, 4)
    assert set(part) == set(range(PARTS))
    of_unit: dict[frozenset[int], set[int]] = {}
    for row in rows:
        unit = frozenset((int(pairs.group[pairs.source[row]]), int(pairs.group[pairs.target[row]])))
        of_unit.setdefault(unit, set()).add(int(part[row]))
    assert all(len(parts) == 1 for parts in of_unit.values())


def test_told_is_what_the_sums_say(pairs: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(pairs)
    rng = np.random.default_rng(0)
    rows = rng.choice(pairs.m, 60, replace=False)
    answers = Answers.of(inputs, rows, pairs.label[rows])
    assert answers.residual.sum() == pytest.approx(0)
    kernels = similarity_kernels(inputs)
    asked = np.array([3, 50, 200])
    found = answers.told(inputs, asked, kernels)
    assert found.shape == (3, len(kernels) + 5)
    group, residual = pairs.group, answers.residual
    for told, row in zip(found, asked, strict=True):
        s, t = pairs.source[row], pairs.target[row]
        for value, kernel in zip(told, kernels, strict=False):
            weight = kernel[s, pairs.source[rows]] * kernel[t, pairs.target[rows]]
            assert value == pytest.approx(weight @ residual / (weight.sum() + BELIEF))
        rates = []
        for neuron in (s, t):
            for end in (pairs.source, pairs.target):
                here = group[end[rows]] == group[neuron]
                rates.append(residual[here].sum() / (here.sum() + PRIOR))
        np.testing.assert_allclose(told[-5:], [*rates, rates[0] + rates[3]])


def test_own_answers_betray_nothing(make_pairs: Callable[..., Examples], make_inputs: Make) -> None:
    """Labels at random for every unit: what is told of other units is chance, and predictions of unseen ones too."""
    found = []
    for seed in range(3):
        examples = make_pairs(24, seed=seed)
        inputs = make_inputs(examples)
        table = np.random.default_rng(seed).random((24, 24)) < 0.3
        either = np.triu(table) | np.triu(table).T
        label = either[examples.group[examples.source], examples.group[examples.target]].astype(np.int64)
        drawn = replace(examples, label=label)
        fold = SPLITS.get("class")(drawn, 4, np.random.default_rng(seed))[0]
        answer = InformedTrees().fit(inputs, drawn.hidden(fold.train), 2, 0).predict(inputs, fold.test)
        found.append(area_under_roc(label[fold.test], answer, np.ones(len(fold.test))))
    assert abs(np.mean(found) - 0.5) < 0.08, found


def test_rates_of_seen_classes_are_used(make_pairs: Callable[..., Examples], make_inputs: Make) -> None:
    """Classes that stimulate and classes that respond, nothing else: told trees know, untold ones must guess."""
    examples = make_pairs(24, seed=5)
    inputs = make_inputs(examples)
    rng = np.random.default_rng(2)
    stimulates, responds = rng.random((2, 24)) ** 2
    label = (
        rng.random(examples.m)
        < np.outer(stimulates, responds)[examples.group[examples.source], examples.group[examples.target]]
    ).astype(np.int64)
    drawn = replace(examples, label=label)
    fold = SPLITS.get("class")(drawn, 4, np.random.default_rng(0))[0]
    known, weight = drawn.hidden(fold.train), np.ones(len(fold.test))
    told, untold = (
        area_under_roc(label[fold.test], p.fit(inputs, known, 2, 0).predict(inputs, fold.test), weight)
        for p in (InformedTrees(), ExtraTrees(ends=False, leaf=12))
    )
    assert told > untold + 0.1
    assert told > 0.7


def test_saved_trees_and_answers_say_the_same(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    fitted = InformedTrees().fit(inputs, pairs.label, 2, 0)
    again = InformedTrees().restore(fitted.state())
    assert fitted.predict(inputs, rows).tobytes() == again.predict(inputs, rows).tobytes()
    state = fitted.state()
    with pytest.raises(SchemaError, match="answers of some pairs are missing"):
        InformedTrees().restore(state | {"residual": state["residual"][1:]})
    with pytest.raises(AnalysisError, match="two classes apart; found 3"):
        InformedTrees().fit(inputs, pairs.label, 3, 0)

"""Trees do not depend on who grows them, see what they are meant to see, and are kept to the byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.inputs.design import design
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import Inputs, no_columns
from graphlab.predict.inputs.pair_features import is_further
from graphlab.predict.learners.trees import extra_trees
from graphlab.predict.learners.trees.extra_trees import ExtraTrees
from graphlab.predict.learners.trees.forest import RandomForest
from ingest.schema.errors import AnalysisError

ensemble = pytest.importorskip("sklearn.ensemble")
Make = Callable[..., Inputs]


def test_same_bytes_for_any_number_of_workers(
    pairs: Examples, make_inputs: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    monkeypatch.setattr(extra_trees, "TREES", 20)
    found = set()
    for workers in (1, 2, 5):
        monkeypatch.setattr(extra_trees, "WORKERS", workers)
        fitted = ExtraTrees().fit(inputs, pairs.label, 2, 3)
        found.add(fitted.predict(inputs, rows).tobytes())
        found.add(ExtraTrees().restore(fitted.state()).predict(inputs, rows).tobytes())
    assert len(found) == 1


def test_trees_are_those_of_the_library(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(0, pairs.m, 3)
    found = ExtraTrees(ends=False, leaf=7).fit(inputs, pairs.label, 2, 1).predict(inputs, rows)
    model = ensemble.ExtraTreesClassifier(
        extra_trees.TREES, min_samples_leaf=7, max_features=extra_trees.SHARE, random_state=1
    ).fit(inputs.pair.values, pairs.label)
    np.testing.assert_allclose(found, model.predict_proba(inputs.pair.values[rows]), atol=1e-12)


def test_who_sees_which_features(pairs: Examples, make_inputs: Make) -> None:
    """Without ends nothing of the neurons counts; the bar looks at nothing that came later."""
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    blind = ExtraTrees(ends=False).values(inputs, rows)
    assert np.array_equal(blind, inputs.pair.values)
    assert ExtraTrees().values(inputs, rows).shape[1] > blind.shape[1]
    columns = design(inputs, rows)
    plain = RandomForest().values(inputs, rows)
    assert plain.shape[1] == sum(not is_further(name) for name in columns.names) < len(columns.names)
    assert np.array_equal(RandomForest(plain=False).values(inputs, rows), columns.values)
    with pytest.raises(AnalysisError, match="needs features of pairs"):
        ExtraTrees().fit(replace(inputs, pair=no_columns(pairs.m)), pairs.label, 2, 0)

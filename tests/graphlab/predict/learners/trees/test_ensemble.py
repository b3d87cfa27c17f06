"""Our trees against scikit-learn's, byte for byte; arrays that are no trees never reach the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.learners.trees.ensemble import Trees
from ingest.schema.errors import SchemaError

ensemble = pytest.importorskip("sklearn.ensemble")


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000), classes=st.integers(1, 5), leaf=st.integers(1, 6), rows=st.integers(6, 60),
    whole=st.booleans(),
)  # fmt: skip
def test_probabilities_are_scikit_learns(seed: int, classes: int, leaf: int, rows: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    if whole:  # ties with thresholds are what small counts bring
        x = np.round(x)
    label = rng.integers(0, classes, rows)
    model = ensemble.RandomForestClassifier(7, min_samples_leaf=leaf, random_state=seed, n_jobs=1).fit(x, label)
    asked = np.vstack([x, rng.normal(size=(40, 4)) * 3, np.float32(x)])
    wanted = np.zeros((len(asked), classes))
    wanted[:, model.classes_] = model.predict_proba(asked)
    trees = Trees.of(model, classes)
    assert trees.probability(asked).tobytes() == wanted.tobytes()
    assert Trees.restore(trees.state()).probability(asked).tobytes() == wanted.tobytes()


def made() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    return Trees.of(ensemble.RandomForestClassifier(3, random_state=0).fit(x, label), 3).state()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("left", 0, "a tree has no end"),
        ("right", 10_000, "a tree has no end"),
        ("feature", 3, "asks for a feature"),
        ("root", 10_000, "begin outside"),
        ("label", 7, "a class that is not there"),
        ("first", 5, "out of order"),
    ],
)
def test_arrays_that_would_lead_out_of_the_trees(name: str, value: int, said: str) -> None:
    state = made()
    broken = state[name].copy()
    broken[0] = value
    with pytest.raises(SchemaError, match=said):
        Trees.restore({**state, name: broken})
    with pytest.raises(SchemaError, match="differ in length"):
        Trees.restore({**state, "threshold": state["threshold"][:-1]})


def test_another_number_of_features() -> None:
    with pytest.raises(SchemaError, match="2 features, trained on 3"):
        Trees.restore(made()).probability(np.zeros((1, 2)))

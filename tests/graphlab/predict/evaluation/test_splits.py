"""Every split keeps its promises on any examples; a split that cannot be made says why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation.leaks import LEAKS, check_fold, leak_table
from graphlab.predict.evaluation.splits import SPLITS, inner_examples, split_hash
from graphlab.predict.inputs.examples import Examples
from ingest.schema.errors import AnalysisError, UnknownNameError

Make = Callable[..., Examples]


@given(seed=st.integers(0, 10_000), folds=st.integers(2, 5), of_pairs=st.booleans())
@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("name", SPLITS.names())
def test_every_split_keeps_its_promises(
    name: str, seed: int, folds: int, of_pairs: bool, make_pairs: Make, make_nodes: Make
) -> None:
    examples = make_pairs(16, seed) if of_pairs else make_nodes(24, seed=seed)
    if name == "graph" and not of_pairs:
        return
    made = SPLITS.get(name)(examples, folds, np.random.default_rng(seed))
    again = SPLITS.get(name)(examples, folds, np.random.default_rng(seed))
    assert split_hash(made) == split_hash(again)
    for fold in made:
        assert "same example" in fold.promises
        assert not np.intersect1d(fold.train, fold.test).size
        assert len(fold.train)
        assert len(fold.test)
        check_fold(examples, fold)
    if name in ("pair", "class"):
        tested = np.sort(np.concatenate([fold.test for fold in made]))
        assert np.array_equal(tested, np.arange(examples.m)), "each example is tested once"


def test_leak_table_tells_the_splits_apart(pairs: Examples) -> None:
    tables = {name: leak_table(pairs, SPLITS.get(name)(pairs, 3, np.random.default_rng(1))) for name in SPLITS.names()}
    assert tables["pair"]["mirror pair"] > 0.5
    assert tables["class"]["mirror pair"] == 0
    assert tables["class"]["shared neuron"] == 1
    assert set(tables["neuron"].values()) == {0.0}
    assert tables["side"]["shared class"] == 1
    assert set(tables["pair"]) == set(LEAKS)


def test_held_out_quarter_of_the_classes(pairs: Examples) -> None:
    for fold in SPLITS.get("neuron")(pairs, 10, np.random.default_rng(0)):
        out = np.unique(pairs.group[pairs.source[fold.test]])
        assert len(out) <= 5
        assert 0.02 < len(fold.test) / pairs.m < 0.12


def test_side_trains_left_and_tests_right(nodes: Examples) -> None:
    (fold,) = SPLITS.get("side")(nodes, 1, np.random.default_rng(0))
    assert nodes.side is not None
    assert (nodes.side[nodes.source[fold.train]] == 0).all()
    assert (nodes.side[nodes.source[fold.test]] == 1).all()


def test_splits_that_cannot_be_made(make_pairs: Make) -> None:
    pairs = make_pairs(4)
    bare = Examples(pairs.source, pairs.target, pairs.label, pairs.classes, pairs.group)
    rng = np.random.default_rng(0)
    with pytest.raises(AnalysisError, match="side of each neuron"):
        SPLITS.get("side")(bare, 2, rng)
    with pytest.raises(AnalysisError, match="two graphs"):
        SPLITS.get("graph")(bare, 2, rng)
    with pytest.raises(AnalysisError, match="50 folds of"):
        SPLITS.get("class")(bare, 50, rng)
    with pytest.raises(UnknownNameError, match="neuron"):
        SPLITS.get("neurons")


def test_inner_examples_are_the_training_part(pairs: Examples) -> None:
    fold = SPLITS.get("neuron")(pairs, 1, np.random.default_rng(0))[0]
    inner = inner_examples(pairs, fold.train)
    assert inner.m == len(fold.train)
    held_out = np.unique(pairs.group[pairs.source[fold.test]])
    assert not np.isin(inner.group[inner.source], held_out).any()

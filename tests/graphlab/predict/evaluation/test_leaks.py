"""A planted leak of every kind is caught, and what leaks is named."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.evaluation.leaks import check_edges_unseen, check_fold, check_labels_unseen
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.statistics.folds import Fold
from ingest.schema.errors import LeakError


def brute_force(examples: Examples, fold: Fold, row: int) -> set[str]:
    """Leaks of one test example, one training example at a time."""
    found = set()
    s, t = examples.source[row], examples.target[row]
    gs, gt = examples.group[s], examples.group[t]
    for other in fold.train:
        a, b = examples.source[other], examples.target[other]
        ga, gb = examples.group[a], examples.group[b]
        found |= {"same example"} if (s, t) == (a, b) else set()
        found |= {"shared neuron"} if {s, t} & {a, b} else set()
        found |= {"shared class"} if {gs, gt} & {ga, gb} else set()
        found |= {"mirror pair"} if (gs, gt) == (ga, gb) else set()
        found |= {"reversed pair"} if (gs, gt) == (gb, ga) else set()
    return found


@pytest.mark.parametrize("name", ["pair", "class", "neuron", "side"])
def test_leaks_agree_with_brute_force(name: str, pairs: Examples) -> None:
    from graphlab.predict.evaluation.leaks import LEAKS

    fold = SPLITS.get(name)(pairs, 2, np.random.default_rng(3))[0]
    found = {leak: hits(pairs, fold) for leak, hits in LEAKS.items()}
    for place in range(0, len(fold.test), max(1, len(fold.test) // 15)):
        expected = brute_force(pairs, fold, int(fold.test[place]))
        assert {leak for leak, hits in found.items() if hits[place]} == expected


@pytest.mark.parametrize("leak", ["mirror pair", "reversed pair", "shared neuron", "shared class"])
def test_a_planted_leak_is_caught(leak: str, pairs: Examples) -> None:
    fold = SPLITS.get("neuron")(pairs, 1, np.random.default_rng(0))[0]
    check_fold(pairs, fold)
    # One test pair moves into training: its neurons, its mirror image and its reverse are then known.
    leaky = Fold(np.append(fold.train, fold.test[0]), fold.test[1:], frozenset({leak}))
    with pytest.raises(LeakError, match=f"{leak}: [1-9]"):
        check_fold(pairs, leaky)


def test_a_twin_across_the_split_is_caught(nodes: Examples) -> None:
    fold = SPLITS.get("class")(nodes, 5, np.random.default_rng(0))[0]
    twin = fold.test[nodes.group[nodes.source[fold.test]] == nodes.group[nodes.source[fold.test[0]]]]
    assert len(twin) == 2
    moved = Fold(np.append(fold.train, twin[0]), np.setdiff1d(fold.test, twin[:1]), fold.promises)
    with pytest.raises(LeakError, match="mirror pair: 1 of"):
        check_fold(nodes, moved)


def test_inputs_that_know_held_out_labels_are_caught(pairs: Examples) -> None:
    fold = SPLITS.get("class")(pairs, 4, np.random.default_rng(0))[0]

    def honest(label: Ints) -> dict[str, np.ndarray]:
        rate = np.bincount(pairs.source[fold.train], label[fold.train] == 1, minlength=len(pairs.group))
        return {"base rate": rate}

    def leaky(label: Ints) -> dict[str, np.ndarray]:
        return {**honest(label), "degree of answers": np.bincount(pairs.source, label == 1, minlength=8)}

    check_labels_unseen(honest, pairs, fold)
    with pytest.raises(LeakError, match="'degree of answers' was computed from held-out labels"):
        check_labels_unseen(leaky, pairs, fold)


def test_inputs_that_know_held_out_edges_are_caught() -> None:
    weight = np.random.default_rng(0).random(50)
    held_out = np.arange(50) < 10

    def leaky(values: Floats) -> dict[str, np.ndarray]:
        return {"strength": values.sum(keepdims=True)}

    check_edges_unseen(lambda values: {"strength": values[~held_out].sum(keepdims=True)}, weight, held_out)
    with pytest.raises(LeakError, match="'strength' was computed from held-out edges"):
        check_edges_unseen(leaky, weight, held_out)

"""Ways to hold examples out, each with what it promises not to share between training and test.

Pairs of neurons share neurons, left and right homologues are twins, and a pair resembles its mirror image and its
reverse. Which of these a split lets through decides what its scores mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.statistics.folds import Fold
from ingest.registry import Registry
from ingest.schema.errors import AnalysisError

HELD_OUT = 0.25
"""Share of homologue classes that the split by neuron holds out at both ends."""


Split = Callable[[Examples, int, np.random.Generator], list[Fold]]
SPLITS: Registry[Split] = Registry("split", "graphlab.splits")


def by_pair(examples: Examples, folds: int, rng: np.random.Generator) -> list[Fold]:
    """Examples at random: twins, mirror pairs and reverses leak. The easy number, for comparison only."""
    return _of_units(np.arange(examples.m), folds, rng, frozenset({"same example"}))


def by_class(examples: Examples, folds: int, rng: np.random.Generator) -> list[Fold]:
    """Units are unordered pairs of homologue classes (classes in a node task): twins and reverses stay together."""
    a, b = examples.group[examples.source], examples.group[examples.target]
    low, high = np.minimum(a, b), np.maximum(a, b)
    promises = {"same example", "mirror pair", "reversed pair"}
    if not examples.is_pairs:
        promises |= {"shared neuron", "shared class"}
    return _of_units(low * (int(examples.group.max()) + 1) + high, folds, rng, frozenset(promises))


def by_neuron(examples: Examples, folds: int, rng: np.random.Generator) -> list[Fold]:
    """``folds`` repeats that each hold out a random quarter of the classes; test pairs have both ends among them.

    Pairs with one end held out are used for neither.
    """
    present = np.unique(examples.group[np.concatenate([examples.source, examples.target])])
    held_out = max(1, round(HELD_OUT * len(present)))
    if held_out >= len(present):
        raise AnalysisError(f"{len(present)} homologue classes; wanted some to train on and some to hold out")
    promises = frozenset({"same example", "shared neuron", "shared class", "mirror pair", "reversed pair"})
    repeats = []
    for _ in range(folds):
        out = np.isin(examples.group, rng.choice(present, held_out, replace=False))
        first, second = out[examples.source], out[examples.target]
        repeats.append(_fold(~first & ~second, first & second, promises))
    return repeats


def by_side(examples: Examples, folds: int, rng: np.random.Generator) -> list[Fold]:
    """Train on the left, test on the right (headline), then the other way round when two folds are asked for."""
    if examples.side is None:
        raise AnalysisError("a split by side needs the side of each neuron; ingest a column 'side' with left and right")
    first, second = examples.side[examples.source], examples.side[examples.target]
    left, right = (first == 0) & (second == 0), (first == 1) & (second == 1)
    promises = frozenset({"same example", "shared neuron"})
    return [_fold(left, right, promises), _fold(right, left, promises)][: max(1, min(folds, 2))]


def by_graph(examples: Examples, folds: int, rng: np.random.Generator) -> list[Fold]:
    """Each graph in turn is the test set; examples between two graphs are not used."""
    if examples.graph is None or len(np.unique(examples.graph)) < 2:
        raise AnalysisError("a split by graph needs neurons of two graphs or more; join them or choose another split")
    first, second = examples.graph[examples.source], examples.graph[examples.target]
    promises = frozenset({"same example", "shared neuron"})
    numbers = np.unique(examples.graph)
    return [_fold((first != g) & (second != g), (first == g) & (second == g), promises) for g in numbers]


for _name, _split in (
    ("pair", by_pair),
    ("class", by_class),
    ("neuron", by_neuron),
    ("side", by_side),
    ("graph", by_graph),
):
    SPLITS.register(_name, _split)


def split_hash(folds: list[Fold]) -> str:
    """Hash of who is trained on and tested in every fold: equal hashes, identical folds."""
    digest = hashlib.blake2b(digest_size=8)
    for fold in folds:
        for part in (fold.train, fold.test):
            digest.update(f"{len(part)} ".encode() + part.astype("<i8").tobytes())
    return digest.hexdigest()


def inner_examples(examples: Examples, train: Ints) -> Examples:
    """The training part of a fold as examples of their own, to be split again."""
    return Examples(
        examples.source[train],
        examples.target[train],
        examples.label[train],
        examples.classes,
        examples.group,
        examples.side,
        examples.graph,
    )


def _of_units(unit: Ints, folds: int, rng: np.random.Generator, promises: frozenset[str]) -> list[Fold]:
    """Folds of nearly equal numbers of units; a unit is never divided."""
    _, number = np.unique(unit, return_inverse=True)
    units = int(number.max()) + 1
    if folds < 2 or units < folds:
        raise AnalysisError(f"{folds} folds of {units} separable units; wanted at least 2 folds and a unit for each")
    of_unit = rng.permutation(np.arange(units) % folds)
    return [_fold(of_unit[number] != k, of_unit[number] == k, promises) for k in range(folds)]


def _fold(train: np.ndarray, test: np.ndarray, promises: frozenset[str]) -> Fold:
    if not train.any() or not test.any():
        raise AnalysisError(
            f"the split leaves {int(train.sum())} examples to train on and {int(test.sum())} to test; choose another "
            "split or fewer folds"
        )
    return Fold(np.flatnonzero(train), np.flatnonzero(test), promises)

"""Whether held-out predictions beat guessing: labels change places between homologue classes, predictions stay.

Inside one fold this is exact: what was predicted for its test examples was learned from other labels, so that without
any tie between labels and inputs every order of the test labels is equally likely. Homologue classes move as wholes,
one to the place of another with as many members, because twins may share a label for reasons of their own; of a pair
both ends move (as in quadratic assignment), because a neuron that answers often does so to many.

Across folds it is not: two neurons that resemble each other predict one another, each in the fold of the other, and one
chance agreement is counted twice. Pooled over folds, such a test finds random labels better than chance far too often.
So every fold has a p value of its own, and these are merged by a rule that holds whatever ties them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.predict.evaluation.evaluate import FoldPredictions, Metric
from graphlab.predict.inputs.examples import Examples, Ints

PERMUTATIONS = 999
LEVEL = 0.01
"""Nothing above it is recommended."""
UNMEASURED = -1

Draw = Callable[[np.random.Generator], Ints]
"""Labels [k] of the test examples in another order; ``UNMEASURED`` where a pair has no label there."""


@dataclass(frozen=True)
class Chance:
    """How surely a predictor beats guessing."""

    p: float
    """Merged over folds."""
    floor: float
    """The smallest p that these permutations can give."""
    permutations: int
    folds: tuple[float, ...]
    """p of each fold."""

    @property
    def is_beaten(self) -> bool:
        """Whether guessing is, at ``LEVEL``."""
        return self.p <= LEVEL


def against_chance(
    examples: Examples,
    predictions: Sequence[FoldPredictions],
    metric: Metric,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Chance:
    """The test of one predictor, by a metric of which more is better."""
    rng = np.random.default_rng([seed, permutations])
    p_values = tuple(fold_p(examples, fold, metric, rng, permutations) for fold in predictions)
    lowest = 1.0 / (permutations + 1)
    return Chance(merged(p_values), merged([lowest] * len(p_values)), permutations, p_values)


def merged(values: Sequence[float]) -> float:
    """One p value of K that may hang together in any way: K / k times the k-th smallest, k half of them (Rueger 1978).

    At most half of the folds may disagree; of one fold it is the value itself, of two twice the smaller.
    """
    total = len(values)
    half = (total + 1) // 2
    return min(1.0, total / half * sorted(values)[half - 1])


def fold_p(
    examples: Examples, predicted: FoldPredictions, metric: Metric, rng: np.random.Generator, permutations: int
) -> float:
    """Share of orders, the true one among them, that score at least as well; 1 where the score is undefined."""
    label = examples.label[predicted.rows]
    even = np.ones(len(label))
    reached = metric(label, predicted.probability, even)
    if math.isnan(reached):
        return 1.0
    draw = _pairs(examples, predicted.rows) if examples.is_pairs else _nodes(examples, predicted.rows)
    as_good = 1
    for _ in range(permutations):
        other = draw(rng)
        there = other != UNMEASURED
        score = metric(other[there], predicted.probability[there], even[there]) if there.any() else math.nan
        # An order that cannot be scored counts against the predictor.
        as_good += not score < reached - 1e-12
    return as_good / (permutations + 1)


def _nodes(examples: Examples, rows: Ints) -> Draw:
    node, label = examples.source[rows], examples.label[rows]
    group = examples.group[node]
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    if (label == label[first][place]).all():
        # Every class has one label: classes of any size may change places.
        return lambda rng: rng.permutation(label[first])[place]
    moved = _moves(node, group, examples)
    of_node = np.full(len(examples.group), UNMEASURED, dtype=np.int64)
    of_node[node] = label
    return lambda rng: of_node[moved(rng)[node]]


def _pairs(examples: Examples, rows: Ints) -> Draw:
    source, target = examples.source[rows], examples.target[rows]
    node = np.unique(np.concatenate([source, target]))
    moved = _moves(node, examples.group[node], examples)
    at = np.full(len(examples.group), -1, dtype=np.int64)
    at[node] = np.arange(len(node))
    table = np.full((len(node), len(node)), UNMEASURED, dtype=np.int64)
    table[at[source], at[target]] = examples.label[rows]

    def draw(rng: np.random.Generator) -> Ints:
        image = moved(rng)
        return np.asarray(table[at[image[source]], at[image[target]]])

    return draw


def _moves(node: Ints, group: Ints, examples: Examples) -> Draw:
    """Who takes whose place, [n] by node number: classes with as many members change, left for left where known."""
    side = np.zeros(len(node), dtype=np.int64) if examples.side is None else examples.side[node].astype(np.int64)
    order = np.lexsort((node, side, group))
    ordered, members = node[order], group[order]
    begin = np.flatnonzero(np.diff(members, prepend=members[0] - 1))
    size = np.diff(begin, append=len(members))
    blocks = [ordered[begin[size == k][:, None] + np.arange(k)] for k in np.unique(size)]

    def moved(rng: np.random.Generator) -> Ints:
        image = np.arange(len(examples.group))
        for block in blocks:
            image[block] = block[rng.permutation(len(block))]
        return image

    return moved

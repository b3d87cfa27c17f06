"""Curves of held-out predictions: ROC and precision against recall, averaged over folds, and errors by type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints

GRID = np.linspace(0.0, 1.0, 201)
ScoredFold = tuple[Ints, Floats]
"""(labels [k], probabilities [k, classes]) of the test examples of one fold."""


def roc_curve(folds: Sequence[ScoredFold]) -> Floats:
    """True positive rate at every false positive rate of ``GRID``, mean over the folds that have both kinds.

    Of more than two classes every class counts as a question of its own, pooled (micro average).
    """
    curves = []
    for label, probability in folds:
        hits, misses = _counts(label, probability)
        if hits[-1] > 0 and misses[-1] > 0:
            # At a step the upper end: of equal x the last one is taken.
            curves.append(np.interp(GRID, misses / misses[-1], hits / hits[-1]))
    return np.mean(curves, axis=0) if curves else np.full(len(GRID), np.nan)


def precision_recall_curve(folds: Sequence[ScoredFold]) -> Floats:
    """Precision where each recall of ``GRID`` is first reached, mean over the folds that have positives."""
    curves = []
    for label, probability in folds:
        hits, misses = _counts(label, probability)
        if hits[-1] > 0:
            place = np.searchsorted(hits[1:] / hits[-1], GRID - 1e-12).clip(max=len(hits) - 2) + 1
            place = np.maximum(place, np.searchsorted(hits, 1e-12).clip(min=1))
            curves.append(hits[place] / (hits[place] + misses[place]))
    return np.mean(curves, axis=0) if curves else np.full(len(GRID), np.nan)


def _counts(label: Ints, probability: Floats) -> tuple[Floats, Floats]:
    """(positives, negatives) called at every threshold that occurs, from none to all; tied scores one threshold."""
    if probability.shape[1] == 2:
        score, positive = probability[:, 1], label == 1
    else:
        score, positive = probability.ravel(), (label[:, None] == np.arange(probability.shape[1])).ravel()
    values, place = np.unique(-score, return_inverse=True)
    hits = np.bincount(place, weights=positive, minlength=len(values))
    misses = np.bincount(place, weights=~positive, minlength=len(values))
    return np.append(0.0, np.cumsum(hits)), np.append(0.0, np.cumsum(misses))


def confusion(folds: Sequence[ScoredFold], classes: int) -> Ints:
    """Counts [true, said], folds pooled."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    for label, probability in folds:
        np.add.at(counts, (label, probability.argmax(axis=1)), 1)
    return counts


@dataclass(frozen=True)
class TypeErrors:
    """How one type of neuron fares at one end of the pairs."""

    type: str
    end: str
    pairs: int
    observed: float
    """Share of pairs that respond."""
    predicted: float
    """Mean probability."""
    squared_error: float
    """Sum of squared errors: where the Brier score comes from."""


def pair_errors(folds: Sequence[ScoredFold], ends: dict[str, Sequence[Sequence[str]]]) -> list[TypeErrors]:
    """Errors by the type at either end, the largest sum of squared errors first.

    Args:
        ends: name of an end -> for every fold the type of each of its examples there.
    """
    label = np.concatenate([fold[0] for fold in folds]) == 1
    predicted = np.concatenate([fold[1][:, 1] for fold in folds])
    errors = []
    for end, of_folds in ends.items():
        types, place = np.unique(np.array([t for of_fold in of_folds for t in of_fold], dtype=object).astype(str),
                                 return_inverse=True)  # fmt: skip
        pairs = np.bincount(place)
        sums = [np.bincount(place, weights=values) for values in (label, predicted, (predicted - label) ** 2)]
        errors += [
            TypeErrors(str(name), end, int(k), float(hits / k), float(p / k), float(error))
            for name, k, hits, p, error in zip(types, pairs, *sums, strict=True)
        ]
    return sorted(errors, key=lambda row: (-row.squared_error, row.end, row.type))

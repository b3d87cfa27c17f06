"""Conformal prediction: for every answer a set of classes that holds the right one as often as was asked for.

What is conformal holds for cells like those that it was calibrated on: drawn alike, none of them trained on. Of a
stranger it promises nothing; see ``doubts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.evaluation.evaluate import Estimate, FoldPredictions
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.statistics.intervals import mean_of_defined, percentile_interval
from graphlab.statistics.scores import weighted_mean
from ingest.schema.errors import AnalysisError, SchemaError

Bools = npt.NDArray[np.bool_]
LEVEL = 0.90
"""Share of cells whose set is to hold their class, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Conformal:
    """Scores of calibration cells; Mondrian: a class, or any category of cells, is calibrated by itself.

    The score of a class is 1 minus its probability (Sadinle et al. 2019; LAC in MAPIE, hinge in crepes). With a
    category for each class (``by_class``) coverage holds within every class, of rare ones too (Vovk 2003).
    """

    scores: Floats
    """[k] of the right class of each calibration cell, ascending within its category."""
    category: Ints
    """[k] ascending."""
    categories: int
    by_class: bool

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.category):
            raise SchemaError(f"{len(self.scores)} scores in {len(self.category)} categories; wanted as many")

    @classmethod
    def fit(cls, probability: Floats, label: Ints, by_class: bool = True) -> Conformal:
        """Calibrate on cells that were not trained on.

        Args:
            probability: [k, classes] as said. label: [k]. by_class: whether every class is calibrated by itself.

        Raises:
            AnalysisError: no cells.
        """
        if not len(label):
            raise AnalysisError("no cells to calibrate on; hold some out of training")
        scores = 1.0 - probability[np.arange(len(label)), label]
        category = label if by_class else np.zeros(len(label), dtype=np.int64)
        order = np.lexsort((scores, category))
        return cls(scores[order], category[order], probability.shape[1] if by_class else 1, by_class)

    def p_values(self, probability: Floats) -> Floats:
        """[k, classes]: the share of calibration cells, the asked one among them, at least as strange as it would be.

        A class without calibration cells gets 1: nothing speaks against it.
        """
        columns = []
        for number in range(probability.shape[1]):
            kind = number if self.by_class else 0
            low, high = np.searchsorted(self.category, [kind, kind + 1])
            own = self.scores[low:high]
            as_strange = len(own) - np.searchsorted(own, 1.0 - probability[:, number], side="left")
            columns.append((as_strange + 1) / (len(own) + 1))
        return np.stack(columns, axis=1)

    def sets(self, probability: Floats, level: float = LEVEL) -> Bools:
        """[k, classes] whether a class is in the set.

        Raises:
            AnalysisError: a level that is no share.
        """
        if not 0 < level < 1:
            raise AnalysisError(f"a level of {level}; wanted a share between 0 and 1, like .9")
        # A p value that is alpha but for rounding counts as alpha, as a rank does.
        return np.asarray(self.p_values(probability) > 1.0 - level + 1e-12)


def fewest(level: float = LEVEL) -> int:
    """Calibration cells that a category needs: with fewer its label is in every set."""
    return int(np.ceil(1.0 / (1.0 - level) - 1e-9)) - 1


def set_scores(examples: Examples, folds: Sequence[FoldPredictions], weights: Sequence[Floats]) -> dict[str, Estimate]:
    """What sets and doubt of held-out examples are worth; empty for predictors that have none.

    ``coverage``: share of examples whose set holds their label, and ``coverage_of_worst_label``; ``set_size``: labels
    in a set; ``called_strange``: share of known examples whose doubt is beyond the threshold.
    """
    if any(fold.judged is None for fold in folds):
        return {}
    judged = [fold.judged for fold in folds if fold.judged is not None]
    label = [examples.label[fold.rows] for fold in folds]
    held = [one.in_set[np.arange(len(own)), own].astype(np.float64) for one, own in zip(judged, label, strict=True)]
    measured = {
        "coverage": held,
        "set_size": [one.in_set.sum(axis=1).astype(np.float64) for one in judged],
        "called_strange": [one.strange.astype(np.float64) for one in judged],
    }

    def mean(values: Sequence[Floats], weight: Floats | None) -> list[float]:
        return [
            weighted_mean(own, np.ones(len(own)) if weight is None else weight[fold.rows])
            for own, fold in zip(values, folds, strict=True)
        ]

    def worst(weight: Floats | None) -> float:
        every, all_held = np.concatenate(label), np.concatenate(held)
        w = np.ones(len(every)) if weight is None else np.concatenate([weight[fold.rows] for fold in folds])
        total = np.bincount(every, weights=w)
        some = np.bincount(every, weights=w * all_held)
        return float((some[total > 0] / total[total > 0]).min()) if (total > 0).any() else float("nan")

    found = {}
    for name, values in measured.items():
        each = tuple(mean(values, None))
        interval = percentile_interval([mean_of_defined(mean(values, weight)) for weight in weights])
        found[name] = Estimate(mean_of_defined(each), *interval, each)
    found["coverage_of_worst_label"] = Estimate(worst(None), *percentile_interval([worst(w) for w in weights]))
    return found

"""Predictors fitted on training sets, many at a time: in threads, parts of an array, or on a cluster.

Tests: tests/graphlab/predict/evaluation/test_fold_fits.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Judged, Judging, Predictor
from graphlab.predict.state import Array
from graphlab.statistics.folds import Fold
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of

Fit = tuple[int, str]
"""Number of a training set, and name of a predictor."""
Said = tuple[Array, tuple[Array, Array, Array] | None]
"""Probabilities, and what ``Judged`` has beside them: arrays alone, which parts of an array can share."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Examples as predictors see them, and who is trained on."""

    examples: Examples
    inputs: Inputs
    fold: Fold


def fit_all(
    sets: Sequence[TrainingSet],
    fits: Sequence[Fit],
    predictors: Mapping[str, Predictor],
    seed: int,
    workers: Workers = 1,
    progress: Progress | None = None,
    versions: Mapping[str, str] | None = None,
) -> list[FoldPredictions]:
    """What every fitted predictor says of the test examples of its training set, in the order of ``fits``.

    Args:
        seed: of every fit; results do not depend on the workers. versions: of what computes; parts have the same.
    """
    function = partial(_said, tuple(sets), dict(predictors), seed, dict(versions or {}))
    said = runner_of(workers).map_tasks(function, fits, progress=progress, total=len(fits))
    return [_predictions(sets[number].fold, *one) for (number, _), one in zip(fits, said, strict=True)]


def _said(
    sets: Sequence[TrainingSet], predictors: Mapping[str, Predictor], seed: int, versions: Mapping[str, str], fit: Fit
) -> Said:
    number, name = fit
    there = sets[number]
    known = there.examples.hidden(there.fold.train)
    fitted = predictors[name].fit(there.inputs, known, len(there.examples.classes), seed)
    if not isinstance(fitted, Judging):
        return fitted.predict(there.inputs, there.fold.test), None
    judged = fitted.judge(there.inputs, there.fold.test)
    return judged.probability, (judged.in_set, judged.doubt, judged.strange)


def _predictions(fold: Fold, probability: Array, more: tuple[Array, Array, Array] | None) -> FoldPredictions:
    return FoldPredictions(fold.test, probability, None if more is None else Judged(probability, *more))

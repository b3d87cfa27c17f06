"""What a predictor's scores rest on: columns shuffled under the fitted model, or left out and learned again without.

Shuffling asks what the fitted model looks at; leaving out asks what nothing else can stand in for. Of two families that
say the same, the first calls both important and the second neither, so both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from graphlab.predict.controls.ablation import without
from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.evaluate import SMALLER_IS_BETTER, Estimate, FoldPredictions
from graphlab.predict.inputs.examples import Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.predictor import Fitted, Predictor
from graphlab.predict.protocol import NOMINATED, Experiment, TrainingRun
from graphlab.statistics.folds import Fold
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, UnknownNameError

SHUFFLED, LEFT_OUT = "shuffled", "left out"
REPEATS = 3


@dataclass(frozen=True)
class Importance:
    """What one predictor loses without one source of information, on identical folds."""

    predictor: str
    way: str
    """``shuffled`` or ``left out``."""
    of: str
    """A family, or one column."""
    columns: int
    metric: str
    loss: Estimate
    """How much worse: above 0 where the source is needed, for metrics that should be small as well."""


def shuffled(
    run: TrainingRun,
    name: str,
    of: Sequence[str] | None = None,
    metric: str | None = None,
    repeats: int = REPEATS,
    progress: Progress | None = None,
) -> list[Importance]:
    """Permutation importance (Breiman 2001): the fitted model is asked again with columns of other test neurons.

    Pairs share neurons, so neurons are permuted and not pairs: with s(i) in the place of i, a pair (i, j) gets the
    features of the pair (s(i), s(j)), and everywhere those of s(i) and s(j), as in the quadratic assignment test
    (Krackhardt 1988, Soc Netw 10:359). All columns of a family move together, and every family with the same s. Edges
    stay where they are: what a model reads from the graph itself is shown by leaving it out.

    Args:
        run: finished. of: families and columns; every family when absent. metric: the task's first when absent.
        repeats: permutations a fold.

    Raises:
        UnknownNameError: no such predictor of the run, family, column or metric. AnalysisError: the predictor answers
            from what it saw when it was fitted.
    """
    task, predictors = run.task, _predictors(run, name)
    chosen = _chosen(run.inputs[0], of)
    whole: list[FoldPredictions] = []
    moved: dict[str, list[FoldPredictions]] = {what: [] for what in chosen}
    deaf, done, total = True, 0, len(run.folds) * repeats
    for number, (fold, inputs, predictor) in enumerate(zip(run.folds, run.inputs, predictors, strict=True)):
        fitted = _fit(task, predictor, inputs, fold)
        probability = fitted.predict(inputs, fold.test)
        for repeat in range(repeats):
            other = _of_other_neurons(task, inputs, fold, np.random.default_rng([task.seed, number, repeat]))
            all_moved = fitted.predict(replace(inputs, node=other[0], pair=other[1]), fold.test)
            deaf = deaf and np.array_equal(all_moved, probability)
            whole.append(FoldPredictions(fold.test, probability))
            for what, columns in chosen.items():
                mixed = replace(
                    inputs, node=_mixed(inputs.node, other[0], columns), pair=_mixed(inputs.pair, other[1], columns)
                )
                moved[what].append(FoldPredictions(fold.test, fitted.predict(mixed, fold.test)))
            done += 1
            if progress:
                progress(done, total)
    if deaf:
        raise AnalysisError(
            f"{name!r} answers from what it saw when it was fitted: other features change nothing that it says. "
            "Ask what leaving a family out costs instead (left_out)"
        )
    return [_compared(run, name, SHUFFLED, what, len(chosen[what]), whole, moved[what], metric) for what in chosen]


def left_out(
    run: TrainingRun,
    name: str,
    families: Sequence[str] | None = None,
    metric: str | None = None,
    progress: Progress | None = None,
) -> list[Importance]:
    """What leaving a family out costs: fitted anew without it, on the same folds and with the same seed.

    Without wiring there are no edges either, without distance no places; see ``ablation.without``.

    Args: as of ``shuffled``.

    Raises:
        UnknownNameError: no such predictor of the run, family or metric. AnalysisError: nothing is left to learn from.
    """
    task, predictors = run.task, _predictors(run, name)
    known = _families(run.inputs[0])
    chosen = {what: known[what] for what in families or known if _is_known(what, known)}
    importances = []
    for done, what in enumerate(chosen):
        predictions = []
        for fold, inputs, predictor in zip(run.folds, run.inputs, predictors, strict=True):
            less = without(inputs, what)
            predictions.append(FoldPredictions(fold.test, _fit(task, predictor, less, fold).predict(less, fold.test)))
        importances.append(_compared(run, name, LEFT_OUT, what, len(chosen[what]), run.held[name], predictions, metric))
        if progress:
            progress(done + 1, len(chosen))
    return importances


def as_card(importances: Sequence[Importance]) -> list[dict[str, Any]]:
    """Rows as a card keeps them, JSON-ready."""
    return [asdict(one) for one in importances]


def _predictors(run: TrainingRun, name: str) -> list[Predictor]:
    """The predictor of each fold."""
    if name not in run.held:
        raise UnknownNameError("predictor of this run", name, run.held)
    names = run.nominated if name == NOMINATED else [name] * len(run.folds)
    return [run.task.predictor(one) for one in names]


def _families(inputs: Inputs) -> dict[str, set[str]]:
    """family -> its columns, of neurons and of pairs."""
    families: dict[str, set[str]] = {}
    for columns in (inputs.pair, inputs.node):
        for column, family in zip(columns.names, columns.families, strict=True):
            families.setdefault(family, set()).add(column)
    return families


def _chosen(inputs: Inputs, of: Sequence[str] | None) -> dict[str, set[str]]:
    families = _families(inputs)
    known = {**{column: {column} for columns in families.values() for column in columns}, **families}
    return {what: known[what] for what in of or families if _is_known(what, known)}


def _is_known(what: str, known: dict[str, set[str]]) -> bool:
    if what not in known:
        raise UnknownNameError("feature or family of features", what, known)
    return True


def _fit(task: Experiment, predictor: Predictor, inputs: Inputs, fold: Fold) -> Fitted:
    return predictor.fit(inputs, task.examples.hidden(fold.train), len(task.examples.classes), task.seed)


def _of_other_neurons(
    task: Experiment, inputs: Inputs, fold: Fold, rng: np.random.Generator
) -> tuple[FeatureColumns, FeatureColumns]:
    """Node columns, and pair columns of the test examples, after permuting the neurons of test examples."""
    examples = task.examples
    ends: Ints = np.unique(np.concatenate([examples.source[fold.test], examples.target[fold.test]]))
    other = np.arange(len(examples.group))
    other[ends] = rng.permutation(ends)
    node = inputs.node.rows(other)
    if not examples.is_pairs:
        return node, inputs.pair
    source, target = examples.source.copy(), examples.target.copy()
    source[fold.test], target[fold.test] = other[source[fold.test]], other[target[fold.test]]
    pair = task.build(replace(examples, source=source, target=target), fold.train).pair
    assert pair.names == inputs.pair.names, "inputs depend on which pairs are asked about"
    return node, pair


def _mixed(own: FeatureColumns, other: FeatureColumns, columns: set[str]) -> FeatureColumns:
    """Some columns of ``other``, the rest as they were."""
    values = own.values.copy()
    for place, column in enumerate(own.names):
        if column in columns:
            values[:, place] = other.values[:, place]
    return FeatureColumns(values, own.names, own.families)


def _compared(
    run: TrainingRun,
    name: str,
    way: str,
    of: str,
    columns: int,
    whole: Sequence[FoldPredictions],
    less: Sequence[FoldPredictions],
    metric: str | None,
) -> Importance:
    known = run.task.metrics
    chosen = metric or next(iter(known))
    if chosen not in known:
        raise UnknownNameError("metric", chosen, known)
    weights = evaluate.class_weights(run.task.examples, run.task.bootstraps, run.task.seed)
    one, other = (less, whole) if chosen in SMALLER_IS_BETTER else (whole, less)
    loss = evaluate.paired_difference(run.task.examples, one, other, known[chosen], weights)
    return Importance(name, way, of, columns, chosen, loss)

"""From a task to its card: the order of the work, the same for every predictor and for every fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.judging import evaluate, leaks
from graphlab.predict.judging.evaluate import Estimate, Held
from graphlab.predict.judging.splits import SPLITS, Fold, inner_examples, split_hash
from graphlab.predict.predictor import Predictor
from graphlab.predict.predictors import predictor_named
from ingest.errors import AnalysisError

Build = Callable[[Examples, Ints], Inputs]
"""Inputs of the examples; may look at the labels of the training rows given, and of no others."""
Progress = Callable[[int, int], None]
Told = Callable[[str, "Run"], None]
"""Called with the name of every step that is done, and what is known by then."""

INNER_FOLDS = 3
NOMINATED = "nominated"


@dataclass(frozen=True, eq=False)
class Task:
    """What is predicted, from what, and how it is tested."""

    name: str
    examples: Examples
    build: Build
    split: str
    predictors: tuple[str, ...]
    reference: str
    """The predictor that others are compared with."""
    folds: int = 5
    candidates: tuple[str, ...] = ()
    """Among these one is nominated on inner folds, before the test examples of a fold are opened."""
    seed: int = 0
    bootstraps: int = 200
    notes: tuple[str, ...] = ()
    """Known confounds, how labels were defined: printed on the card."""
    extra: Mapping[str, Predictor] = field(default_factory=dict)
    """Predictors of this task only, beside the registered ones."""

    @property
    def kind(self) -> str:
        return "pair" if self.examples.is_pairs else "node"

    def predictor(self, name: str) -> Predictor:
        return self.extra[name] if name in self.extra else predictor_named(name)


@dataclass
class Run:
    """What the steps have found so far."""

    task: Task
    progress: Progress | None = None
    fits: int = 0
    """Predictors fitted so far, on inner folds or outer ones."""
    folds: list[Fold] = field(default_factory=list)
    inputs: list[Inputs] = field(default_factory=list)
    leaks: dict[str, float] = field(default_factory=dict)
    nominated: list[str] = field(default_factory=list)
    held: dict[str, list[Held]] = field(default_factory=dict)
    scores: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    differences: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)


def split(run: Run) -> None:
    """Who is trained on and who is tested."""
    task = run.task
    run.folds = SPLITS.get(task.split)(task.examples, task.folds, np.random.default_rng(task.seed))


def features(run: Run) -> None:
    """Inputs of every fold."""
    run.inputs = [run.task.build(run.task.examples, fold.train) for fold in run.folds]


def check_leaks(run: Run) -> None:
    """LeakError where a split breaks its promise or inputs know held-out labels."""
    task = run.task
    for fold in run.folds:
        leaks.check_fold(task.examples, fold)
    first = run.folds[0]
    leaks.check_labels_unseen(
        lambda label: task.build(replace(task.examples, label=label), first.train).arrays(), task.examples, first
    )
    run.leaks = leaks.leak_table(task.examples, run.folds)


def nominate(run: Run) -> None:
    """The candidate that is best on inner folds of each training set."""
    task = run.task
    if not task.candidates:
        return
    inner_split = SPLITS.get("neuron" if task.split == "neuron" else "class")
    for number, fold in enumerate(run.folds):
        inner = inner_examples(task.examples, fold.train)
        folds = inner_split(inner, INNER_FOLDS, np.random.default_rng([task.seed, number]))
        inputs = [task.build(inner, inner_fold.train) for inner_fold in folds]
        metric = next(iter(evaluate.metrics_of(inner).values()))
        found = {}
        for name in task.candidates:
            held = [_fitted(run, name, inner, x, f) for x, f in zip(inputs, folds, strict=True)]
            found[name] = evaluate.estimate(inner, held, metric, []).value
        run.nominated.append(max(found, key=lambda name: np.nan_to_num(found[name], nan=-np.inf)))


def fit(run: Run) -> None:
    """Every predictor on the training examples of every fold, asked about its test examples."""
    task = run.task
    for name in task.predictors:
        run.held[name] = [
            _fitted(run, name, task.examples, inputs, fold)
            for inputs, fold in zip(run.inputs, run.folds, strict=True)
        ]  # fmt: skip
    if run.nominated:
        run.held[NOMINATED] = [run.held[name][k] for k, name in enumerate(run.nominated)]


def score(run: Run) -> None:
    """Metrics with intervals, and differences from the reference on identical folds."""
    task = run.task
    weights = evaluate.class_weights(task.examples, task.bootstraps, task.seed)
    for name, held in run.held.items():
        for metric, function in evaluate.metrics_of(task.examples).items():
            run.scores.setdefault(name, {})[metric] = evaluate.estimate(task.examples, held, function, weights)
            if name != task.reference:
                run.differences.setdefault(name, {})[metric] = evaluate.paired_difference(
                    task.examples, held, run.held[task.reference], function, weights
                )


def card(run: Run) -> None:
    """Everything a reader needs to judge the scores, as JSON-ready values."""
    task = run.task
    some = run.held[task.reference]
    columns = run.inputs[0].pair if task.kind == "pair" else run.inputs[0].node
    run.card = {
        "task": task.name,
        "kind": task.kind,
        "classes": list(task.examples.classes),
        "split": task.split,
        "split_hash": split_hash(run.folds),
        "folds": [{"train": len(fold.train), "test": len(fold.test)} for fold in run.folds],
        "seed": task.seed,
        "bootstraps": task.bootstraps,
        "base_rates": evaluate.base_rates(task.examples, some),
        "leaks": run.leaks,
        "promised_absent": sorted(run.folds[0].promises),
        "features": dict(zip(columns.names, columns.families, strict=True)),
        "reference": task.reference,
        "nominated": run.nominated,
        "predictors": {name: task.predictor(name).sentence() for name in task.predictors},
        "scores": _plain(run.scores),
        "differences": _plain(run.differences),
        "reliability": {name: evaluate.reliability(task.examples, held) for name, held in run.held.items()},
        "notes": [*task.notes, *run.inputs[0].notes],
    }


STEPS: tuple[Callable[[Run], None], ...] = (split, features, check_leaks, nominate, fit, score, card)


def run(task: Task, progress: Progress | None = None, told: Told | None = None) -> Run:
    """Do all the steps.

    Args:
        progress: called with (predictors fitted, all that will be). told: called after every step.

    Raises:
        UnknownNameError: no such predictor or split. AnalysisError: a predictor of another kind of task, a reference
        or candidate that is not among the predictors. LeakError: see ``leaks``.
    """
    for name in task.predictors:
        if task.kind not in task.predictor(name).tasks:
            raise AnalysisError(
                f"predictor {name!r} does {_listed(task.predictor(name))} tasks; this is a {task.kind} task"
            )
    for name in (task.reference, *task.candidates):
        if name not in task.predictors:
            raise AnalysisError(f"{name!r} is not among the predictors of the run: {', '.join(task.predictors)}")
    state = Run(task, progress)
    for step in STEPS:
        step(state)
        if told:
            told(step.__name__, state)
    return state


def _held(task: Task, name: str, examples: Examples, inputs: Inputs, fold: Fold) -> Held:
    fitted = task.predictor(name).fit(inputs, examples.hidden(fold.train), len(examples.classes), task.seed)
    return Held(fold.test, fitted.predict(inputs, fold.test))


def _fitted(run: Run, name: str, examples: Examples, inputs: Inputs, fold: Fold) -> Held:
    task = run.task
    held = _held(task, name, examples, inputs, fold)
    run.fits += 1
    if run.progress:
        run.progress(run.fits, len(run.folds) * (len(task.predictors) + INNER_FOLDS * len(task.candidates)))
    return held


def _plain(scores: dict[str, dict[str, Estimate]]) -> dict[str, dict[str, Any]]:
    return {name: {metric: asdict(found) for metric, found in row.items()} for name, row in scores.items()}


def _listed(predictor: Predictor) -> str:
    return " and ".join(sorted(predictor.tasks))

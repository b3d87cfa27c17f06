"""From a task to its card: the order of the work, the same for every predictor and for every fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from graphlab.predict.card import Findings
from graphlab.predict.evaluation import evaluate, gates, leaks
from graphlab.predict.evaluation.evaluate import SMALLER_IS_BETTER, Estimate, FoldPredictions, Metric
from graphlab.predict.evaluation.fold_fits import TrainingSet, fit_all
from graphlab.predict.evaluation.gates import HeldOutPredictions, Verdict
from graphlab.predict.evaluation.near_copies import NearCopies, near_copies
from graphlab.predict.evaluation.splits import SPLITS, inner_examples, split_hash
from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Predictor
from graphlab.predict.predictors import check_kind, library_versions, predictor_named
from graphlab.statistics.folds import Fold
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError

Build = Callable[[Examples, Ints], Inputs]
"""Inputs of the examples; may look at the labels of the training rows given, and of no others."""
StepCallback = Callable[[str, "TrainingRun"], None]
"""Called with the name of every step that is done, and what is known by then."""

INNER_FOLDS = 3
INNER_BOOTSTRAPS = 50
"""Samples of classes for the standard error of a candidate's lead on inner folds."""
NOMINATED = "nominated"
SHOWN = 4
"""Labels named in an error."""
FEWEST_BOOTSTRAPS = 100
"""For the comparison with the reference, where intervals are asked to be quicker."""


@dataclass(frozen=True, eq=False)
class Experiment:
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
    """Among these one is nominated by inner folds alone; no label of a fold's test examples has a say. The reference is
    among them: another takes its place only where its lead there is more than a standard error."""
    seed: int = 0
    bootstraps: int = 200
    notes: tuple[str, ...] = ()
    """Known confounds, how labels were defined: printed on the card."""
    extra: Mapping[str, Predictor] = field(default_factory=dict)
    """Predictors of this task only, beside the registered ones."""
    apart: frozenset[str] = frozenset()
    """Leaks that no fold may have, beside those that the split promises not to have."""
    scored_by: Mapping[str, Metric] = field(default_factory=dict)
    """Metrics, the one that decides first; those of its number of classes when empty."""

    @property
    def kind(self) -> str:
        return "pair" if self.examples.is_pairs else "node"

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return self.scored_by or evaluate.metrics_of(self.examples)

    def predictor(self, name: str) -> Predictor:
        return self.extra[name] if name in self.extra else predictor_named(name)


@dataclass(frozen=True, eq=False)
class InnerFolds:
    """Folds of one training set, and what each candidate says of their test examples."""

    examples: Examples
    folds: list[Fold]
    held: dict[str, list[FoldPredictions]] = field(default_factory=dict)


@dataclass
class TrainingRun:
    """What the steps have found so far."""

    task: Experiment
    progress: Progress | None = None
    workers: Workers = 1
    folds: list[Fold] = field(default_factory=list)
    inputs: list[Inputs] = field(default_factory=list)
    leaks: dict[str, float] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    """Leaks that this data cannot tell, and why; no promise of them is kept or broken."""
    near: NearCopies | None = None
    inner: list[InnerFolds] = field(default_factory=list)
    """Of each fold, where there are candidates."""
    nominated: list[str] = field(default_factory=list)
    held: dict[str, list[FoldPredictions]] = field(default_factory=dict)
    scores: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    differences: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    verdict: Verdict | None = None
    notes: list[str] = field(default_factory=list)
    """What the steps could not do, and why."""
    card: Findings = field(init=False)
    """After the last step."""


def split(run: TrainingRun) -> None:
    """Who is trained on and who is tested."""
    task = run.task
    run.folds = SPLITS.get(task.split)(task.examples, task.folds, np.random.default_rng(task.seed))
    for number, fold in enumerate(run.folds, start=1):
        present = np.unique(task.examples.label[fold.train])
        if len(present) < 2:
            raise AnalysisError(
                f"fold {number} of {len(run.folds)}, held out by {task.split}, would train on "
                f"{len(fold.train):,} examples of one label, {task.examples.classes[present[0]]!r}: nothing to tell "
                f"apart. In all there are {_counted(task.examples)}; label more neurons or pairs, of every label some "
                "in each part, or hold out otherwise (another split or other folds)"
            )


def features(run: TrainingRun) -> None:
    """Inputs of every fold."""
    run.inputs = [run.task.build(run.task.examples, fold.train) for fold in run.folds]


def check_leaks(run: TrainingRun) -> None:
    """LeakError where a split breaks its promise or inputs know held-out labels."""
    task = run.task
    for fold in run.folds:
        leaks.check_fold(task.examples, fold)
        leaks.check_apart(task.examples, fold, task.apart, task.split)
    first = run.folds[0]
    leaks.check_labels_unseen(
        lambda label: task.build(replace(task.examples, label=label), first.train).arrays(), task.examples, first
    )
    run.leaks = leaks.leak_table(task.examples, run.folds)
    run.unchecked = leaks.unchecked(task.examples)
    run.near = near_copies(run.inputs[0], task.examples, run.folds, task.seed)


def fit(run: TrainingRun) -> None:
    """Every predictor on the training examples of every fold, asked about its test examples; candidates on inner folds
    of them, too."""
    task = run.task
    sets = [TrainingSet(task.examples, *both) for both in zip(run.inputs, run.folds, strict=True)]
    fits = [(number, name) for name in task.predictors for number in range(len(sets))]
    run.inner = [_inner_folds(task, fold, number) for number, fold in enumerate(run.folds)] if task.candidates else []
    for inner in run.inner:
        made = [TrainingSet(inner.examples, task.build(inner.examples, fold.train), fold) for fold in inner.folds]
        fits += [(len(sets) + number, name) for name in task.candidates for number in range(len(made))]
        sets += made
    predictors = {name: task.predictor(name) for name in task.predictors}
    said = iter(fit_all(sets, fits, predictors, task.seed, run.workers, run.progress, library_versions()))
    run.held = {name: [next(said) for _ in run.folds] for name in task.predictors}
    for inner in run.inner:
        inner.held.update({name: [next(said) for _ in inner.folds] for name in task.candidates})


def _inner_folds(task: Experiment, fold: Fold, number: int) -> InnerFolds:
    """Folds of a training set that have two labels to train on; fewer than usual where its classes are few."""
    inner = inner_examples(task.examples, fold.train)
    inner_split = SPLITS.get("neuron" if task.split == "neuron" else "class")
    for wanted in range(INNER_FOLDS, 1, -1):
        try:
            folds = inner_split(inner, wanted, np.random.default_rng([task.seed, number]))
        except AnalysisError:
            continue
        return InnerFolds(inner, [fold for fold in folds if len(np.unique(inner.label[fold.train])) > 1])
    return InnerFolds(inner, [])


def nominate(run: TrainingRun) -> None:
    """The candidate that is best on inner folds of each training set; nothing that was held out is looked at."""
    for number, inner in enumerate(run.inner, start=1):
        if inner.folds:
            run.nominated.append(_best(run.task, inner))
        else:
            run.nominated.append(run.task.reference)
            run.notes.append(
                f"fold {number}: too few classes to compare candidates on inner folds; the reference stands"
            )
    if run.nominated:
        run.held[NOMINATED] = [run.held[name][k] for k, name in enumerate(run.nominated)]


def _best(task: Experiment, inner: InnerFolds) -> str:
    """The best candidate; the reference unless the lead over it is more than a standard error."""
    examples, held, reference = inner.examples, inner.held, task.reference
    metric = next(iter(task.metrics.values()))
    value = {name: evaluate.estimate(examples, folds, metric, []).value for name, folds in held.items()}
    best = max(value, key=lambda name: (np.nan_to_num(value[name], nan=-np.inf), name == reference))
    if best == reference or reference not in held:
        return best
    weights = evaluate.class_weights(examples, INNER_BOOTSTRAPS, task.seed)
    lead = evaluate.standard_error(examples, held[best], held[reference], metric, weights)
    return best if value[best] - value[reference] > lead else reference


def score(run: TrainingRun) -> None:
    """Metrics with intervals, and differences from the reference on identical folds."""
    task = run.task
    weights = evaluate.class_weights(task.examples, task.bootstraps, task.seed)
    for name, predictions in run.held.items():
        for metric, function in task.metrics.items():
            run.scores.setdefault(name, {})[metric] = evaluate.estimate(task.examples, predictions, function, weights)
            if name != task.reference:
                run.differences.setdefault(name, {})[metric] = evaluate.paired_difference(
                    task.examples, predictions, run.held[task.reference], function, weights
                )


def judge(run: TrainingRun) -> None:
    """Whether anything may be recommended: see ``gates``."""
    task = run.task
    weights = evaluate.class_weights(task.examples, max(task.bootstraps, FEWEST_BOOTSTRAPS), task.seed)
    run.verdict = gates.judge(
        HeldOutPredictions(
            task.examples, run.held, task.reference, task.candidates, run.nominated, NOMINATED, weights, task.seed,
            task.metrics,
        )
    )  # fmt: skip


def card(run: TrainingRun) -> None:
    """Everything a reader needs to judge the scores, as JSON-ready values."""
    task = run.task
    some = run.held[task.reference]
    columns = run.inputs[0].pair if task.kind == "pair" else run.inputs[0].node
    run.card = Findings(
        task=task.name,
        kind=task.kind,
        classes=list(task.examples.classes),
        split=task.split,
        split_hash=split_hash(run.folds),
        folds=[{"train": len(fold.train), "test": len(fold.test)} for fold in run.folds],
        seed=task.seed,
        bootstraps=task.bootstraps,
        base_rates=evaluate.base_rates(task.examples, some),
        leaks=run.leaks,
        promised_absent=sorted(run.folds[0].promises - set(run.unchecked)),
        promises_unchecked={name: run.unchecked[name] for name in sorted(run.folds[0].promises & set(run.unchecked))},
        near_copies=asdict(run.near) if run.near else {},
        features=dict(zip(columns.names, columns.families, strict=True)),
        reference=task.reference,
        candidates=list(task.candidates),
        nominated=run.nominated,
        **(run.verdict.card() if run.verdict else {}),
        predictors={name: task.predictor(name).sentence() for name in task.predictors},
        scores=_plain(run.scores),
        differences=_plain(run.differences),
        reliability={name: evaluate.reliability(task.examples, predictions) for name, predictions in run.held.items()},
        notes=[*task.notes, *run.notes, *run.inputs[0].notes, *(run.near.lines() if run.near else [])],
    )


STEPS: tuple[Callable[[TrainingRun], None], ...] = (split, features, check_leaks, fit, nominate, score, judge, card)


def run(
    task: Experiment, progress: Progress | None = None, on_step: StepCallback | None = None, workers: Workers = 1
) -> TrainingRun:
    """Do all the steps.

    Args:
        progress: called with (predictors fitted, all that will be). on_step: called after every step.
        workers: over fits, of every fold and predictor; a number of threads, or a runner.

    Raises:
        UnknownNameError: no such predictor or split. AnalysisError: a predictor of another kind of task, a reference
        or candidate that is not among the predictors. LeakError: see ``leaks``.
    """
    for name in task.predictors:
        check_kind(task.predictor(name), task.kind)
    first = next(iter(task.metrics))
    if first in SMALLER_IS_BETTER:
        raise AnalysisError(f"the first metric of {task.name} is {first}, of which less is better; put another first")
    for name in (task.reference, *task.candidates):
        if name not in task.predictors:
            raise AnalysisError(f"{name!r} is not among the predictors of the run: {', '.join(task.predictors)}")
    state = TrainingRun(task, progress, workers)
    for step in STEPS:
        step(state)
        if on_step:
            on_step(step.__name__, state)
    return state


def _counted(examples: Examples) -> str:
    """How many examples have each label, the rarest first."""
    count = np.bincount(examples.label, minlength=len(examples.classes))
    order = np.argsort(count, kind="stable")[:SHOWN].tolist()
    more = " ..." if len(examples.classes) > SHOWN else ""
    return ", ".join(f"{count[k]:,} of {examples.classes[k]!r}" for k in order) + more


def _plain(scores: dict[str, dict[str, Estimate]]) -> dict[str, dict[str, Any]]:
    return {name: {metric: asdict(estimate) for metric, estimate in row.items()} for name, row in scores.items()}

"""What all controls of a response table share: examples, folds, predictor and bootstrap weights, and a line of it.

Tests: tests/graphlab/predict/controls/test_atlas_controls.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict.controls.rewiring import symmetric_layers
from graphlab.predict.evaluation.evaluate import (
    Estimate,
    FoldPredictions,
    Metric,
    area_under_roc,
    average_precision,
    class_weights,
    estimate,
    paired_difference,
)
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples, Floats
from graphlab.predict.inputs.wiring import Wiring
from graphlab.predict.predictor import Predictor
from graphlab.predict.protocol import Build, Experiment
from graphlab.predict.tasks.functional import FunctionalData, build_inputs, examples_of
from graphlab.statistics.folds import Fold
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    import pyarrow as pa

RANKED: Mapping[str, Metric] = {"auroc": area_under_roc, "average_precision": average_precision}
NOT_AVAILABLE = "not available"
UNDEFINED = "undefined"
"""Of a correlation with a constant."""


@dataclass(frozen=True)
class ControlResult:
    """One line: a number with its interval, or a note why there is none."""

    control: str
    what: str
    split: str
    metric: str
    estimate: Estimate | None = None
    share: float | None = None
    """Of the test examples that the number is about, where it is not all of them."""
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """As a row of ``HEAD``."""
        sign = "+" if self.is_gain else ""
        number, interval = NOT_AVAILABLE, ""
        if self.estimate is not None:
            value, lo, hi = self.estimate.value, self.estimate.lo, self.estimate.hi
            number = UNDEFINED if math.isnan(value) else f"{value:{sign}.3f}"
            interval = "" if math.isnan(lo) else f"[{lo:{sign}.3f}, {hi:{sign}.3f}]"
        share = "" if self.share is None else f"{self.share:.1%}"
        return self.control, self.what, self.split, self.metric, number, interval, share, self.note

    @property
    def is_gain(self) -> bool:
        """Whether it is a difference of two scores."""
        return self.what.startswith("gain")

    def plain(self) -> dict[str, Any]:
        """JSON-ready; numbers that are undefined are null."""
        document = asdict(self)
        if self.estimate is not None:
            document["estimate"] = {
                "value": _number(self.estimate.value),
                "lo": _number(self.estimate.lo),
                "hi": _number(self.estimate.hi),
                "folds": [_number(value) for value in self.estimate.folds],
            }
        return document


HEAD = ("control", "what", "split", "metric", "value", "95 % interval", "of tests", "note")


def table(controls: Iterable[ControlResult]) -> list[tuple[str, ...]]:
    """Rows of text, the first of them the head."""
    return [HEAD, *(control.cells() for control in controls)]


def shown(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The text of rows as ``plain`` gives them and a card keeps them."""
    import pyarrow as pa

    nan = float("nan")
    found = []
    for row in rows:
        kept = row.get("estimate")
        value, lo, hi = (nan if not kept or kept[key] is None else float(kept[key]) for key in ("value", "lo", "hi"))
        found.append(ControlResult(**{**row, "estimate": Estimate(value, lo, hi) if kept else None}).cells())
    return pa.table({name: [cells[k] for cells in found] for k, name in enumerate(HEAD)})


def missing(control: str, what: str, why: str) -> ControlResult:
    """A line for what the data at hand cannot tell."""
    return ControlResult(control, what, "", "", note=why)


def plain(controls: Iterable[ControlResult]) -> list[dict[str, Any]]:
    """All lines, JSON-ready."""
    return [control.plain() for control in controls]


@dataclass(frozen=True, eq=False)
class ControlSetup:
    """One predictor on folds that every control uses again."""

    make: Callable[[Wiring], Build]
    """Inputs from wiring, as of the task."""
    wiring: Wiring
    examples: Examples
    build: Build
    predictor: Predictor
    split: str
    folds: Sequence[Fold]
    seed: int = 0
    metrics: Mapping[str, Metric] = field(default_factory=lambda: dict(RANKED))
    """What controls are told in: the first two of the task, which ask for order and not for calibration."""
    weights: Sequence[Floats] = ()
    """Bootstrap weights of the examples, the same in every control: gains are paired."""
    workers: Workers = 1
    """Threads over folds; results do not depend on their number."""
    size: Floats | None = None
    """[n, n] of ``FunctionalData``."""
    kept: dict[str, list[FoldPredictions]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        measured: FunctionalData,
        predictor: str = "random forest",
        split: str = "neuron",
        folds: int = 10,
        seed: int = 0,
        bootstraps: int = 200,
        workers: Workers = 1,
    ) -> ControlSetup:
        """The folds that ``functional_task`` has for the same split, number and seed.

        Raises:
            UnknownNameError: no such predictor or split. AnalysisError: a predictor that does no pairs.
        """
        task = Experiment(
            "", examples_of(measured), build_inputs(measured.wiring), split, (), "", folds, (), seed, bootstraps
        )
        plan = cls.over(task, build_inputs, measured.wiring, predictor, workers)
        return replace(plan, size=measured.size)

    @classmethod
    def over(
        cls, task: Experiment, make: Callable[[Wiring], Build], wiring: Wiring, predictor: str, workers: Workers = 1
    ) -> ControlSetup:
        """One predictor of an experiment on its folds; layers without directions stand in both.

        Raises:
            AnalysisError: a predictor that does no such tasks.
        """
        found = task.predictor(predictor)
        if task.kind not in found.tasks:
            raise AnalysisError(
                f"predictor {predictor!r} does no {task.kind} tasks, and the examples are "
                f"{'pairs of ' if task.kind == 'pair' else ''}neurons"
            )
        wiring = symmetric_layers(wiring)
        made = SPLITS.get(task.split)(task.examples, task.folds, np.random.default_rng(task.seed))
        weights = class_weights(task.examples, task.bootstraps, task.seed)
        metrics = dict(list(task.metrics.items())[:2])
        return cls(
            make, wiring, task.examples, make(wiring), found, task.split, made, task.seed, metrics, weights,
            workers,
        )  # fmt: skip

    def held_out_by(self, split: str, folds: int) -> ControlSetup:
        """The same with other folds."""
        made = SPLITS.get(split)(self.examples, folds, np.random.default_rng(self.seed))
        return replace(self, split=split, folds=made, kept={})

    def each_fold(self, work: Callable[[int, Fold], FoldPredictions]) -> list[FoldPredictions]:
        """``work(number, fold)`` of every fold, in their order."""
        return list(runner_of(self.workers).map_tasks(lambda one: work(*one), list(enumerate(self.folds))))

    def held(self, predictor: Predictor | None = None) -> list[FoldPredictions]:
        """Predictions on the real inputs; made once for each predictor."""
        wanted = predictor or self.predictor
        if wanted.name not in self.kept:
            self.kept[wanted.name] = self.each_fold(lambda _, fold: self.fitted(wanted, self.build, fold))
        return self.kept[wanted.name]

    def fitted(self, predictor: Predictor, build: Build, fold: Fold) -> FoldPredictions:
        """Fitted on the labels of one fold's training examples, asked about its test examples."""
        inputs = build(self.examples, fold.train)
        model = predictor.fit(inputs, self.examples.hidden(fold.train), len(self.examples.classes), self.seed)
        return FoldPredictions(fold.test, model.predict(inputs, fold.test))

    def scores(
        self,
        control: str,
        what: str,
        predictions: Sequence[FoldPredictions],
        note: str = "",
        share: float | None = None,
        metrics: Mapping[str, Metric] | None = None,
    ) -> list[ControlResult]:
        """A line for each metric."""
        return [
            ControlResult(
                control, what, self.split, name, estimate(self.examples, predictions, metric, self.weights), share, note
            )
            for name, metric in (metrics or self.metrics).items()
        ]

    def gains(
        self,
        control: str,
        what: str,
        one: Sequence[FoldPredictions],
        other: Sequence[FoldPredictions],
        note: str = "",
        metrics: Mapping[str, Metric] | None = None,
    ) -> list[ControlResult]:
        """``one`` minus ``other``, paired on identical folds and bootstrap samples; a line for each metric."""
        return [
            ControlResult(
                control, f"gain {what}", self.split, name,
                paired_difference(self.examples, one, other, metric, self.weights), None, note,
            )
            for name, metric in (metrics or self.metrics).items()
        ]  # fmt: skip


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None

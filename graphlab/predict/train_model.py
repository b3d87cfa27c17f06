"""From a graph folder to a saved model: the protocol, one predictor on all labels, the card, the run.

The one that is kept is the one recommended; where nothing is, the reference, and the card says that it is not advised.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict import models
from graphlab.predict.card import Findings, PredictorCard, plain
from graphlab.predict.controls import control_plan
from graphlab.predict.controls.controls import controls
from graphlab.predict.explain import explained
from graphlab.predict.from_graph import WiringData
from graphlab.predict.predictor import Cautioned
from graphlab.predict.predictors import (
    check_kind,
    check_needs,
    default_predictors,
    library_versions,
    predictor_named,
    predictors_of,
    require_libraries,
)
from graphlab.predict.protocol import NOMINATED, Experiment, StepCallback, TrainingRun, run
from graphlab.predict.tasks.question import Question
from graphlab.predict.tasks.task import Labels
from graphlab.store.folder import Folder
from graphlab.store.runs.results import start_run
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, MissingExtraError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.predict.inputs.features import Inputs
    from graphlab.predict.inputs.wiring import Wiring
    from graphlab.predict.predictor import Fitted

MOST_HELD = 50_000_000
"""Probabilities kept of held-out examples; beyond, those of the reference, the nominated and the kept predictor."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to test and what to keep; None leaves the choice to the task."""

    predictors: tuple[str, ...] | None = None
    split: str | None = None
    folds: int | None = None
    seed: int = 0
    bootstraps: int = 200
    name: str | None = None
    keep: str | None = None
    """Predictor to fit on all labels and save; by default the recommended one, or else the reference."""
    labels_from_connectivity: bool | None = None
    replace: bool = False
    """Whether a model of this name may be replaced."""
    controls: bool = False
    """Also ask what the kept predictor scores where it should not; it is fitted many times more."""
    importance: bool = False
    """Also tell which families of features the kept predictor rests on; it is fitted some times more."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A saved model and what its tests said."""

    name: str
    run_id: str
    path: Path
    card: PredictorCard
    notes: tuple[str, ...]

    @property
    def table(self) -> pa.Table:
        """One row a predictor: metrics with 95 % intervals, and the difference from the reference."""
        return score_table(self.card)

    @property
    def controls(self) -> pa.Table | None:
        """One row a control; None where none were asked for."""
        return control_plan.shown(self.card.controls) if self.card.controls else None


@dataclass
class Log:
    """What happened, as JSON lines without times: equal trainings leave equal logs."""

    lines: list[str] = field(default_factory=list)

    def write(self, entry: Mapping[str, Any]) -> None:
        self.lines.append(json.dumps(plain(entry), allow_nan=False))

    def rewind(self, run: str, epoch: int) -> None:
        kept = [json.loads(line) for line in self.lines]
        self.lines = [json.dumps(entry) for entry in kept if entry["run"] != run or entry.get("epoch", 0) <= epoch]

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def make_experiment(
    folder: Folder, seen: WiringData, question: Question, plan: TrainingOptions
) -> tuple[Experiment, Labels]:
    """The experiment of a task with the split, folds and predictors of the plan, and what its labels are.

    Raises:
        AnalysisError: no labels, one class. UnknownNameError: no such predictor, split or column.
    """
    task = question.task
    labels = task.labels(folder, seen)
    design = task.design(seen, labels.examples)
    own = design.predictors or default_predictors(task.kind, seen)
    names = own if plan.predictors is None else tuple(dict.fromkeys(plan.predictors))
    if not names:
        known = ", ".join(predictors_of(task.kind))
        raise AnalysisError(f"no predictors to compare; those of {task.kind} tasks are: {known}")
    for name in (*names, *([plan.keep] if plan.keep else [])):
        check_kind(predictor_named(name), task.kind)
        check_needs(predictor_named(name), seen)
    reference = design.reference if design.reference in names else names[0]
    candidates = tuple(name for name in design.candidates if name in names)
    told = {
        True: "labels were defined from connectivity: scores are partly circular",
        False: "labels were defined without looking at connectivity",
        None: "whether labels were defined from connectivity was not said",
    }[plan.labels_from_connectivity]
    return Experiment(
        task.title, labels.examples, task.build(seen), plan.split or design.split, names, reference,
        folds=plan.folds or design.folds, candidates=candidates if len(candidates) > 1 else (), seed=plan.seed,
        bootstraps=plan.bootstraps, apart=design.apart, notes=(*design.notes, told, *seen.notes, *labels.notes),
        scored_by=task.metrics(labels.examples),
    ), labels  # fmt: skip


@dataclass(frozen=True, eq=False)
class ComparedPredictors:
    """What the protocol found, and all that one of the predictors needs to be kept."""

    started: datetime.datetime
    seen: WiringData
    task: Experiment
    labels: Labels
    done: TrainingRun
    log: Log


def compare_predictors(
    folder: Folder,
    question: Question,
    plan: TrainingOptions,
    progress: Progress | None = None,
    on_step: StepCallback | None = None,
    workers: Workers = 1,
) -> ComparedPredictors:
    """Test predictors by the protocol; the graph is only read. Arguments and errors are those of ``train``."""
    started, log = datetime.datetime.now(datetime.UTC), Log()
    seen = question.read(folder)
    task, labels = make_experiment(folder, seen, question, plan)
    require_libraries(task.predictor(each) for each in (*task.predictors, *([plan.keep] if plan.keep else [])))
    log.write({"run": "protocol", "step": "task", "task": task.name, "examples": task.examples.m})

    def after(step: str, state: TrainingRun) -> None:
        log.write({"run": "protocol", "step": step, **_logged(step, state)})
        if on_step:
            on_step(step, state)

    return ComparedPredictors(started, seen, task, labels, run(task, progress, after, workers), log)


def train(
    folder: Folder,
    question: Question,
    plan: TrainingOptions,
    progress: Progress | None = None,
    on_step: StepCallback | None = None,
    workers: Workers = 1,
) -> TrainedModel:
    """Test predictors by the protocol, fit one on all labels (see ``TrainingOptions.keep``), and save it with its card.

    Args:
        on_step: called after every step of the protocol; the leak table is known before anything is fitted.
        workers: over the fits of the protocol, of every predictor on every fold.

    Raises:
        AnalysisError, SchemaError, UnknownNameError, LeakError: see ``from_graph`` and ``protocol``; nothing is saved.
        MissingExtraError: the gnn extra is not installed. StoreError: the graph is open for reading only.
    """
    name = models.check_name(plan.name or question.task.model_name())
    _require_ready(folder, plan, name)
    compared = compare_predictors(folder, question, plan, progress, on_step, workers)
    seen, task, labels, done, log = compared.seen, compared.task, compared.labels, compared.done, compared.log
    assert done.verdict is not None, "the protocol judges"
    because = done.verdict.because
    kept = plan.keep or done.verdict.recommended or task.reference
    examples = task.examples
    inputs = task.build(examples, np.arange(examples.m))
    fitted = _fit_all(task, kept, inputs, log)
    cautions = fitted.cautions(examples.classes) if isinstance(fitted, Cautioned) else []
    trained = models.TrainingExamples(
        *seen.named(examples.source, examples.target),
        examples.label,
        models.features_of(inputs, np.arange(examples.m)[: models.SAMPLE]),
    )
    # Joins of embeddings change what predictors see and no version of the data, so its hashes are of the run.
    parameters = {
        "question": {**question.plain(), **labels.source}, **asdict(plan), "name": name, "kept": kept,
        "seen": seen.hashes,
    }  # fmt: skip
    del parameters["replace"]
    record = start_run(folder, "train", parameters, seed=plan.seed, started=compared.started)
    more = explained(done, kept if plan.importance and kept in done.held else None)
    if plan.controls:
        asked = control_plan.ControlSetup.over(task, question.task.build, seen, kept)
        more["controls"] = control_plan.plain(controls(asked))
    card = PredictorCard(
        **vars(done.card),
        **more,
        name=name,
        run_id=record.run_id,
        predictor=kept,
        predictor_sentence=task.predictor(kept).sentence(),
        question=question.plain(),
        graph=about_graph(folder, seen),
        embeddings=seen.embeddings,
        examples=dict(zip(examples.classes, np.bincount(examples.label).tolist(), strict=False)),
        calibration=_calibration(done, kept),
        confounds=[*done.card.notes, *cautions],
        labels_from_connectivity=plan.labels_from_connectivity,
        versions=library_versions(),
    )
    log.write({"run": "protocol", "step": "keep", "predictor": kept, "because": because})
    held_rows = held_table(done, seen, kept)
    with folder.transaction() as connection:
        message = f"{task.name}: {because}. {kept} was fitted on {examples.m:,} labelled examples and saved as {name}"
        state = fitted.state()
        saved = models.save(folder.path, card, state, trained, held_rows, log.text(), folder.arriving)
        record.finish_in(connection, message, saved.weights_sha256)
    notes = (because, set_ups(done), *cautions, *saved.notes)
    return TrainedModel(name, record.run_id, models.paths(folder.path, name)[models.WEIGHTS], saved, notes)


def set_ups(done: TrainingRun) -> str:
    """How many ways to predict were tried, and on whose labels."""
    names, compared = len(done.task.predictors), len(done.task.candidates)
    inner = f"{compared} of them were compared on inner folds of the training examples" if compared else (
        "none were compared on inner folds"
    )  # fmt: skip
    return f"set-ups tried: {names} predictors; {inner}; the held-out labels were scored once"


def score_table(card: Findings) -> pa.Table:
    """The scores of a card as text, best first by the first metric, with the difference from the reference."""
    import pyarrow as pa

    scores = card.scores
    metrics = list(next(iter(scores.values())))

    def value(name: str) -> float:
        score = scores[name][metrics[0]]["value"]
        return -np.inf if score is None or np.isnan(score) else float(score)

    names = sorted(scores, key=lambda name: (-value(name), name))
    columns: dict[str, list[str]] = {"predictor": names}
    for metric in metrics:
        columns[metric] = [_shown(scores[name][metric]) for name in names]
    against = card.differences
    columns[f"{metrics[0]} minus {card.reference}"] = [
        _shown(against[name][metrics[0]], "+") if name in against else "" for name in names
    ]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def held_table(done: TrainingRun, seen: Wiring, kept: str) -> pa.Table:
    """What every predictor said of the test examples: predictor, fold, both ends, label, probability of each class."""
    import pyarrow as pa

    examples = done.task.examples
    names = list(done.held)
    rows = sum(len(fold.rows) for fold in next(iter(done.held.values())))
    if rows * len(examples.classes) * len(names) > MOST_HELD:
        names = [name for name in names if name in (done.task.reference, NOMINATED, kept)]
    parts = [(name, number, fold) for name in names for number, fold in enumerate(done.held[name])]
    at = np.concatenate([fold.rows for _, _, fold in parts])
    probability = np.concatenate([fold.probability for _, _, fold in parts])
    sizes = [len(fold.rows) for _, _, fold in parts]
    source, target = seen.named(examples.source[at], examples.target[at])
    return pa.table(
        {
            "predictor": pa.array(np.repeat([name for name, _, _ in parts], sizes).tolist(), pa.string()),
            "fold": pa.array(np.repeat([number for _, number, _ in parts], sizes), pa.int32()),
            "source_root_id": pa.array(source, pa.uint64()),
            "target_root_id": pa.array(target, pa.uint64()),
            "label": pa.array(examples.label[at], pa.int32()),
            "probability": pa.ListArray.from_arrays(
                np.arange(len(probability) + 1, dtype=np.int32) * probability.shape[1],
                pa.array(probability.reshape(-1), pa.float64()),
            ),
        }
    )


def about_graph(folder: Folder, seen: WiringData) -> dict[str, Any]:
    """What the card says of the graph: versions, and hashes of every part that predictors see."""
    return {
        "dataset": folder.meta("dataset"),
        "materialization": folder.meta("materialization"),
        "data_version": str(folder.meta("data_version")),
        "recipe": folder.meta("recipe"),
        "hashes": seen.hashes,
        "counts": seen.counts,
    }


def _fit_all(task: Experiment, name: str, inputs: Inputs, log: Log) -> Fitted:
    """One predictor on all labelled examples; networks write their epochs to the log."""
    everyone = np.arange(task.examples.m)
    known = task.examples.hidden(everyone)
    return task.predictor(name).fit(inputs, known, len(task.examples.classes), task.seed, journal=log)


def _calibration(done: TrainingRun, kept: str) -> dict[str, Any]:
    if kept not in done.scores:
        return {}
    calibration: dict[str, Any] = {"predictor": kept, "reliability": done.card.reliability[kept]}
    if "ece" in done.scores[kept]:  # a task may score otherwise
        calibration["ece"] = asdict(done.scores[kept]["ece"])
    return calibration


def _logged(step: str, state: TrainingRun) -> dict[str, Any]:
    if step == "split":
        return {"folds": [[len(fold.train), len(fold.test)] for fold in state.folds]}
    if step == "check_leaks":
        return {"leaks": state.leaks}
    if step == "nominate":
        return {"nominated": state.nominated}
    if step == "score":
        return {"scores": {name: {m: e.value for m, e in row.items()} for name, row in state.scores.items()}}
    return {}


def _shown(estimate: Mapping[str, Any], sign: str = "") -> str:
    value, lo, hi = (np.nan if estimate[key] is None else estimate[key] for key in ("value", "lo", "hi"))
    return f"{value:{sign}.3f} [{lo:{sign}.3f}, {hi:{sign}.3f}]"


def _require_ready(folder: Folder, plan: TrainingOptions, name: str) -> None:
    """Fail before the work, not after it."""
    if folder.read_only:
        raise StoreError(f"{folder.path} is open for reading only; training saves a model there")
    if name in models.model_names(folder.path) and not plan.replace:
        raise StoreError(
            f"the graph has a model {name!r} already; wanted another name (--name). Replace it with --replace"
        )
    if find_spec("safetensors") is None:
        raise MissingExtraError("safetensors", "gnn")

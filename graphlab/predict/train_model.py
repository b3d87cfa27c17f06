"""From a graph folder to a saved model: the protocol, one predictor on all labels, the card, the run.

The one that is kept is the one recommended; where nothing is, the reference, and the card says that it is not advised.
"""

from __future__ import annotations

import datetime
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict import models
from graphlab.predict.evaluation import evaluate
from graphlab.predict.explain import explained
from graphlab.predict.from_graph import CELL_TYPE, FUNCTIONAL, Question, Wired, measured, response_run, typed, wired
from graphlab.predict.protocol import NOMINATED, Run, Task, Told, run
from graphlab.predict.tasks.cell_type import cell_type_task, side_numbers
from graphlab.predict.tasks.functional import functional_task
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from ingest.running.progress import Progress
from ingest.schema.errors import MissingExtraError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.predict.inputs.features import Inputs
    from graphlab.predict.predictor import Fitted

CANDIDATES = ("random forest", "logistic regression", "stacked types", "graph network")
"""Of a cell-type task: one is nominated on inner folds."""
FOLDS = {"functional": 10, "cell-type": 5}
LIBRARIES = ("scikit-learn", "torch", "scipy", "safetensors")
MOST_HELD = 50_000_000
"""Probabilities kept of held-out examples; beyond, those of the reference, the nominated and the kept predictor."""


@dataclass(frozen=True)
class Plan:
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
    importance: bool = False
    """Also tell which families of features the kept predictor rests on; it is fitted some times more."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A saved model and what its tests said."""

    name: str
    run_id: str
    path: Path
    card: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def table(self) -> pa.Table:
        """One row a predictor: metrics with 95 % intervals, and the difference from the reference."""
        return score_table(self.card)


@dataclass
class Log:
    """What happened, as JSON lines without times: equal trainings leave equal logs."""

    lines: list[str] = field(default_factory=list)

    def write(self, entry: Mapping[str, Any]) -> None:
        self.lines.append(json.dumps(models.plain(entry), allow_nan=False))

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def make_task(folder: Folder, seen: Wired, question: Question, plan: Plan) -> tuple[Task, list[str]]:
    """The task of a graph with the split, folds and predictors of the plan, and notes about its labels.

    Raises:
        AnalysisError: no labels, one class. UnknownNameError: no such predictor, split or column.
    """
    folds = plan.folds or FOLDS[question.task]
    if question.task == CELL_TYPE:
        neurons, notes = typed(folder, seen, question)
        split = plan.split or _split(neurons.side, neurons.cell_type)
        task = cell_type_task(neurons, split, folds, plan.seed, plan.bootstraps)
        task = replace(task, candidates=tuple(name for name in CANDIDATES if name in task.predictors))
    else:
        pairs, notes = measured(folder, seen, question)
        task = functional_task(pairs, plan.split or "neuron", folds, plan.seed, plan.bootstraps)
    if plan.predictors is not None:
        names = tuple(dict.fromkeys(plan.predictors))
        for name in names:
            task.predictor(name)
        reference = task.reference if task.reference in names else names[0]
        candidates = tuple(name for name in task.candidates if name in names)
        task = replace(task, predictors=names, reference=reference, candidates=candidates)
    if len(task.candidates) == 1:
        task = replace(task, candidates=())
    told = {
        True: "labels were defined from connectivity: scores are partly circular",
        False: "labels were defined without looking at connectivity",
        None: "whether labels were defined from connectivity was not said",
    }[plan.labels_from_connectivity]
    return replace(task, notes=(*task.notes, told, *seen.notes, *notes)), notes


def train(
    folder: Folder, question: Question, plan: Plan, progress: Progress | None = None, told: Told | None = None
) -> TrainedModel:
    """Test predictors by the protocol, fit one on all labels (see ``Plan.keep``), and save it with its card.

    Args:
        told: called after every step of the protocol; the leak table is known before anything is fitted.

    Raises:
        AnalysisError, SchemaError, UnknownNameError, LeakError: see ``from_graph`` and ``protocol``; nothing is saved.
        MissingExtraError: the gnn extra is not installed. StoreError: the graph is open for reading only.
    """
    started = datetime.datetime.now(datetime.UTC)
    _require_ready(folder, plan)
    name = models.check_name(plan.name or default_name(question))
    log = Log()
    seen = wired(folder, question)
    task, _ = make_task(folder, seen, question, plan)
    if plan.keep is not None:
        task.predictor(plan.keep)
    log.write({"run": "protocol", "step": "task", "task": task.name, "examples": task.examples.m})

    def after(step: str, state: Run) -> None:
        log.write({"run": "protocol", "step": step, **_logged(step, state)})
        if told:
            told(step, state)

    done = run(task, progress, after)
    assert done.verdict is not None, "the protocol judges"
    because = done.verdict.because
    kept = plan.keep or done.verdict.recommended or task.reference
    examples = task.examples
    inputs = task.build(examples, np.arange(examples.m))
    fitted = _fit_all(task, kept, inputs, log)
    root_ids = seen.root_ids
    trained = models.Trained(
        root_ids[examples.source],
        root_ids[examples.target],
        examples.label,
        models.features_of(inputs, np.arange(examples.m)[: models.SAMPLE]),
    )
    asked = asdict(question)
    if question.task == FUNCTIONAL:
        asked["responses"] = response_run(folder, question.responses)
    # Joins of embeddings change what predictors see and no version of the data, so its hashes are of the run.
    parameters = {"question": asked, **asdict(plan), "name": name, "kept": kept, "seen": seen.hashes}
    record = start_run(folder, "train", parameters, seed=plan.seed, started=started)
    card = {
        "name": name,
        "run_id": record.run_id,
        **done.card,
        "predictor": kept,
        "predictor_sentence": task.predictor(kept).sentence(),
        "question": asdict(question),
        "graph": about_graph(folder, seen),
        "embeddings": seen.embeddings,
        "examples": dict(zip(examples.classes, np.bincount(examples.label).tolist(), strict=False)),
        "calibration": _calibration(done, kept),
        **explained(done, kept if plan.importance and kept in done.held else None),
        "confounds": list(done.card["notes"]),
        "labels_from_connectivity": plan.labels_from_connectivity,
        "versions": library_versions(),
    }
    log.write({"run": "protocol", "step": "keep", "predictor": kept, "because": because})
    held = held_table(done, root_ids, kept)
    with folder.transaction() as connection:
        message = f"{task.name}: {because}. {kept} was fitted on {examples.m:,} labelled examples and saved as {name}"
        state = fitted.state()
        saved = models.save(folder.path, card, state, trained, held, log.text(), folder.arriving)
        record.finish_in(connection, message, str(saved["weights_sha256"]))
    notes = (because, set_ups(done), *(str(note) for note in saved["notes"]))
    return TrainedModel(name, record.run_id, models.paths(folder.path, name)[models.WEIGHTS], saved, notes)


def set_ups(done: Run) -> str:
    """How many ways to predict were tried, and on whose labels."""
    names, compared = len(done.task.predictors), len(done.task.candidates)
    inner = f"{compared} of them were compared on inner folds of the training examples" if compared else (
        "none were compared on inner folds"
    )  # fmt: skip
    return f"set-ups tried: {names} predictors; {inner}; the held-out labels were scored once"


def score_table(card: Mapping[str, Any]) -> pa.Table:
    """The scores of a card as text, best first by the first metric, with the difference from the reference."""
    import pyarrow as pa

    scores = card["scores"]
    metrics = list(next(iter(scores.values())))
    best = max if metrics[0] not in evaluate.SMALLER_IS_BETTER else min
    assert best is max, metrics

    def value(name: str) -> float:
        found = scores[name][metrics[0]]["value"]
        return -np.inf if found is None or np.isnan(found) else float(found)

    names = sorted(scores, key=lambda name: (-value(name), name))
    columns: dict[str, list[str]] = {"predictor": names}
    for metric in metrics:
        columns[metric] = [_shown(scores[name][metric]) for name in names]
    against = card["differences"]
    columns[f"{metrics[0]} minus {card['reference']}"] = [
        _shown(against[name][metrics[0]], "+") if name in against else "" for name in names
    ]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def held_table(done: Run, root_ids: np.ndarray, kept: str) -> pa.Table:
    """What every predictor said of the test examples: predictor, fold, both ends, label, probability of each class."""
    import pyarrow as pa

    examples = done.task.examples
    names = list(done.held)
    rows = sum(len(held.rows) for held in next(iter(done.held.values())))
    if rows * len(examples.classes) * len(names) > MOST_HELD:
        names = [name for name in names if name in (done.task.reference, NOMINATED, kept)]
    parts = [(name, number, held) for name in names for number, held in enumerate(done.held[name])]
    at = np.concatenate([held.rows for _, _, held in parts])
    said = np.concatenate([held.probability for _, _, held in parts])
    sizes = [len(held.rows) for _, _, held in parts]
    return pa.table(
        {
            "predictor": pa.array(np.repeat([name for name, _, _ in parts], sizes).tolist(), pa.string()),
            "fold": pa.array(np.repeat([number for _, number, _ in parts], sizes), pa.int32()),
            "source_root_id": pa.array(root_ids[examples.source[at]], pa.uint64()),
            "target_root_id": pa.array(root_ids[examples.target[at]], pa.uint64()),
            "label": pa.array(examples.label[at], pa.int32()),
            "probability": pa.ListArray.from_arrays(
                np.arange(len(said) + 1, dtype=np.int32) * said.shape[1], pa.array(said.reshape(-1), pa.float64())
            ),
        }
    )


def about_graph(folder: Folder, seen: Wired) -> dict[str, Any]:
    """What the card says of the graph: versions, and hashes of every part that predictors see."""
    return {
        "dataset": folder.meta("dataset"),
        "materialization": folder.meta("materialization"),
        "data_version": str(folder.meta("data_version")),
        "recipe": folder.meta("recipe"),
        "hashes": seen.hashes,
        "counts": seen.counts,
    }


def default_name(question: Question) -> str:
    """``functional``, or ``cell-type-super_class``."""
    if question.task != CELL_TYPE or question.label == "cell_type":
        return question.task
    return f"{question.task}-{re.sub(r'[^A-Za-z0-9_-]', '_', question.label)}"[:64]


def library_versions() -> dict[str, str]:
    """What computed the model."""
    found = runs.versions()
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _split(side: Sequence[str | None] | None, labels: Sequence[str | None]) -> str:
    """By side where both sides have labels: train left, test right; else by homologue class."""
    if side is None:
        return "class"
    numbers = side_numbers(side)[[value is not None for value in labels]]
    return "side" if {0, 1} <= set(numbers.tolist()) else "class"


def _fit_all(task: Task, name: str, inputs: Inputs, log: Log) -> Fitted:
    """One predictor on all labelled examples; networks write their epochs to the log."""
    everyone = np.arange(task.examples.m)
    fit: Callable[..., Fitted] = task.predictor(name).fit
    journal = {"journal": log} if "journal" in inspect.signature(fit).parameters else {}
    return fit(inputs, task.examples.hidden(everyone), len(task.examples.classes), task.seed, **journal)


def _calibration(done: Run, kept: str) -> dict[str, Any]:
    if kept not in done.scores:
        return {}
    return {"predictor": kept, "ece": asdict(done.scores[kept]["ece"]), "reliability": done.card["reliability"][kept]}


def _logged(step: str, state: Run) -> dict[str, Any]:
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


def _require_ready(folder: Folder, plan: Plan) -> None:
    """Fail before the work, not after it."""
    if folder.read_only:
        raise StoreError(f"{folder.path} is open for reading only; training saves a model there")
    try:
        import safetensors  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("scikit-learn" if error.name == "sklearn" else "safetensors", "gnn") from None
    if plan.predictors is None and find_spec("torch") is None:
        raise MissingExtraError("torch", "gnn")

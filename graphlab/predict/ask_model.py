"""A saved model asked about a graph: the same reading as in training, refused where the graph is another one now."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from graphlab.predict import models
from graphlab.predict.card import PredictorCard
from graphlab.predict.from_graph import WiringData
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.homologues import named_groups
from graphlab.predict.inputs.wiring import NODES, POSITIONS
from graphlab.predict.models import SavedModel, TrainingExamples
from graphlab.predict.predictor import Cautioned, Judged, Judging
from graphlab.predict.predictors import library_versions, predictor_named
from graphlab.predict.tasks.question import Question
from graphlab.predict.tasks.registered import TASKS
from graphlab.predict.tasks.task import Answered, Task
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, SchemaError, VersionError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.predict.inputs.features import RootIds

AT_A_TIME = 500_000
"""Pairs asked about at a time."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of every neuron, or of every ordered pair of two."""

    run_id: str | None
    """None where the graph is open for reading only."""
    model: str
    task: str
    table: pa.Table
    """The rows of the table ``predictions``, without run_id."""
    notes: tuple[str, ...]
    given: pa.Table
    """Those rows that are an answer: see ``Task.given``."""

    def summary(self) -> pa.Table:
        """How many are given each label; of pairs, how many are more probable than not to respond."""
        counted = [("label", "count"), ("was_training", "sum"), ("probability", "mean")]
        grouped = self.given.group_by("label").aggregate(counted)
        return grouped.rename_columns(
            {"label_count": "given", "was_training_sum": "trained_on", "probability_mean": "mean_probability"}
        ).sort_by([("given", "descending"), ("label", "ascending")])


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of everything it is asked about, not written down yet."""

    model: SavedModel
    task: Task
    seen: WiringData
    said: Answered
    notes: list[str]
    """What changed in the graph since training, where that is accepted; what its predictor has to say of itself."""


def predict(
    folder: Folder,
    name: str,
    *,
    task: str | None = None,
    allow_changed: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Ask a saved model about the whole graph; rows go to the table ``predictions`` under their run,
    beside those of other runs.

    Args:
        task: ``functional`` or ``cell-type``; a model of the other one is refused.
        allow_changed: use the model on a graph that changed since training; the run says so.

    Raises:
        VersionError: the graph changed, or has embeddings of another model or segmentation version.
        AnalysisError: a model of another task. UnknownNameError: no such model. ReadError, SchemaError: see ``models``.
    """
    import pyarrow as pa

    started = datetime.datetime.now(datetime.UTC)
    asked_of = answers_of(folder, name, task=task, allow_changed=allow_changed, progress=progress)
    model, asking, seen, said = asked_of.model, asked_of.task, asked_of.seen, asked_of.said
    table = asking.answers(said)
    table = table.add_column(0, "model", pa.array([name] * table.num_rows, pa.string()))
    unit = "ordered pairs" if asking.kind == "pair" else "nodes" if NODES in asking.needs else "neurons"
    asked = f"{len(said.source):,} {unit}, {int(said.was_training.sum()):,} of them trained on"
    notes = [asked, *_advice(model), *asked_of.notes, *seen.notes[1:]]
    if asking.kind == "pair" and POSITIONS in asking.needs and not seen.placed().all():
        notes.append("pairs of neurons without a position were left out")
    answered = Predictions(None, name, asking.name, table, tuple(notes), asking.given(table))
    if folder.read_only:
        return answered
    run = start_run(
        folder, "predict", {"model": name, "allow_changed": allow_changed, "seen": seen.hashes},
        weights_input(model), started=started,
    )  # fmt: skip
    with folder.transaction() as connection:
        connection.execute("DELETE FROM predictions WHERE run_id = ?", [run.run_id])
        connection.register("predicted", table)
        connection.execute("INSERT INTO predictions BY NAME SELECT ? AS run_id, * FROM predicted", [run.run_id])
        connection.unregister("predicted")
        run.finish_in(connection, "; ".join(notes), runs.hash_table(table))
    return replace(answered, run_id=run.run_id)


def weights_input(model: SavedModel) -> dict[str, str]:
    """The weights of a model as an input of a run."""
    return {f"{model.name}{models.WEIGHTS}": model.card.weights_sha256}


def answers_of(
    folder: Folder,
    name: str,
    *,
    task: str | None = None,
    allow_changed: bool = False,
    progress: Progress | None = None,
) -> Answers:
    """What a saved model says of the whole graph; nothing is written. Arguments and errors as of ``predict``."""
    model = models.load(folder.path, name)
    question = Question.on_card(model.card)
    if task is not None and TASKS.get(task).name != question.task.name:
        raise AnalysisError(
            f"model {name!r} is of the task {question.task.name}; asked for {task}. Name one of that task, or train "
            f"it: graphlab train {task} {shlex.quote(str(folder.path))}"
        )
    predictor = predictor_named(model.card.predictor)
    require_embeddings(model, folder)
    seen = question.read(folder)
    notes = accepted_changes(folder, model, seen, question, allow_changed)
    source, target = question.task.asked(seen)
    if not len(source):
        why = ": no two neurons have a position" if POSITIONS in question.task.needs else ""
        raise AnalysisError(f"nothing to predict: the task {question.task.name} asks about nothing in this graph{why}")
    inputs = _inputs(seen, question.task, source, target)
    _require_features(model, inputs)
    if not changed_parts(model.card, seen):
        _require_same_features(model, inputs, seen)
    fitted = predictor.restore(model.state)
    classes = model.card.classes
    if isinstance(fitted, Cautioned):
        notes = [*notes, *fitted.cautions(classes)]
    judged: list[Judged] = []

    def ask(rows: Ints) -> Floats:
        if not isinstance(fitted, Judging):
            return fitted.predict(inputs, rows)
        judged.append(fitted.judge(inputs, rows))
        return judged[-1].probability

    probability = _in_parts(ask, len(source), progress)
    if probability.shape[1] != len(classes):
        raise SchemaError(f"model {name!r} has {probability.shape[1]} classes, its card {len(classes)}; train it again")
    ends = seen.named(source, target)
    trained = _was_training(model.trained, *ends)
    said = Answered(*ends, classes, probability, trained, _joined(judged))
    return Answers(model, question.task, seen, said, notes)


def changed_parts(card: PredictorCard, seen: WiringData) -> list[str]:
    """What predictors see and is not as it was in training, in words."""
    before, counts = dict(card.graph["hashes"]), dict(card.graph["counts"])
    changes = []
    for part in dict.fromkeys([*before, *seen.hashes]):
        if before.get(part) == seen.hashes.get(part):
            continue
        then, now = counts.get(part), seen.counts.get(part)
        if then == now:
            changes.append(f"{part}: {now:,} as before, with other values")
        else:
            changes.append(f"{part}: {then or 0:,} then, {now or 0:,} now")
    return changes


def accepted_changes(
    folder: Folder, model: SavedModel, seen: WiringData, question: Question, allow_changed: bool
) -> list[str]:
    """What to say of a graph that changed since a model was trained; VersionError where it changed and may not have."""
    parts = changed_parts(model.card, seen)
    then, now = str(model.card.graph.get("data_version")), str(folder.meta("data_version"))
    if parts and not allow_changed:
        raise VersionError(
            f"the graph changed since model {model.name!r} was trained (data version {then}, now {now}): "
            f"{'; '.join(parts)}. Train it again (graphlab train {question.task.name} {shlex.quote(str(folder.path))} "
            f"--name {model.name} --replace), or use it all the same with --allow-changed"
        )
    if parts:
        return [f"used on a graph that changed since training: {'; '.join(parts)}"]
    if then != now:
        return [f"the graph moved on since training ({then} to {now}), not in what this model sees"]
    return []


def _advice(model: SavedModel) -> list[str]:
    """A warning where nothing, or another predictor, was recommended."""
    card = model.card
    if card.recommended_because is None or card.recommended == card.predictor:
        return []
    return [f"this model is not the one recommended ({card.predictor}); {card.recommended_because}"]


def require_embeddings(model: SavedModel, folder: Folder) -> None:
    """The embeddings that the model was trained on are here: of the same model and segmentation version."""
    about = model.card.embeddings
    if not about:
        return
    rows = folder.connection.execute(
        "SELECT DISTINCT model, segmentation_version, width FROM embedding_files ORDER BY ALL"
    ).fetchall()
    wanted = (about["model"], str(about["segmentation_version"]), about["width"])
    if wanted not in [(str(row[0]), str(row[1]), int(row[2])) for row in rows]:
        have = "; ".join(f"{row[0]}, segmentation {row[1]}, {row[2]} numbers" for row in rows) or "none"
        raise VersionError(
            f"model {model.name!r} was trained on embeddings {wanted[0]}, segmentation {wanted[1]}, {wanted[2]} "
            f"numbers; this graph has {have}. Vectors of two models or versions are never mixed: bring those, or train "
            "it again"
        )


def _inputs(seen: WiringData, task: Task, source: Ints, target: Ints) -> Inputs:
    """Inputs of what is asked about, as training made them of its examples."""
    examples = Examples.unlabelled(source, target, named_groups(seen.class_names()))
    return task.build(seen)(examples, np.empty(0, dtype=np.int64))


def _require_features(model: SavedModel, inputs: Inputs) -> None:
    columns = inputs.pair if model.card.kind == "pair" else inputs.node
    then, now = list(model.card.features), list(columns.names)
    if then != now:
        gone, new = ([name for name in a if name not in b] for a, b in ((then, now), (now, then)))
        raise VersionError(
            f"model {model.name!r} looks at other features than this graph has: missing {', '.join(gone) or 'none'}; "
            f"new {', '.join(new) or 'none'}. Train it again"
        )


def _joined(parts: list[Judged]) -> Judged | None:
    """What was said part by part."""
    if not parts:
        return None
    names = [one.name for one in fields(Judged)]
    return Judged(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _require_same_features(model: SavedModel, inputs: Inputs, seen: WiringData) -> None:
    """On the same graph features are the same, or something else computes them than did in training."""
    kept = len(model.trained.features)
    asked = zip(*(ends.tolist() for ends in seen.named(inputs.source, inputs.target)), strict=True)
    at = {pair: k for k, pair in enumerate(asked)}
    wanted = zip(model.trained.source[:kept].tolist(), model.trained.target[:kept].tolist(), strict=True)
    rows = np.array([at.get(pair, -1) for pair in wanted], dtype=np.int64)
    if (rows < 0).any():
        raise AnalysisError(f"the task of model {model.name!r} does not ask about an example that it was trained on")
    now = models.features_of(inputs, rows)
    if not np.allclose(now, model.trained.features, rtol=1e-4, atol=1e-6):
        then = model.card.versions
        versions = library_versions()
        other = [
            f"{name} {value} then, {versions.get(name)} now"
            for name, value in then.items()
            if value != versions.get(name)
        ]
        raise VersionError(
            f"features come out otherwise than when model {model.name!r} was trained, on the same graph "
            f"({'; '.join(other) or 'versions are the same'}): its answers would mean nothing. Train it again"
        )


def _in_parts(ask: Callable[[Ints], Floats], count: int, progress: Progress | None) -> Floats:
    parts = []
    for start in range(0, count, AT_A_TIME):
        parts.append(ask(np.arange(start, min(start + AT_A_TIME, count))))
        if progress:
            progress(min(start + AT_A_TIME, count), count)
    return np.concatenate(parts)


def _was_training(trained: TrainingExamples, source: RootIds, target: RootIds) -> np.ndarray:
    known = set(zip(trained.source.tolist(), trained.target.tolist(), strict=True))
    return np.array([pair in known for pair in zip(source.tolist(), target.tolist(), strict=True)], dtype=bool)

"""Whether classifiers know a type that nobody taught them: some labels are held out whole, and every doubt is scored.

Tests: tests/graphlab/commands/proofreading/test_unseen_types.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphlab.predict.evaluation import doubts
from graphlab.predict.evaluation.unseen import Strangers, f1_by_rejection, mixed_half, strangers
from graphlab.predict.from_graph import some
from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.conformal import doubt_of, held_out_groups
from graphlab.predict.predictor import Predictor
from graphlab.predict.predictors import check_kind, check_needs, predictor_named, require_libraries
from graphlab.predict.proofread.seen_runs import start_seen_run
from graphlab.predict.tasks.classifier import build_inputs, embedded
from graphlab.predict.tasks.question import Question
from graphlab.statistics.ridge import Scaling
from graphlab.store.folder import Folder
from graphlab.store.runs.results import Repetition
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.result import Result

VERB = "unseen types"
STORED = "unseen_types"
PREDICTORS = ("logistic regression", "sngp", "residual ensemble")
SHARE = 0.25
"""Of the classes of twins of every known label: as many to test on, and as many again to set thresholds by."""
UNSEEN_SHARE = 1 / 3
"""Of the labels, where nobody says which are unseen."""
REJECTED = (0.1, 0.25, 0.5)
"""Shares of all cells that get no answer, for the F1 of the others."""


@dataclass(frozen=True, eq=False)
class UnseenTypes(Result):
    """One row for each doubt, the best first; queries find them in the table ``unseen_types``."""

    engine: str = "unseen"
    run_id: str = ""
    stored: str = STORED


@dataclass(frozen=True, eq=False)
class _Parts:
    """Examples by what they are for; no class of twins is in two of them."""

    train: Ints
    validation: Ints
    test: Ints
    """Known cells and as many strangers."""
    label: Ints
    """[test] -1 for strangers."""


def unseen_types(
    folder: Folder,
    *,
    label: str = "cell_type",
    unseen: Sequence[str] | None = None,
    predictors: Sequence[str] = PREDICTORS,
    least: int | None = None,
    seed: int = 0,
    bootstraps: int = 400,
    homologues: str | None = None,
    embeddings: str | None = None,
    repetition: Repetition | None = None,
) -> UnseenTypes:
    """How well doubt tells cells of labels that were held out whole from cells of labels that were learned.

    Half of each known label's cells train, a quarter is tested beside as many strangers, one score a cell, and a
    quarter sets the threshold beyond which an answer is withheld: no stranger is looked at for that.

    Args:
        label: column of neurons. unseen: labels to hold out; a third of them, drawn by ``seed``, by default.
        predictors: each is scored by its largest probability, and by its own doubt where it has one; the first answers
            for the distances to training cells, by neighbours and by Mahalanobis. least, homologues, embeddings: as of
            the task ``classifier``.

    Returns:
        doubt, answers (the predictor), auroc with lo and hi (95 %, cells resampled), f1 with its own, withheld_known,
        withheld_strange, ece, f1_without_10, _25, _50 (the most doubtful per cent get no answer).

    Raises:
        AnalysisError: fewer than two labels left to learn or none to hold out, too few cells. UnknownNameError: no such
        column, label, predictor. Others as of training the task ``classifier``.
    """
    question = Question.of("classifier", homologues, embeddings, label=label, least=least)
    seen = embedded(question.read(folder))
    chosen = [predictor_named(name) for name in predictors]
    if not chosen:
        raise AnalysisError("no predictors named; wanted one or more")
    for predictor in chosen:
        check_kind(predictor, "node")
        check_needs(predictor, seen)
    require_libraries(chosen)
    labels = question.task.labels(folder, seen)
    examples = labels.examples
    rng = np.random.default_rng(seed)
    strange = _unseen_labels(examples.classes, unseen, rng)
    assert seen.embeddings is not None, "cells are embedded"
    run = start_seen_run(
        folder, VERB,
        {"label": label, "unseen": list(unseen) if unseen is not None else None, "predictors": list(predictors),
         "least": least, "seed": seed, "bootstraps": bootstraps, "homologues": homologues,
         "embeddings": seen.embeddings["model"], "seen": dict(seen.hashes)},
        None, repetition,
    )  # fmt: skip
    parts = _divided(examples.group[examples.source], examples.label, strange, rng)
    inputs = build_inputs(seen)(examples, parts.train)
    learned = np.setdiff1d(np.arange(len(examples.classes)), strange)
    scored: list[tuple[str, str, Strangers, dict[float, float]]] = []
    for name, answers, probability, doubt, validation in _doubts(chosen, inputs, examples.label, parts, learned, seed):
        known = np.where(parts.label < 0, -1, np.searchsorted(learned, parts.label))
        found = strangers(doubt, probability, known, validation, np.random.default_rng(seed), bootstraps=bootstraps)
        scored.append((name, answers, found, dict(f1_by_rejection(doubt, probability, known, REJECTED))))
    scored.sort(key=lambda row: (-row[2].auroc.value, row[0], row[1]))
    notes = [
        f"held out whole: {some([examples.classes[k] for k in strange])}; {len(learned)} labels learned from "
        f"{len(parts.train):,} cells, thresholds from {len(parts.validation):,} others",
        f"tested on {int((parts.label >= 0).sum()):,} other known cells and as many strangers",
        *labels.notes,
    ]
    rows = _table(scored)
    if run.needed:
        run.finish(rows, {STORED: rows}, whole=rows, message="; ".join(notes))
    return UnseenTypes(rows, run_id=run.run_id, notes=tuple(notes))


def _unseen_labels(classes: Sequence[str], unseen: Sequence[str] | None, rng: np.random.Generator) -> Ints:
    if unseen is None:
        count = max(1, int(len(classes) * UNSEEN_SHARE))
        strange = np.sort(rng.choice(len(classes), min(count, len(classes)), replace=False))
    else:
        for name in unseen:
            if name not in classes:
                raise UnknownNameError("label", name, classes)
        strange = np.flatnonzero(np.isin(np.array(classes, dtype=object), list(unseen)))
    if not len(strange) or len(classes) - len(strange) < 2:
        raise AnalysisError(
            f"{len(strange)} of {len(classes)} labels held out; wanted one or more, and two or more left to learn"
        )
    return strange.astype(np.int64)


def _divided(group: Ints, label: Ints, strange: Ints, rng: np.random.Generator) -> _Parts:
    """Twins stay together: a stranger whose twin has a known label is used for nothing."""
    foreign = np.isin(label, strange)
    known = np.flatnonzero(~foreign)
    test = known[np.isin(group[known], held_out_groups(group[known], label[known], SHARE, rng))]
    left = np.setdiff1d(known, test)
    held = held_out_groups(group[left], label[left], SHARE / (1 - SHARE), rng)
    validation = left[np.isin(group[left], held)]
    train = np.setdiff1d(left, validation)
    strangers_left = np.flatnonzero(foreign & ~np.isin(group, group[known]))
    if not len(test) or not len(validation):
        raise AnalysisError(
            f"{len(known):,} cells of known labels are too few to train, to set thresholds and to test; label more"
        )
    test, other = mixed_half(test, strangers_left, rng)
    asked = np.concatenate([test, other])
    return _Parts(train, validation, asked, np.where(np.isin(label[asked], strange), -1, label[asked]))


def _doubts(
    predictors: Sequence[Predictor], inputs: Inputs, label: Ints, parts: _Parts, learned: Ints, seed: int
) -> Iterator[tuple[str, str, Floats, Floats, Floats]]:
    """(doubt, predictor, probabilities [test, learned], doubts [test], doubts [validation])."""
    taught = np.full(len(label), HIDDEN, dtype=np.int64)
    taught[parts.train] = np.searchsorted(learned, label[parts.train])
    first: Floats | None = None
    for predictor in predictors:
        fitted = predictor.fit(inputs, taught, len(learned), seed)
        asked, held = (fitted.predict(inputs, rows) for rows in (parts.test, parts.validation))
        yield "max softmax", predictor.name, asked, doubts.max_softmax(asked), doubts.max_softmax(held)
        if hasattr(fitted, "doubt"):
            own, limits = doubt_of(fitted, asked, inputs, parts.test), doubt_of(fitted, held, inputs, parts.validation)
            yield "Dempster-Shafer", predictor.name, asked, own, limits
        first = asked if first is None else first
    assert first is not None
    assert inputs.windows is not None, "cells have windows"
    mean = inputs.windows.mean()
    train, test, validation = (mean[inputs.source[rows]] for rows in (parts.train, parts.test, parts.validation))
    # Scaled by training cells alone: no distance is measured in units that strangers had a say in.
    scaled, answers, said = Scaling.of(train), predictors[0].name, taught[parts.train]
    train, test, validation = scaled(train), scaled(test), scaled(validation)
    near = doubts.neighbour_distance
    yield "neighbours", answers, first, near(train, test), near(train, validation)
    within = doubts.mahalanobis
    yield "Mahalanobis", answers, first, within(train, said, test), within(train, said, validation)


def _table(scored: Sequence[tuple[str, str, Strangers, dict[float, float]]]) -> pa.Table:
    def column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
        return pa.array(list(values), kind)

    of = [found for _, _, found, _ in scored]
    return pa.table(
        {
            "doubt": column([row[0] for row in scored], pa.string()),
            "answers": column([row[1] for row in scored], pa.string()),
            "auroc": column([one.auroc.value for one in of], pa.float64()),
            "auroc_lo": column([one.auroc.lo for one in of], pa.float64()),
            "auroc_hi": column([one.auroc.hi for one in of], pa.float64()),
            "f1": column([one.f1.value for one in of], pa.float64()),
            "f1_lo": column([one.f1.lo for one in of], pa.float64()),
            "f1_hi": column([one.f1.hi for one in of], pa.float64()),
            "withheld_known": column([one.withheld_known for one in of], pa.float64()),
            "withheld_strange": column([one.withheld_strange for one in of], pa.float64()),
            "ece": column([one.ece for one in of], pa.float64()),
            **{
                f"f1_without_{round(100 * share)}": column([row[3][share] for row in scored], pa.float64())
                for share in REJECTED
            },
        }
    )

"""Fits of folds, whoever computes them: the same predictions to the byte, sets and doubt included."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.parts_folder import PartDone
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.evaluation.fold_fits import TrainingSet, fit_all
from graphlab.predict.predictors import predictor_named
from graphlab.statistics.folds import random_folds
from graphlab.testing.predictors import made_inputs, made_wiring
from ingest.running.task_runners import TaskError, Workers
from ingest.schema.errors import VersionError

pytest.importorskip("sklearn")
pytest.importorskip("torch")
NAMES = ("identity rates", "random forest", "spectral network", "conformal logistic regression")
PREDICTORS = {name: predictor_named(name) for name in NAMES}


def made_sets() -> list[TrainingSet]:
    examples, inputs = made_inputs("node", made_wiring())
    return [TrainingSet(examples, inputs, fold) for fold in random_folds(examples.m, 3, np.random.default_rng(0))]


def said_by(workers: Workers, seed: int = 1, version: str = "1") -> list[FoldPredictions]:
    fits = [(number, name) for name in NAMES for number in (2, 0, 1)]
    return fit_all(made_sets(), fits, PREDICTORS, seed, workers, versions={"torch": version})


def bytes_of(said: list[FoldPredictions]) -> list[bytes]:
    judged = [one.judged and (one.judged.probability, one.judged.in_set, one.judged.doubt) for one in said]
    return [
        b"".join(part.tobytes() for part in (one.rows, one.probability, *(more or ())))
        for one, more in zip(said, judged, strict=True)
    ]


def test_threads_and_parts_say_the_bytes_of_one(tmp_path: Path) -> None:
    alone = said_by(1)
    folds = [set.fold for set in made_sets()]
    assert [one.rows.tolist() for one in alone] == [folds[number].test.tolist() for number in (2, 0, 1)] * len(NAMES)
    assert [one.judged is not None for one in alone] == [name.startswith("conformal") for name in NAMES for _ in folds]
    assert bytes_of(said_by(2)) == bytes_of(alone)
    for part in (1, 2):
        with pytest.raises(PartDone):
            said_by(ArrayPart(part, 2, tmp_path / "parts", 2))
    assert bytes_of(said_by(Gather(tmp_path / "parts"))) == bytes_of(alone)
    for other in ({"seed": 2}, {"version": "2"}):
        with pytest.raises(VersionError):
            said_by(Gather(tmp_path / "parts"), **other)


def test_a_predictor_that_cannot_be_sent_is_for_threads(tmp_path: Path) -> None:
    class Own:
        name = "own"

        def fit(self, *given: object) -> object:
            return predictor_named("identity rates").fit(*given)

    sets = made_sets()
    assert len(fit_all(sets, [(0, "own")], {"own": Own()}, 1, 2)) == 1
    with pytest.raises(TaskError, match="run these tasks in threads"), suppress(PartDone):
        fit_all(sets, [(0, "own")], {"own": Own()}, 1, ArrayPart(1, 2, tmp_path / "parts"))

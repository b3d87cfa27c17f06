"""Any predictor with conformal sets and a threshold of doubt, from cells that it is not trained on.

A quarter of the classes of twins of every label is held out of training, and gives one score each: of cells with many
windows one is drawn. Sets are Mondrian, every label by itself, where every label has cells enough for that; else all
cells are calibrated together, and coverage holds over all labels alone. Nothing but these cells of known labels is
looked at for the threshold.

Tests: tests/graphlab/predict/learners/test_conformal.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.predict.evaluation import doubts
from graphlab.predict.evaluation.conformal import LEVEL, Conformal, fewest
from graphlab.predict.from_graph import some
from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Around, Fitted, Judged, Predictor, TrainingJournal, known_rows
from graphlab.predict.state import (
    Array,
    State,
    array,
    integer_array,
    number,
    require,
    with_prefix,
    without_prefix,
)

PREFIX = "conformal "
SHARE = 0.25
"""Of the classes of twins of every label that are held out to calibrate on."""
NEVER = -1
"""Calibration cells of a label that was not learned."""


@dataclass(frozen=True)
class ConformalPredictor(Around):
    """A predictor that says which labels a cell may have, and whether it is like what it was trained on at all."""

    predictor: Predictor
    level: float = LEVEL
    share: float = SHARE

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.predictor.name}"

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        group = inputs.group[inputs.source[rows]]
        rng = np.random.default_rng([seed, len(rows)])
        out = np.isin(group, held_out_groups(group, known[rows], self.share, rng))
        taught = known.copy()
        taught[rows[out]] = HIDDEN
        fitted = self.predictor.fit(inputs, taught, classes, seed, journal)
        asked = rows[out][one_of_each(group[out], known[rows[out]], rng)]
        probability = fitted.predict(inputs, asked)
        # With too few cells of a label for a set without it, all cells are calibrated together.
        cells = np.bincount(known[asked], minlength=classes)
        learned = np.bincount(known[rows], minlength=classes) > 0
        by_label = bool(len(asked)) and bool((cells[learned] >= fewest(self.level)).all())
        if len(asked):
            conformal = Conformal.fit(probability, known[asked], by_label)
        else:  # nothing to calibrate on: every label is possible
            conformal = Conformal(np.empty(0), np.empty(0, dtype=np.int64), 1, False)
        limit = doubts.threshold(doubt_of(fitted, probability, inputs, asked))
        return _Fitted(fitted, conformal, limit, self.level, np.where(learned, cells, NEVER))

    def restore(self, state: State) -> Fitted:
        scores, category = array(state, "scores", np.float64, 1), array(state, "category", np.int64, 1)
        limit, level = array(state, "threshold", np.float64, 1), array(state, "level", np.float64, 1)
        categories, by_label = number(state, "categories"), bool(number(state, "by_label"))
        require(len(scores) == len(category) and len(limit) == len(level) == 1, "scores of calibration are missing")
        require(bool(((category >= 0) & (category < categories)).all()), "a calibration cell is of no class")
        require(bool((np.diff(category) >= 0).all()), "scores of calibration are out of order")
        fitted = self.predictor.restore(without_prefix(state, "predictor"))
        cells = array(state, "cells", np.int64, 1) if "cells" in state else np.empty(0, dtype=np.int64)
        conformal = Conformal(scores, category, categories, by_label)
        return _Fitted(fitted, conformal, float(limit[0]), float(level[0]), cells)

    def sentence(self) -> str:
        return (
            f"{self.predictor.sentence()}; {self.share:.0%} of the cells of every label held out to calibrate sets "
            f"that hold the right label in {self.level:.0%} of cells, and a threshold of doubt that "
            f"{doubts.KEPT:.0%} of them stay below"
        )


@dataclass(frozen=True, eq=False)
class _Fitted:
    fitted: Fitted
    conformal: Conformal
    limit: float
    level: float
    cells: Ints
    """[classes] calibration cells of each label, ``NEVER`` of one that was not learned; empty where nobody kept it."""

    def cautions(self, classes: Sequence[str]) -> list[str]:
        """Which labels have too few cells to be calibrated by themselves, and what follows."""
        if self.conformal.by_class:
            return []
        least = fewest(self.level)
        few = [f"{name} ({n})" for name, n in zip(classes, self.cells.tolist(), strict=False) if NEVER < n < least]
        which = f": {some(few)}" if few else ""
        return [
            f"sets are calibrated over all labels together, because some have fewer than {least} cells to calibrate "
            f"on{which}; they hold the right label in {self.level:.0%} of all cells, and in fewer of some labels"
        ]

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.fitted.predict(inputs, rows)

    def judge(self, inputs: Inputs, rows: Ints) -> Judged:
        probability = self.fitted.predict(inputs, rows)
        doubt = doubt_of(self.fitted, probability, inputs, rows)
        return Judged(probability, self.conformal.sets(probability, self.level), doubt, doubt > self.limit)

    def state(self) -> dict[str, Array]:
        return {
            **with_prefix("predictor", self.fitted.state()),
            "scores": self.conformal.scores,
            "category": self.conformal.category,
            "categories": integer_array(self.conformal.categories),
            "by_label": integer_array(int(self.conformal.by_class)),
            "cells": self.cells,
            "threshold": np.array([self.limit]),
            "level": np.array([self.level]),
        }


def doubt_of(fitted: Fitted, probability: Floats, inputs: Inputs, rows: Ints) -> Floats:
    """What a predictor says itself of its doubt, else 1 minus its largest probability."""
    own = getattr(fitted, "doubt", None)
    return np.asarray(own(inputs, rows)) if own is not None else doubts.max_softmax(probability)


def held_out_groups(group: Ints, label: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Classes of twins to hold out: a share of those of every label, rounded up, and never all of a label's.

    A class with several labels, such as a cell with an axon and dendrites, counts for the rarest of them.
    """
    chosen: set[int] = set()
    placed: set[int] = set()
    having = {int(name): set(group[label == name].tolist()) for name in np.unique(label)}
    for name in sorted(having, key=lambda name: (len(having[name]), name)):
        mine = sorted(having[name] - placed)
        placed |= having[name]
        count = min(int(np.ceil(share * len(mine))), len(having[name]) - 1)
        if count > 0:
            chosen |= set(rng.permutation(np.array(mine, dtype=np.int64))[:count].tolist())
    for name in sorted(having):
        if having[name] <= chosen:  # held out for the sake of other labels
            chosen.remove(min(having[name]))
    return np.array(sorted(chosen), dtype=np.int64)


def one_of_each(group: Ints, label: Ints, rng: np.random.Generator) -> Ints:
    """Places of one example of each class of twins and label, at random, in ascending order."""
    order = rng.permutation(len(group))
    _, first = np.unique(np.stack([group[order], label[order]]), axis=1, return_index=True)
    return np.sort(order[first])

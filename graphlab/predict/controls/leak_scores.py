"""What leaks would score: the labels of a pair's mirror image and of its reverse, who the neurons are, distance.

A split that lets a leak through lets a model have these scores for nothing; beside each stands the share of test pairs
that it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup
from graphlab.predict.evaluation import leaks
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Declared, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.state import Array, State, array

NAME = "leak table"


@dataclass(frozen=True)
class TwinLabel(Declared):
    """The mean label of the training pairs between the same two homologue classes, or of those the other way round."""

    name: str
    reverse: bool = False
    tasks: frozenset[str] = frozenset({"pair"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        size = int(inputs.group.max()) + 1
        a, b = inputs.group[inputs.source[rows]], inputs.group[inputs.target[rows]]
        there = (b, a) if self.reverse else (a, b)
        counts = np.zeros((size, size, classes))
        np.add.at(counts, (*there, known[rows]), 1.0)
        return _Twins(counts, np.bincount(known[rows], minlength=classes) / len(rows))

    def restore(self, state: State) -> Fitted:
        return _Twins(array(state, "counts", np.float64, 3), array(state, "base", np.float64, 1))

    def sentence(self) -> str:
        return f"mean label of training pairs of the {'reversed' if self.reverse else 'same'} two homologue classes"


@dataclass(frozen=True, eq=False)
class _Twins:
    counts: Floats
    base: Floats

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        counts = self.counts[inputs.group[inputs.source[rows]], inputs.group[inputs.target[rows]]]
        total = counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, np.divide(counts, total, where=total > 0, out=np.zeros_like(counts)), self.base)

    def state(self) -> dict[str, Array]:
        return {"counts": self.counts, "base": self.base}


LEAKS: dict[str, Predictor] = {
    "mirror pair": TwinLabel("label of the mirror pair"),
    "reversed pair": TwinLabel("label of the reversed pair", reverse=True),
    "shared class": PREDICTORS.get("identity rates"),
}
"""Leaks of ``leaks.LEAKS`` and what they know."""


def leak_scores(plan: ControlSetup) -> list[ControlResult]:
    """Each leak as a predictor, on the test pairs that it reaches, and distance, which is no leak and explains much."""
    rows = []
    kind = "pair" if plan.examples.is_pairs else "node"
    for leak, predictor in LEAKS.items():
        if kind not in predictor.tasks:
            continue
        predictions = plan.held(predictor)
        reached = [leaks.LEAKS[leak](plan.examples, fold) for fold in plan.folds]
        share = float(np.concatenate(reached).mean())
        if share == 0.0:
            note = f"no test {'pair' if kind == 'pair' else 'neuron'} shares it with a training one"
            rows.append(ControlResult(NAME, predictor.name, plan.split, next(iter(plan.metrics)), share=0.0, note=note))
            continue
        kept = [FoldPredictions(h.rows[r], h.probability[r]) for h, r in zip(predictions, reached, strict=True)]
        rows += plan.scores(NAME, predictor.name, kept, "on the test pairs that it reaches", share)
    if kind == "pair" and plan.wiring.position_nm is not None:
        rows += plan.scores(NAME, "distance", plan.held(PREDICTORS.get("distance")), "no leak of labels")
    return rows

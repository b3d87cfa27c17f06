"""Logistic regression over standardised columns, with a probability for every class, seen in training or not.

Tests: tests/graphlab/predict/learners/test_calibration.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.design import design, is_pairs, spectral_design
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.wiring import CONNECTIONS
from graphlab.predict.learners.class_weights import example_weights
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, require
from graphlab.statistics.ridge import Scaling
from graphlab.statistics.threads import one_thread
from ingest.schema.errors import MissingExtraError

PENALTY = 1.0
"""scikit-learn's C: inverse strength of the L2 penalty."""


@dataclass(frozen=True)
class Logistic:
    """Fitted coefficients of standardised columns."""

    scale: Scaling
    weights: Floats
    """[columns, classes]"""
    intercept: Floats

    def logits(self, values: Floats) -> Floats:
        return np.asarray(self.scale(values) @ self.weights + self.intercept)

    def probability(self, values: Floats) -> Floats:
        logits = self.logits(values)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Array]:
        return {
            "mean": self.scale.mean, "spread": self.scale.spread, "weights": self.weights, "intercept": self.intercept
        }  # fmt: skip

    @classmethod
    def restore(cls, state: State) -> Logistic:
        mean, spread, intercept = (array(state, name, np.float64, 1) for name in ("mean", "spread", "intercept"))
        weights = array(state, "weights", np.float64, 2)
        require(weights.shape == (len(mean), len(intercept)) and len(spread) == len(mean), "coefficients are missing")
        return cls(Scaling(mean, spread), weights, intercept)


def logistic(
    values: Floats, label: Ints, classes: int, penalty: float = PENALTY, weight: Floats | None = None
) -> Logistic:
    """Multinomial logistic regression; a class that is not among ``label`` gets probability 0.

    Args:
        weight: [m] of each example; all equal by default.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("scikit-learn", "gnn") from None
    scale = Scaling.of(values)
    weights, intercept = np.zeros((values.shape[1], classes)), np.full(classes, -np.inf)
    present = np.unique(label)
    if len(present) == 1:
        intercept[present] = 0.0
        return Logistic(scale, weights, intercept)
    with one_thread():
        model = LogisticRegression(C=penalty, max_iter=2_000).fit(scale(values), label, weight)
    if len(present) == 2:
        weights[:, present[1]] = model.coef_[0]
        intercept[present] = [0.0, model.intercept_[0]]
    else:
        weights[:, present] = model.coef_.T
        intercept[present] = model.intercept_
    return Logistic(scale, weights, intercept)


@dataclass(frozen=True)
class LogisticRegression(Declared):
    """Logistic regression on all features of the examples, or on a spectral embedding alone."""

    name: str = "logistic regression"
    spectral_only: bool = False
    tasks: frozenset[str] = frozenset({"pair", "node"})
    libraries = frozenset({"sklearn"})

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({CONNECTIONS}) if self.spectral_only else frozenset()

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        weight = None if is_pairs(inputs) else example_weights(known[rows], classes)
        return _Fitted(logistic(self.values(inputs, rows), known[rows], classes, weight=weight), self)

    def restore(self, state: State) -> Fitted:
        return _Fitted(Logistic.restore(state), self)

    def values(self, inputs: Inputs, rows: Ints) -> Floats:
        return spectral_design(inputs, rows) if self.spectral_only else design(inputs, rows).values

    def sentence(self) -> str:
        return "L2-penalised logistic regression on " + (
            "the spectral embedding of the wiring" if self.spectral_only else "the features of the examples"
        )


@dataclass(frozen=True)
class _Fitted:
    model: Logistic
    settings: LogisticRegression

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.model.probability(self.settings.values(inputs, rows))

    def state(self) -> dict[str, Array]:
        return self.model.state()

"""Confidence that means what it says: scaling of log probabilities, learned on examples that a model did not see.

Guo et al. 2017 (ICML): p' proportional to exp(log p / T), and with a bias for every class (their vector scaling with
one temperature). Fitted by the Brier score, which like their log loss is lowest for the true probabilities and which a
few sure mistakes do not rule: on networks taught from labels half of which were wrong, the log loss asked for T = 1.8
and made calibration worse, the Brier score for 1.0. A penalty keeps T near 1 and biases near 0 where examples are few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from graphlab.predict.inputs.examples import Floats, Ints

NARROWEST = 1e-6
"""Probabilities below are taken for this, so that their logarithms are finite."""
PENALTY = 1.0
"""Examples' worth of belief that nothing needs to be scaled."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Log probabilities over a temperature, plus a bias [classes]."""

    temperature: float
    bias: Floats

    @classmethod
    def none(cls, classes: int) -> Calibration:
        """Leaves probabilities as they are."""
        return cls(1.0, np.zeros(classes))

    def __call__(self, probability: Floats) -> Floats:
        """Probabilities [..., classes], scaled; each row adds up to 1."""
        return _softmax(np.log(np.maximum(probability, NARROWEST)) / self.temperature + self.bias)


def calibrate(probability: Floats, label: Ints, biases: bool = False) -> Calibration:
    """Learn from probabilities [k, classes] of examples that were not trained on, and their labels [k]."""
    k, classes = probability.shape
    logs = np.log(np.maximum(probability, NARROWEST))
    rows = np.arange(k)

    def loss(x: Floats) -> tuple[float, Floats]:
        sharp, bias = np.exp(x[0]), x[1:] if biases else np.zeros(classes)
        found = _softmax(logs * sharp + bias)
        off = found.copy()
        off[rows, label] -= 1.0
        value = float((off**2).sum()) + PENALTY * float(x @ x)
        error = 2.0 * found * (off - (off * found).sum(axis=1, keepdims=True))
        gradient = [[float((error * logs).sum() * sharp)], error.sum(axis=0) if biases else []]
        return value, np.concatenate(gradient) + 2.0 * PENALTY * x

    best = minimize(loss, np.zeros(1 + classes * biases), jac=True, method="L-BFGS-B").x
    return Calibration(float(np.exp(-best[0])), np.asarray(best[1:], np.float64) if biases else np.zeros(classes))


def _softmax(logits: Floats) -> Floats:
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

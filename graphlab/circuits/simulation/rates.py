"""The rate model: activity that spreads along fractions of input, saturates, and fades.

Tests: tests/graphlab/circuits/simulation/test_rates.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RateModel:
    """r(t + 1) = (1 - 1/tau) r(t) + (1/tau) tanh([gain * sum_j w_j r_j(t) + input]_+), w the signed share of input.

    The form is that of the connectome interpreter (Yin et al.).

    Raises:
        AnalysisError: tau below 1 step, a gain that is no number.
    """

    tau_steps: float = 1.0
    gain: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.tau_steps) or self.tau_steps < 1:
            raise AnalysisError(f"tau_steps is {self.tau_steps:g}; give a time constant of at least 1 step")
        if not math.isfinite(self.gain):
            raise AnalysisError(f"gain is {self.gain:g}; give a number")


def simulate_rates(
    share: sparse.csr_array,
    driven: npt.NDArray[np.int64],
    silenced: npt.NDArray[np.bool_],
    model: RateModel,
    steps: int,
    level: float = 1.0,
) -> Floats:
    """Rates [steps, n] after each step, from rest, with a constant input to the driven neurons.

    Args:
        share: [n, n] signed share of the input of each row that each column gives.
        silenced: [n] neurons that give nothing to others.
        level: the input.

    Raises:
        AnalysisError: no step, nobody driven, an input that is no number.
    """
    if steps < 1:
        raise AnalysisError(f"steps is {steps}; give at least 1")
    if not len(driven):
        raise AnalysisError("nothing drives the simulation: no neuron is activated; name at least one")
    if not math.isfinite(level) or level <= 0:
        raise AnalysisError(f"the input is {level:g}; give a level above 0")
    n = share.shape[0]
    given = np.zeros(n)
    given[driven] = level
    heard = ~silenced
    rates, now = np.empty((steps, n)), np.zeros(n)
    for step in range(steps):
        reaching = model.gain * (share @ (now * heard)) + given
        now = (1 - 1 / model.tau_steps) * now + np.tanh(np.maximum(reaching, 0.0)) / model.tau_steps
        rates[step] = now
    return rates

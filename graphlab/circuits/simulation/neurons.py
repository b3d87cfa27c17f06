"""The spiking neuron: its constants, and what they make of a step of time.

Tests: tests/graphlab/circuits/simulation/test_spikes.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ingest.schema.errors import AnalysisError

TABLE_STEPS = 1 << 13
WHOLE = 1e-6
"""How far from a whole number of steps a time may lie."""


@dataclass(frozen=True, slots=True)
class Neuron:
    """A leaky integrate-and-fire neuron with an exponential drive; the defaults are those of Shiu et al. 2024.

    dv/dt = (rest - v + g) / membrane and dg/dt = -g / synapse, both frozen while refractory; what arrives then is lost.
    A spike adds ``synapse_mv`` times the signed weight to g of each target after ``delay_ms``; at v > ``threshold_mv``
    a neuron spikes, v becomes ``reset_mv`` and g 0. One input adds ``input_mv`` to v of a driven neuron, which is
    refractory for ``driven_refractory_ms``.

    Raises:
        AnalysisError: a constant that is no number, times that are no whole number of steps, a step that is too long,
            a neuron that would spike by itself.
    """

    rest_mv: float = -52.0
    threshold_mv: float = -45.0
    reset_mv: float = -52.0
    membrane_ms: float = 20.0
    synapse_ms: float = 5.0
    refractory_ms: float = 2.2
    driven_refractory_ms: float = 0.0
    delay_ms: float = 1.8
    synapse_mv: float = 0.275
    input_mv: float = 68.75
    step_ms: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise AnalysisError(f"{field.name} of a neuron is {value!r}; give a number")
        for name in ("membrane_ms", "synapse_ms", "step_ms"):
            if getattr(self, name) <= 0:
                raise AnalysisError(f"{name} of a neuron is {getattr(self, name):g}; give a time above 0")
        if self.step_ms > min(self.membrane_ms, self.synapse_ms) / 5:
            raise AnalysisError(
                f"a step of {self.step_ms:g} ms is too long for time constants of {self.membrane_ms:g} and "
                f"{self.synapse_ms:g} ms; take a fifth of the shorter one at most ({self.longest_step_ms:g} ms)"
            )
        if self.membrane_ms == self.synapse_ms:
            raise AnalysisError("membrane_ms and synapse_ms are equal; make them differ, if only in the last digits")
        for name in ("refractory_ms", "driven_refractory_ms", "delay_ms"):
            self.steps(getattr(self, name), name)
        if max(self.rest_mv, self.reset_mv) >= self.threshold_mv:
            raise AnalysisError(
                f"the threshold ({self.threshold_mv:g} mV) does not lie above rest ({self.rest_mv:g} mV) and reset "
                f"({self.reset_mv:g} mV): every neuron would spike without input"
            )

    @property
    def longest_step_ms(self) -> float:
        return min(self.membrane_ms, self.synapse_ms) / 5

    def steps(self, time_ms: float, what: str) -> int:
        """A time as a whole number of steps."""
        steps = time_ms / self.step_ms
        if not math.isfinite(steps) or steps < 0 or abs(steps - round(steps)) > WHOLE * max(1.0, steps):
            raise AnalysisError(
                f"{what} is {time_ms:g} ms, which is no whole number of steps of {self.step_ms:g} ms; "
                f"give a multiple of the step, or another step_ms"
            )
        return round(steps)

    def tables(self, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What 0, 1, ... steps leave of voltage and of drive, and the voltage that they make of 1 mV of drive."""
        times = np.arange(min(steps, TABLE_STEPS) + 2) * self.step_ms
        voltage, drive = np.exp(-times / self.membrane_ms), np.exp(-times / self.synapse_ms)
        return voltage, drive, self.synapse_ms / (self.synapse_ms - self.membrane_ms) * (drive - voltage)

    @property
    def rise(self) -> float:
        """Most that a drive of 1 mV, left alone, adds to the voltage at any time."""
        ratio = self.membrane_ms / self.synapse_ms
        peak_ms = math.log(ratio) / (1 / self.synapse_ms - 1 / self.membrane_ms)
        grown = math.exp(-peak_ms / self.synapse_ms) - math.exp(-peak_ms / self.membrane_ms)
        return self.synapse_ms / (self.synapse_ms - self.membrane_ms) * grown

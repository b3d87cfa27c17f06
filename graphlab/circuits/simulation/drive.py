"""What drives a simulation: neurons that receive random spikes at a rate, or spikes at given times.

Tests: tests/graphlab/circuits/simulation/test_drive.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.circuits.simulation.neurons import Neuron
from ingest.schema.errors import AnalysisError

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trains:
    """Inputs of one trial: those of step s are ``neuron[start[s] : start[s + 1]]``."""

    start: npt.NDArray[np.int64]
    neuron: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class RandomDrive:
    """Every driven neuron receives an input in each step with the same chance, on its own (Poisson, on the grid)."""

    nodes: Nodes
    rate_hz: float

    def __post_init__(self) -> None:
        _some(self.nodes)
        if not math.isfinite(self.rate_hz) or self.rate_hz <= 0:
            raise AnalysisError(f"drive_hz is {self.rate_hz:g}; give the rate of the input of a driven neuron, above 0")

    def trains(self, neuron: Neuron, steps: int, trial: int, seed: int) -> Trains:
        """The inputs of a trial, the same whichever worker draws them.

        Raises:
            AnalysisError: more than one input a step.
        """
        chance = self.rate_hz * neuron.step_ms / 1000
        if chance > 1:
            raise AnalysisError(
                f"drive_hz is {self.rate_hz:g}: more than one input in a step of {neuron.step_ms:g} ms; "
                f"{1000 / neuron.step_ms:g} Hz is the most, or take a shorter step_ms"
            )
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(trial,)))
        wide = len(self.nodes)
        at = _successes(rng, steps * wide, chance)
        step, which = np.divmod(at, wide)
        return _by_step(step, self.nodes[which], steps)


@dataclass(frozen=True, eq=False)
class GivenDrive:
    """Spikes at stated times, the same in every trial."""

    nodes: Nodes
    """[k] the neuron of each input."""
    times_ms: npt.NDArray[np.float64]
    """[k]"""

    def __post_init__(self) -> None:
        _some(self.nodes)

    def trains(self, neuron: Neuron, steps: int, trial: int, seed: int) -> Trains:
        """The inputs, in the order of time.

        Raises:
            AnalysisError: a time that is no whole number of steps, below 0 or past the end.
        """
        step = self.times_ms / neuron.step_ms
        whole = np.rint(step)
        bad = ~np.isfinite(step)
        bad |= (step < 0) | (whole >= steps)
        if bad.any():
            raise AnalysisError(
                f"the spike time {self.times_ms[bad][0]:g} ms lies outside the simulation; give times from 0 to below "
                f"{steps * neuron.step_ms:g} ms"
            )
        off = np.abs(step - whole) > 1e-6 * np.maximum(1.0, step)
        if off.any():
            raise AnalysisError(
                f"the spike time {self.times_ms[off][0]:g} ms lies between two steps of {neuron.step_ms:g} ms; "
                f"round spike times to the step, or take another step_ms"
            )
        return _by_step(whole.astype(np.int64), self.nodes, steps)


Drive = RandomDrive | GivenDrive


def _some(nodes: Nodes) -> None:
    if not len(nodes):
        raise AnalysisError("nothing drives the simulation: no neuron is activated; name at least one")


def _successes(rng: np.random.Generator, trials: int, chance: float) -> npt.NDArray[np.int64]:
    """Which of ``trials`` independent trials succeed: time and memory go with the successes, not with the trials."""
    parts, last = [], -1
    while last < trials:
        gaps = rng.geometric(chance, max(16, int((trials - last) * chance * 1.1)))
        part = last + np.cumsum(gaps)
        parts.append(part)
        last = int(part[-1])
    at = np.concatenate(parts)
    return at[at < trials]


def _by_step(step: npt.NDArray[np.int64], nodes: Nodes, steps: int) -> Trains:
    order = np.lexsort((nodes, step))
    start = np.searchsorted(step[order], np.arange(steps + 1))
    return Trains(start.astype(np.int64), nodes[order].astype(np.int32))

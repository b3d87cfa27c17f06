"""Spiking simulations: many trials of one network, spread over workers.

Tests: tests/graphlab/circuits/simulation/test_spikes.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from graphlab.circuits.simulation.drive import Drive
from graphlab.circuits.simulation.kernel import spikes_of_trial
from graphlab.circuits.simulation.neurons import Neuron
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError

MOST_SPIKES = 200_000_000


@dataclass(frozen=True, eq=False)
class Network:
    """Signed wiring as compressed rows, by presynaptic neuron."""

    start: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float64]
    """Signed synapse counts."""
    silenced: npt.NDArray[np.bool_]
    """[n] neurons whose spikes reach nobody."""

    def __post_init__(self) -> None:
        if not np.isfinite(self.weight).all():
            raise AnalysisError(
                f"{int((~np.isfinite(self.weight)).sum()):,} connections have a weight that is no finite number; "
                "a simulation needs counts"
            )

    @property
    def n(self) -> int:
        return len(self.start) - 1


@dataclass(frozen=True, eq=False)
class Spikes:
    """Every spike of every trial, by trial, then step, then neuron."""

    trial: npt.NDArray[np.int32]
    step: npt.NDArray[np.int32]
    node: npt.NDArray[np.int32]
    n: int
    trials: int
    steps: int
    step_ms: float

    @property
    def duration_s(self) -> float:
        return self.steps * self.step_ms / 1000

    def nodes(self) -> npt.NDArray[np.int64]:
        """Neurons that spiked in some trial, ascending."""
        return np.unique(self.node).astype(np.int64)


def simulate_spikes(
    network: Network,
    drive: Drive,
    neuron: Neuron,
    duration_ms: float = 1000.0,
    trials: int = 30,
    seed: int = 0,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Spikes:
    """Simulate: the same bytes whatever the number of workers.

    Raises:
        AnalysisError: no step, no trial, a drive that does not fit the grid, more spikes than memory should hold.
    """
    steps = neuron.steps(duration_ms, "duration_ms")
    if steps < 1 or steps >= np.iinfo(np.int32).max // 2:
        raise AnalysisError(f"duration_ms is {duration_ms:g}; give a time of at least one step ({neuron.step_ms:g} ms)")
    if trials < 1:
        raise AnalysisError(f"trials is {trials}; give at least 1")
    scaled = network.weight * neuron.synapse_mv
    refractory = np.full(network.n, neuron.steps(neuron.refractory_ms, "refractory_ms"), np.int32)
    refractory[drive.nodes] = neuron.steps(neuron.driven_refractory_ms, "driven_refractory_ms")
    one = partial(_trial, network, scaled, refractory, drive, neuron, steps, seed)
    steps_of, nodes_of, total = [], [], 0
    for step, node in runner_of(workers).map_tasks(one, range(trials), progress=progress, total=trials):
        steps_of.append(step)
        nodes_of.append(node)
        total += len(step)
        if total > MOST_SPIKES:
            raise AnalysisError(
                f"more than {MOST_SPIKES:,} spikes in {len(steps_of)} of {trials} trials: the network runs away, or "
                "there are too many trials for one simulation; take fewer, or a smaller synapse_mv"
            )
    trial = np.repeat(np.arange(trials, dtype=np.int32), [len(step) for step in steps_of])
    return Spikes(trial, np.concatenate(steps_of), np.concatenate(nodes_of), network.n, trials, steps, neuron.step_ms)


def _trial(
    network: Network,
    scaled: npt.NDArray[np.float64],
    refractory: npt.NDArray[np.int32],
    drive: Drive,
    neuron: Neuron,
    steps: int,
    seed: int,
    trial: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    trains = drive.trains(neuron, steps, trial, seed)
    step, node = spikes_of_trial(
        network.start,
        network.target,
        scaled,
        trains.start,
        trains.neuron,
        np.full(network.n, neuron.input_mv),
        refractory,
        network.silenced,
        *neuron.tables(steps),
        neuron.rise,
        neuron.threshold_mv - neuron.rest_mv,
        neuron.reset_mv - neuron.rest_mv,
        neuron.steps(neuron.delay_ms, "delay_ms"),
    )
    return step, node

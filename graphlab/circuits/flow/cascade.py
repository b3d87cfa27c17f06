"""Cascades (Winding et al. 2023): how a signal that starts in chosen neurons spreads, one transmission a neuron.

A connection of A synapses transmits with the chance 1 - (1 - s)^A, where s is the chance of one synapse. Seeds are
active at hop 0. Every active neuron transmits once, and stays visited; neurons that end the signal are recorded and do
not transmit. ``hops`` counts transmissions. With signs, inhibitory neurons excite nobody: their chances are taken from
those of the excitatory connections onto the same target that are active in the same hop, down to 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.weights import Signs, Weights
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BATCH = 25
"""Runs of one task."""


@dataclass(frozen=True, eq=False)
class Cascade:
    """Counts of visits."""

    visits: Ints
    """[hops + 1, n] runs in which a neuron was reached at a hop."""
    runs: int

    @property
    def reached(self) -> Floats:
        """[n] share of runs in which a neuron was reached at all."""
        return np.asarray(self.visits.sum(axis=0) / self.runs)


def cascade(
    weights: Weights,
    seeds: Ints,
    ends: Ints,
    synapse_chance: float = 0.05,
    hops: int = 8,
    runs: int = 1000,
    seed: int = 0,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Cascade:
    """Visits of all neurons over so many runs, each with a generator of its own: the same bytes for any workers.

    Args:
        seeds, ends: node numbers.

    Raises:
        AnalysisError: a chance that is none, no hops, no runs.
    """
    if not 0 < synapse_chance <= 1:
        raise AnalysisError(f"the chance of a synapse is {synapse_chance}; wanted a number above 0 and at most 1")
    if hops < 1 or runs < 1:
        raise AnalysisError(f"found {hops} hops and {runs} runs; wanted 1 or more of both")
    graph = weights.graph
    chance_of = 1.0 - (1.0 - synapse_chance) ** graph.weight
    silent = np.zeros(graph.n, dtype=np.bool_)
    silent[ends] = True
    sign = np.zeros(0, dtype=np.int8) if weights.sign is None else weights.sign
    tasks = [range(low, min(low + BATCH, runs)) for low in range(0, runs, BATCH)]
    start, target = np.array(graph.out_start), np.array(graph.out_target)
    task = partial(_runs, start, target, chance_of, sign, silent, seeds, hops, seed)
    visits = np.zeros((hops + 1, graph.n), dtype=np.int64)
    for part in runner_of(workers).map_tasks(task, tasks, progress=progress, total=len(tasks)):
        visits += part
    return Cascade(visits, runs)


def _runs(
    start: Ints,
    target: npt.NDArray[np.int32],
    chance_of: Floats,
    sign: Signs,
    silent: npt.NDArray[np.bool_],
    seeds: Ints,
    hops: int,
    seed: int,
    numbers: range,
) -> Ints:
    from graphlab.circuits.flow.kernels.cascade import cascade_once
    from graphlab.motifs.nulls.models import random_state, sample_seed

    n = len(start) - 1
    visits = np.zeros((hops + 1, n), dtype=np.int64)
    hop, queue, inhibition = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), np.zeros(n)
    for number in numbers:
        state = random_state(sample_seed(seed, number))
        cascade_once(start, target, chance_of, sign, silent, seeds, hops, state, hop, queue, inhibition, visits)
    return visits

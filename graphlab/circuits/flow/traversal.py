"""Layers by the traversal model (Schlegel, Bates et al. 2021): how many steps from chosen neurons, weak edges later.

Seeds are layer 1. In every step each connection from a visited to an unvisited neuron fires on its own with the chance
min(1, fraction of the target's input / ``SATURATION``); neurons that are hit get the layer of the step. The rank of a
neuron is its mean layer over the runs that reach it. The deterministic form follows the chance to be visited by each
step instead of drawing it: exact where no two paths to a neuron share a part, otherwise parents are taken as
independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.weights import Weights
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SATURATION = 0.3
"""The fraction of input from which a connection fires for sure."""
LAYERS = 15
BATCH = 25
"""Runs of one task."""
REST = 1e-12
"""Chance of any neuron to be visited in a step, below which nothing more happens."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Layers of all neurons."""

    rank: Floats
    """[n] mean layer where reached, seeds 1; NaN where never reached."""
    reached: Floats
    """[n] chance to be reached within the layers."""


def chances(weights: Weights) -> Floats:
    """float64 [m] the chance of every connection to fire in a step."""
    return np.minimum(weights.fractions() / SATURATION, 1.0)


def stochastic_ranks(
    weights: Weights,
    seeds: Ints,
    runs: int,
    seed: int = 0,
    layers: int = LAYERS,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Ranks:
    """Mean layers of so many runs, each with a generator of its own: the same bytes for any workers."""
    _require(layers, runs)
    graph = weights.graph
    tasks = [range(low, min(low + BATCH, runs)) for low in range(0, runs, BATCH)]
    task = partial(_runs, np.array(graph.out_start), np.array(graph.out_target), chances(weights), seeds, layers, seed)
    total, visits = np.zeros(graph.n, dtype=np.int64), np.zeros(graph.n, dtype=np.int64)
    for layer, visited in runner_of(workers).map_tasks(task, tasks, progress=progress, total=len(tasks)):
        total += layer
        visits += visited
    rank = np.divide(total, visits, out=np.full(graph.n, np.nan), where=visits > 0)
    return Ranks(rank, visits / runs)


def _runs(
    start: Ints,
    target: npt.NDArray[np.int32],
    probability: Floats,
    seeds: Ints,
    layers: int,
    seed: int,
    numbers: range,
) -> tuple[Ints, Ints]:
    from graphlab.circuits.flow.kernels.traversal import run_once
    from graphlab.motifs.nulls.models import random_state, sample_seed

    n = len(start) - 1
    total, visits, scratch = (np.zeros(n, dtype=np.int64) for _ in range(3))
    for number in numbers:
        state = random_state(sample_seed(seed, number))
        run_once(start, target, probability, seeds, layers, scratch, state, total, visits)
    return total, visits


def deterministic_ranks(weights: Weights, seeds: Ints, layers: int = LAYERS, progress: Progress | None = None) -> Ranks:
    """Mean layers by the chances themselves, until nothing more happens or the layers end."""
    from graphlab.circuits.flow.kernels.traversal import sweep

    _require(layers, 1)
    graph = weights.graph
    probability = chances(weights)[graph.in_edge]
    by_now, fresh, weighted = (np.zeros(graph.n) for _ in range(3))
    by_now[seeds] = fresh[seeds] = weighted[seeds] = 1.0
    waiting, following = np.zeros(graph.m), np.zeros(graph.n)
    in_start, in_source = np.array(graph.in_start), np.array(graph.in_source)
    for layer in range(2, layers + 1):
        sweep(in_start, in_source, probability, by_now, fresh, waiting, following)
        following[seeds] = 1.0
        # Rounding must not take a chance away again.
        fresh = np.maximum(following - by_now, 0.0)
        by_now = by_now + fresh
        weighted += layer * fresh
        if progress is not None:
            progress(layer, layers)
        # Edges that may still fire go on after a step in which little happened; all at rest is the end.
        if fresh.max(initial=0.0) < REST:
            break
    rank = np.divide(weighted, by_now, out=np.full(graph.n, np.nan), where=by_now > 0)
    return Ranks(rank, np.minimum(by_now, 1.0))


def _require(layers: int, runs: int) -> None:
    if layers < 2 or runs < 1:
        raise AnalysisError(f"found {layers} layers and {runs} runs; wanted 2 layers and 1 run, or more")

"""Effective connectivity over many steps from chosen sources (after Yin's connectome_interpreter).

P[i, j] is the share of the input of j that comes from i. After k steps a source reaches j with E_k = P^k, the share of
j's input that comes from it along all walks of k connections; E_k^(1/k) is the same as a mean share a step. With signs,
walks through an even number of inhibitory neurons excite and those through an odd number inhibit: E+ and E- follow
each other, and neither cancels the other. Numbers are of single precision. Only the columns of the sources are kept,
a block of them at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.weights import Weights
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError

Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Arrays = tuple[npt.NDArray[Any], ...]
COLUMNS = 128
"""Of a block: two or four times n x 128 numbers are in memory, whatever the number of sources."""


@dataclass(frozen=True, eq=False)
class Step:
    """What a block of sources reaches after some connections; the arrays are used again for the next step."""

    layer: int
    """Connections gone along, 1 or more."""
    first: int
    """Number of the block's first column."""
    plus: Singles
    """[n, columns] share of input along walks that excite (all walks, without signs)."""
    minus: Singles | None
    """[n, columns] along walks that inhibit; None without signs."""


def effective(
    weights: Weights, starts: Sequence[Ints], layers: int, workers: Workers = 1
) -> Generator[Step, None, None]:
    """Every layer of every block of columns, in order.

    Args:
        starts: node numbers of each column: a source, or several that are summed.

    Raises:
        AnalysisError: no sources, no layers.
    """
    if layers < 1:
        raise AnalysisError(f"found {layers} layers; wanted 1 or more connections to go along")
    if not len(starts) or any(not len(one) for one in starts):
        raise AnalysisError("a group of sources without neurons; wanted one or more in each")
    rows = _rows(weights)
    for first in range(0, len(starts), COLUMNS):
        yield from _block(weights, rows, starts[first : first + COLUMNS], first, layers, workers)


def _block(
    weights: Weights, rows: Arrays, starts: Sequence[Ints], first: int, layers: int, workers: Workers
) -> Generator[Step, None, None]:
    from graphlab.circuits.flow.kernels.products import gather, gather_signed

    graph, width, signed = weights.graph, len(starts), weights.sign is not None
    kernel = gather_signed if signed else gather
    parts = shares(np.diff(graph.in_start) + 1.0)
    now = np.zeros((graph.n, 2 * width if signed else width), dtype=np.float32)
    following = np.zeros_like(now)
    live, out_live = np.zeros(graph.n, dtype=np.bool_), np.zeros(graph.n, dtype=np.bool_)
    for column, nodes in enumerate(starts):
        now[nodes, column] = 1.0
        live[nodes] = True
    for layer in range(1, layers + 1):
        task = partial(_part, kernel, (*rows, now, live, following, out_live))
        for _ in over_shares(task, parts, workers, in_place=True):
            pass
        now, following, live, out_live = following, now, out_live, live
        yield Step(layer, first, now[:, :width], now[:, width:] if signed else None)


def _part(kernel: Callable[..., None], arrays: Arrays, low: int, high: int) -> None:
    kernel(*arrays, low, high)


def _rows(weights: Weights) -> Arrays:
    """Incoming rows with shares of input; with signs, what excites comes first in each row."""
    graph = weights.graph
    start, source = np.array(graph.in_start), np.array(graph.in_source)
    value = weights.fractions()[graph.in_edge].astype(np.float32)
    if weights.sign is None:
        return start, source, value
    inhibits = weights.sign[graph.in_edge] < 0
    row = np.repeat(np.arange(graph.n), np.diff(start))
    order = np.lexsort((source, inhibits, row))
    middle = start[:-1] + np.bincount(row, ~inhibits, minlength=graph.n).astype(np.int64)
    return start, middle, source[order], value[order]

"""Signal flow: how far upstream each neuron stands (Varshney et al. 2011), by sparse solves.

With W = (A + A^T) / 2, L = diag(W 1) - W and b_i = sum_j W_ij sgn(A_ij - A_ji), the flow z = L^+ b puts every neuron
above its targets by about one level, weighted by synapses. The pseudo-inverse is never formed: within each weak
component L z = b is solved by conjugate gradients with the diagonal as preconditioner, and the mean is taken off.
Levels of two components have no common zero and are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
RESIDUAL = 1e-12
"""Norm of what is left of b, each row by its weight, relative to b, at which a component is solved."""
ALLOWED = 1e-9
"""The same of the answer, with the rounding of all steps in it."""
MOST_STEPS = 20_000
MOST_RATIO = 1e8
"""Of two weights: a group of neurons joined to others by relatively weaker ones than that has no sure level."""


@dataclass(frozen=True, eq=False)
class SignalFlow:
    """Levels of neurons within their components."""

    flow: Floats
    """[n] levels, high is upstream, mean 0 over each component; NaN in a component of one neuron."""
    component: Ints
    """[n] 0 for the largest weak component, then by size, then by the smallest id."""
    sizes: Ints
    """Neurons of each component."""
    steps: int
    """Of the iteration."""


def signal_flow(graph: Snapshot, progress: Progress | None = None) -> SignalFlow:
    """Levels of all neurons.

    Raises:
        AnalysisError: weights that differ so much that small ones vanish beside large ones; an iteration without end.
    """
    from scipy import sparse

    n = graph.n
    if graph.m and graph.weight.max() > MOST_RATIO * graph.weight.min():
        raise AnalysisError(
            f"weights go from {graph.weight.min():g} to {graph.weight.max():g}, and small ones would vanish in the "
            f"rounding of large ones (a factor of {MOST_RATIO:g} is solved); take a min_weight"
        )
    shape = (n, n)
    one_way = sparse.csr_array((graph.weight, graph.out_target, graph.out_start), shape=shape)
    other = sparse.csr_array((graph.weight[graph.in_edge], graph.in_source, graph.in_start), shape=shape)
    both = (one_way + other).tocsr() * 0.5
    apart = (one_way - other).tocsr()
    b = np.asarray(both.multiply(apart.sign()).sum(axis=1), dtype=np.float64).ravel()
    component, sizes = components(graph)
    degree = np.asarray(both.sum(axis=1), dtype=np.float64).ravel()
    flow, steps = _solve(both, degree, b, component, sizes, progress)
    flow -= (np.bincount(component, flow, minlength=len(sizes)) / np.maximum(sizes, 1))[component]
    flow[sizes[component] == 1] = np.nan
    return SignalFlow(flow, component, sizes, steps)


def components(graph: Snapshot) -> tuple[Ints, Ints]:
    """Number of each neuron's weak component, [n], and neurons of each; the largest first, ties by the smallest id."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    adjacency = sparse.csr_array(
        (np.ones(graph.m, dtype=np.int8), graph.out_target, graph.out_start), shape=(graph.n, graph.n)
    )
    count, found = connected_components(adjacency, directed=True, connection="weak")
    sizes = np.bincount(found, minlength=count)
    first = np.full(count, graph.n, dtype=np.int64)
    np.minimum.at(first, found, np.arange(graph.n))
    order = np.lexsort((first, -sizes))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[found], sizes[order].astype(np.int64)


def _solve(
    both: object, degree: Floats, b: Floats, component: Ints, sizes: Ints, progress: Progress | None
) -> tuple[Floats, int]:
    """Conjugate gradients on every component at once, each with its own steps and its own end."""
    count = len(sizes)

    def dot(x: Floats, y: Floats) -> Floats:
        return np.bincount(component, x * y, minlength=count).astype(np.float64)

    def laplacian(x: Floats) -> Floats:
        return np.asarray(degree * x - both @ x)  # type: ignore[operator]

    # Rounding leaves a trace of the constant vector, which L cannot reach.
    b = b - (np.bincount(component, b, minlength=count) / np.maximum(sizes, 1))[component]
    scale = np.where(degree > 0, degree, 1.0)
    x, r = np.zeros_like(b), b.copy()
    z = r / scale
    # By rows, so that a neuron of few synapses is settled as well as one of many.
    p, rz, size = z.copy(), dot(r, z), dot(z, z)
    live = size > 0
    steps = 0
    while live.any():
        if steps == MOST_STEPS:
            raise AnalysisError(
                f"signal flow is not settled after {MOST_STEPS:,} steps in {int(live.sum())} components; take a "
                "min_weight above the smallest weights"
            )
        steps += 1
        product = laplacian(p)
        curvature = dot(p, product)
        alpha = np.divide(rz, curvature, out=np.zeros(count), where=live & (curvature > 0))
        x += alpha[component] * p
        r -= alpha[component] * product
        z = r / scale
        new = dot(r, z)
        beta = np.divide(new, rz, out=np.zeros(count), where=live & (rz > 0))
        p, rz = z + beta[component] * p, new
        live &= (dot(z, z) > RESIDUAL**2 * size) & (alpha > 0)
        if progress is not None and steps % 20 == 0:
            progress(steps, 0)
    left = (b - laplacian(x)) / scale
    if not (dot(left, left) <= ALLOWED**2 * size).all():
        raise AnalysisError(
            "signal flow is not solved to nine digits on these weights; take a min_weight above the smallest ones"
        )
    return x, steps

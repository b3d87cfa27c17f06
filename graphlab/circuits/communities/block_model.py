"""Blocks of neurons that connect alike: the directed, degree-corrected block model (Karrer & Newman 2011).

The log likelihood of a division, without what does not depend on it, is L = sum over blocks r, s of
m_rs log(m_rs / (s_r t_s)), with m_rs the weight from block r to block s, s_r what block r sends and t_s what block s
receives. It is climbed from k-means on the spectral embedding (directions only, so that hubs count as others do), by
moving single neurons to the block that raises L most, in a random order, until no move raises it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from graphlab.statistics.spectral import spectral_embedding
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
LEAST_GAIN = 1e-10
"""What a move has to add to L, a unit of weight: less is rounding."""
ROUNDS = 100
MOST_SWEEPS = 1_000
MOST_DIMENSIONS = 32


def block_model(graph: Snapshot, blocks: int, rng: np.random.Generator) -> Ints:
    """[n] block of each neuron, from 0 to ``blocks`` - 1, some of which may be empty.

    Raises:
        AnalysisError: fewer neurons than blocks.
    """
    if not 1 <= blocks <= graph.n:
        raise AnalysisError(f"blocks is {blocks}; wanted 1 to the {graph.n:,} neurons that have connections")
    dimensions = min(blocks, graph.n - 2, MOST_DIMENSIONS)
    if dimensions < 1:
        start = rng.integers(0, blocks, graph.n)
    else:
        points = _embedded(graph, dimensions)
        start = k_means(points, blocks, rng)
    block = np.ascontiguousarray(start, dtype=np.int64)
    weight_in = graph.weight[graph.in_edge]
    for _ in range(MOST_SWEEPS):
        order = rng.permutation(graph.n)
        # Afresh for every sweep, so that rounding does not add up.
        matrix = block_weights(graph, block, blocks)
        moved = _sweep(
            order, graph.out_start, graph.out_target, graph.weight, graph.in_start, graph.in_source, weight_in,
            block, matrix, matrix.sum(axis=1), matrix.sum(axis=0), LEAST_GAIN * float(graph.weight.sum()),
        )  # fmt: skip
        if not moved:
            break
    return block


def likelihood(graph: Snapshot, block: Ints) -> float:
    """L of a division into blocks."""
    matrix = block_weights(graph, block, int(block.max(initial=0)) + 1)
    return _entropic(matrix) - _entropic(matrix.sum(axis=1)) - _entropic(matrix.sum(axis=0))


def block_weights(graph: Snapshot, block: Ints, blocks: int) -> Floats:
    """[blocks, blocks] summed weight from block to block."""
    pair = block[graph.sources()] * blocks + block[graph.out_target]
    summed = np.bincount(pair, graph.weight, minlength=blocks**2).reshape(blocks, blocks)
    return np.asarray(summed, dtype=np.float64)


def k_means(points: Floats, count: int, rng: np.random.Generator) -> Ints:
    """[n] cluster of each point, [n, width]: starts by k-means++ (Arthur & Vassilvitskii 2007), then Lloyd's rounds."""
    n = len(points)
    square = (points**2).sum(axis=1)
    centers = np.empty((count, points.shape[1]))
    nearest = np.full(n, np.inf)
    for k in range(count):
        total = nearest.sum()
        chance = None if k == 0 or not total > 0 else nearest / total
        centers[k] = points[rng.choice(n, p=chance)]
        nearest = np.minimum(nearest, np.maximum(square - 2 * points @ centers[k] + (centers[k] ** 2).sum(), 0))
    cluster = np.full(n, -1, np.int64)
    for _ in range(ROUNDS):
        found = ((centers**2).sum(axis=1)[None, :] - 2 * points @ centers.T).argmin(axis=1)
        if np.array_equal(found, cluster):
            break
        cluster = found
        size = np.bincount(cluster, minlength=count)
        sums = np.stack([np.bincount(cluster, column, minlength=count) for column in points.T], axis=1)
        there = size > 0
        centers[there] = sums[there] / size[there, None]
    return cluster.astype(np.int64)


def _embedded(graph: Snapshot, dimensions: int) -> Floats:
    from scipy import sparse

    shape = (graph.n, graph.n)
    found = spectral_embedding(
        sparse.csr_array((graph.weight, graph.out_target, graph.out_start), shape=shape), dimensions
    )
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(np.divide(found, length, out=np.zeros_like(found), where=length > 0), dtype=np.float64)


def _entropic(values: Floats) -> float:
    above = values[values > 0]
    return float((above * np.log(above)).sum())


@njit(cache=True, nogil=True)
def _f(x):  # type: ignore[no-untyped-def]
    return x * math.log(x) if x > 0 else 0.0


@njit(cache=True, nogil=True)
def _sweep(  # type: ignore[no-untyped-def]
    order, out_start, out_target, weight, in_start, in_source, weight_in, block, matrix, sent, received, least
):
    """Every neuron once, in ``order``, to the block that raises L most; returns the moves made.

    Args:
        block [n], matrix [b, b], sent [b], received [b]: kept up to date. least: what a move has to add.
    """
    blocks = len(sent)
    to, origin = np.zeros(blocks), np.zeros(blocks)
    touched = np.empty(blocks, np.int64)
    mark = np.zeros(blocks, np.bool_)
    moves = 0
    for i in order:
        r = block[i]
        count = 0
        for k in range(out_start[i], out_start[i + 1]):
            t = block[out_target[k]]
            to[t] += weight[k]
            if not mark[t]:
                mark[t] = True
                touched[count] = t
                count += 1
        for k in range(in_start[i], in_start[i + 1]):
            t = block[in_source[k]]
            origin[t] += weight_in[k]
            if not mark[t]:
                mark[t] = True
                touched[count] = t
                count += 1
        k_out, k_in = to.sum(), origin.sum()
        # What leaves row and column r is the same wherever the neuron goes, but for the cells of r and s.
        best, place = least, -1
        leaving = _f(sent[r]) - _f(sent[r] - k_out) + _f(received[r]) - _f(received[r] - k_in)
        for s in range(blocks):
            if s == r:
                continue
            gain = leaving + _f(sent[s]) - _f(sent[s] + k_out) + _f(received[s]) - _f(received[s] + k_in)
            for c in range(count):
                t = touched[c]
                if t in (r, s):
                    continue
                gain += _f(matrix[r, t] - to[t]) - _f(matrix[r, t]) + _f(matrix[s, t] + to[t]) - _f(matrix[s, t])
                gain += _f(matrix[t, r] - origin[t]) - _f(matrix[t, r])
                gain += _f(matrix[t, s] + origin[t]) - _f(matrix[t, s])
            gain += _f(matrix[r, r] - to[r] - origin[r]) - _f(matrix[r, r])
            gain += _f(matrix[r, s] - to[s] + origin[r]) - _f(matrix[r, s])
            gain += _f(matrix[s, r] + to[r] - origin[s]) - _f(matrix[s, r])
            gain += _f(matrix[s, s] + to[s] + origin[s]) - _f(matrix[s, s])
            if gain > best:
                best, place = gain, s
        if place >= 0:
            s = place
            for c in range(count):
                t = touched[c]
                matrix[r, t] -= to[t]
                matrix[t, r] -= origin[t]
            # Now without the neuron; then with it in its new block.
            for c in range(count):
                t = touched[c]
                matrix[s, t] += to[t]
                matrix[t, s] += origin[t]
            sent[r] -= k_out
            sent[s] += k_out
            received[r] -= k_in
            received[s] += k_in
            block[i] = s
            moves += 1
        for c in range(count):
            t = touched[c]
            to[t] = 0.0
            origin[t] = 0.0
            mark[t] = False
    return moves

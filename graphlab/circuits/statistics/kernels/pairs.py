"""Triangles at every neuron, and connections that are returned.

Tests: tests/graphlab/circuits/statistics/test_clustering.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def triangles_at(forward_start, forward, first, last, directed, undirected):  # type: ignore[no-untyped-def]
    """Triangles through every neuron, by rank in degree order.

    Args:
        forward_start, forward: from ``forward_in_degree_order`` of the motif kernels.
        first, last: range of ranks whose triangles (by their lowest neuron) are added.
        directed: int64 [n] to add to: for each triangle the product of the numbers of connections of its three pairs
            (1 or 2 each), which is half the diagonal of (A + A^T)^3.
        undirected: int64 [n] to add to: triangles without direction.
    """
    n = len(forward_start) - 1
    mark = np.zeros(n, np.uint8)
    two, three = np.uint32(2), np.uint32(3)
    size = np.array([0, 1, 1, 2], np.uint8)
    for u in range(first, last):
        row, row_end = forward_start[u], forward_start[u + 1]
        if row_end - row < 2:
            continue
        for k in range(row, row_end):
            mark[forward[k] >> two] = size[forward[k] & three]
        for k in range(row, row_end - 1):
            v = forward[k] >> two
            base = np.int64(size[forward[k] & three])
            plain = np.int64(0)
            weighted = np.int64(0)
            for j in range(forward_start[v], forward_start[v + np.uint32(1)]):
                far = forward[j]
                x = far >> two
                closing = mark[x]
                if closing:
                    product = base * np.int64(closing) * np.int64(size[far & three])
                    plain += 1
                    weighted += product
                    undirected[x] += 1
                    directed[x] += product
            undirected[u] += plain
            undirected[v] += plain
            directed[u] += weighted
            directed[v] += weighted
        for k in range(row, row_end):
            mark[forward[k] >> two] = 0


@njit(cache=True, nogil=True)
def returned(out_start, out_target, in_start, in_source, in_edge, weight, partners):  # type: ignore[no-untyped-def]
    """Connections whose reverse is there, too.

    Args:
        partners: int64 [n] to fill: mutual partners of every neuron.

    Returns:
        the sum of the smaller of both weights over such connections, each pair from both ends.
    """
    shared = 0.0
    for u in range(len(out_start) - 1):
        i, i_end = out_start[u], out_start[u + 1]
        j, j_end = in_start[u], in_start[u + 1]
        while i < i_end and j < j_end:
            if out_target[i] < in_source[j]:
                i += 1
            elif in_source[j] < out_target[i]:
                j += 1
            else:
                partners[u] += 1
                shared += min(weight[i], weight[in_edge[j]])
                i += 1
                j += 1
    return shared

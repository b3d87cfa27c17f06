"""The compiled loop that takes circles out of a flow.

Tests: tests/graphlab/circuits/flow/test_max_flow.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def remove_circles(start, target, flow):  # type: ignore[no-untyped-def]
    """Take from ``flow`` [m], in place, what goes round in circles; what enters and leaves each node stays balanced.

    One walk in depth: where it meets itself, the circle loses what its weakest edge carries, and the walk goes back to
    where that edge began. A node is done when nothing leaves it but to nodes that are done: it is on no circle.

    Args:
        start, target: outgoing rows.
    """
    n = len(start) - 1
    at = np.full(n, -1, np.int64)
    done = np.zeros(n, np.bool_)
    following = start[:-1].copy()
    nodes, edges = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for root in range(n):
        if done[root]:
            continue
        nodes[0], at[root], top = root, 0, 0
        while top >= 0:
            u = nodes[top]
            e = following[u]
            while e < start[u + 1] and (flow[e] <= 0.0 or done[target[e]]):
                e += 1
            following[u] = e
            if e == start[u + 1]:
                done[u] = True
                at[u] = -1
                top -= 1
                continue
            v = target[e]
            edges[top] = e
            if at[v] < 0:
                top += 1
                nodes[top], at[v] = v, top
                continue
            least = flow[e]
            for k in range(at[v], top):
                least = min(least, flow[edges[k]])
            back = top
            for k in range(top, at[v] - 1, -1):
                flow[edges[k]] -= least
                if flow[edges[k]] <= 0.0:
                    back = k
            while top > back:
                at[nodes[top]] = -1
                top -= 1

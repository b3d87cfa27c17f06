"""How alike matched neurons are by the wiring that they share.

Tests: tests/graphlab/circuits/matching/test_shared_wiring.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from graphlab.circuits.matching.frank_wolfe import Floats, Nodes, Sides


def shared_wiring(sides: Sides, partner: Nodes) -> Floats:
    """[n] share of a matched pair's weight that both have with matched partners; NaN without a partner or weight.

    Sum of the smaller over the mean of both sums: 1 where the two have the same connections with the same partners.
    Input and output count, and connections across where the sides have them.
    """
    at = np.flatnonzero(partner >= 0)
    P = sparse.csr_array((np.ones(len(at)), (at, partner[at])), shape=(sides.n, sides.m))
    compared: list[tuple[Any, Any, tuple[int, ...]]] = [(sides.first, P @ sides.second @ P.T, (0, 1))]
    if sides.across is not None and sides.back is not None:
        compared.append((sides.across, P @ sides.back @ P, (1,)))  # its rows are ours
        compared.append((sides.back, P.T @ sides.across @ P.T, (0,)))  # its columns are ours
    shared, total = np.zeros(sides.n), np.zeros(sides.n)
    for own, other, axes in compared:
        least = own.minimum(other)
        for axis in axes:
            shared += least.sum(axis)
            total += (own.sum(axis) + other.sum(axis)) / 2
    share: Floats = np.divide(shared, total, out=np.full(sides.n, np.nan), where=total > 0)
    share[partner < 0] = np.nan
    return share

"""Graph matching by Frank-Wolfe: which neuron of one side is which of the other, from their wiring.

Maximises tr(A' P B P') over doubly stochastic P (FAQ, Vogelstein et al. 2015), A and B the wiring within the sides;
with connections across the midline also tr(C' P D P), C from the first side to the second and D back (bisected
matching, Pedigo et al. 2022); and tr(S' P) where a likeness S is given. Blocks allow only pairs of one group, so that
work and memory go with the sizes of the groups.

Tests: tests/graphlab/circuits/matching/test_frank_wolfe.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int64]
Held = tuple[Nodes, Nodes]
"""Rows and columns of a block that known pairs take."""


@dataclass(frozen=True, eq=False)
class Block:
    """Neurons that may be matched with one another, by their numbers on each side."""

    first: Nodes
    second: Nodes


@dataclass(frozen=True, eq=False)
class Sides:
    """The wiring of two sides: within each, and between them where it is used."""

    first: sparse.csr_array
    """[n, n]"""
    second: sparse.csr_array
    """[m, m]"""
    across: sparse.csr_array | None = None
    """[n, m] from the first side to the second; None where sides are not connected, as in two brains."""
    back: sparse.csr_array | None = None
    """[m, n]"""

    @property
    def n(self) -> int:
        return int(self.first.shape[0])

    @property
    def m(self) -> int:
        return int(self.second.shape[0])


@dataclass(frozen=True, eq=False)
class Matching:
    """What one start found."""

    partner: Nodes
    """[n] number on the second side, -1 for none."""
    margin: Floats
    """[n] how far the partner's gain lies above that of the best other one, as a share of the larger; NaN alone."""
    steps: int


def match_sides(
    sides: Sides,
    blocks: Sequence[Block],
    seeds: Nodes,
    likeness: Sequence[Floats] | None = None,
    rng: np.random.Generator | None = None,
    most_steps: int = 30,
    tolerance: float = 1e-3,
) -> Matching:
    """One start of the search, from the barycentre.

    Args:
        blocks: disjoint on both sides.
        seeds: int [k, 2] known pairs, which stay.
        likeness: of each block [first, second], added to the objective.
        rng: shuffles the neurons, and so decides ties; None keeps the order given.
    """
    known = np.full(sides.n, -1, np.int64)
    known[seeds[:, 0]] = seeds[:, 1]
    orders = [_order(block, rng) for block in blocks]
    blocks = [Block(block.first[i], block.second[j]) for block, (i, j) in zip(blocks, orders, strict=True)]
    alike = None
    if likeness is not None:
        alike = [part[np.ix_(i, j)] for part, (i, j) in zip(likeness, orders, strict=True)]
    held = [_held(block, known) for block in blocks]
    place = [_barycentre(block, taken) for block, taken in zip(blocks, held, strict=True)]
    gradient = _gradient(sides, blocks, place, alike)
    steps = 0
    for steps in range(1, most_steps + 1):  # noqa: B007
        way = [_vertex(part, taken) - p for part, taken, p in zip(gradient, held, place, strict=True)]
        # Along the way the objective is quadratic: slope now, and curvature from the gradient of its quadratic part.
        bend = _gradient(sides, blocks, way, None)
        slope, curvature = _inner(gradient, way), _inner(bend, way) / 2
        far = 1.0 if curvature >= 0 else float(np.clip(-slope / (2 * curvature), 0.0, 1.0))
        place = [p + far * d for p, d in zip(place, way, strict=True)]
        gradient = [part + far * more for part, more in zip(gradient, bend, strict=True)]
        if far * np.sqrt(_inner(way, way) / sides.n) < tolerance:
            break
    partner, margin = np.full(sides.n, -1, np.int64), np.full(sides.n, np.nan)
    for block, p, taken, part in zip(blocks, place, held, gradient, strict=True):
        rows, columns = np.nonzero(_vertex(p, taken))
        partner[block.first[rows]] = block.second[columns]
        margin[block.first[rows]] = _margin(part, rows, columns)
    return Matching(partner, margin, steps)


def objective(sides: Sides, partner: Nodes) -> float:
    """Matched weight of a matching: within sides, and across where it is used."""
    at = np.flatnonzero(partner >= 0)
    P = sparse.csr_array((np.ones(len(at)), (at, partner[at])), shape=(sides.n, sides.m))
    value = sides.first.multiply(P @ sides.second @ P.T).sum()
    if sides.across is not None and sides.back is not None:
        value += sides.across.multiply(P @ sides.back @ P).sum()
    return float(value)


def _order(block: Block, rng: np.random.Generator | None) -> tuple[Nodes, Nodes]:
    if rng is None:
        return np.arange(len(block.first)), np.arange(len(block.second))
    return rng.permutation(len(block.first)), rng.permutation(len(block.second))


def _held(block: Block, known: Nodes) -> Held:
    place = {int(j): at for at, j in enumerate(block.second)}
    rows = [at for at, i in enumerate(block.first) if int(known[i]) in place]
    return np.array(rows, np.int64), np.array([place[int(known[block.first[at]])] for at in rows], np.int64)


def _barycentre(block: Block, held: Held) -> Floats:
    rows, columns = held
    shape = (len(block.first), len(block.second))
    P = np.full(shape, 1.0 / max(max(shape) - len(rows), 1))
    P[rows, :] = 0
    P[:, columns] = 0
    P[rows, columns] = 1
    return P


def _vertex(gain: Floats, held: Held) -> Floats:
    """The assignment with the largest gain that keeps what is held."""
    rows, columns = held
    Q = np.zeros_like(gain)
    Q[rows, columns] = 1
    left, right = (np.setdiff1d(np.arange(size), taken) for size, taken in zip(gain.shape, held, strict=True))
    if len(left) and len(right):
        i, j = linear_sum_assignment(gain[np.ix_(left, right)], maximize=True)
        Q[left[i], right[j]] = 1
    return Q


def _gradient(
    sides: Sides, blocks: Sequence[Block], P: Sequence[Floats], alike: Sequence[Floats] | None
) -> list[Floats]:
    """A P B' + A' P B, with C P' D' + D' P' C across, in each block."""
    whole = _whole(sides, blocks, P)
    turned = whole.T
    parts = []
    for number, block in enumerate(blocks):
        rows, columns = block.first, block.second
        sent, received = _dense(sides.first[rows] @ whole), _dense(sides.first[:, rows].T @ whole)
        value = (sides.second[columns] @ sent.T).T + (sides.second[:, columns].T @ received.T).T
        if sides.across is not None and sides.back is not None:
            crossed = _dense(sides.across[rows] @ turned)
            value += (sides.back[columns] @ crossed.T).T
            mirrored = _dense(sides.across[:, columns].T @ whole)  # [columns, m], P' C turned
            value += (mirrored @ _dense(sides.back[:, rows])).T
        parts.append(value if alike is None else value + alike[number])
    return parts


def _whole(sides: Sides, blocks: Sequence[Block], P: Sequence[Floats]):  # type: ignore[no-untyped-def]
    """P over all neurons: dense where one block holds nearly everything, else compressed."""
    if len(blocks) == 1:
        whole = np.zeros((sides.n, sides.m))
        whole[np.ix_(blocks[0].first, blocks[0].second)] = P[0]
        return whole
    values = np.concatenate([part.ravel() for part in P])
    rows = np.concatenate([np.repeat(block.first, len(block.second)) for block in blocks])
    columns = np.concatenate([np.tile(block.second, len(block.first)) for block in blocks])
    return sparse.csr_array((values, (rows, columns)), shape=(sides.n, sides.m))


def _dense(value) -> Floats:  # type: ignore[no-untyped-def]
    dense: Floats = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
    return dense


def _inner(a: Sequence[Floats], b: Sequence[Floats]) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(a, b, strict=True)))


def _margin(gain: Floats, rows: Nodes, columns: Nodes) -> Floats:
    if gain.shape[1] < 2:
        return np.full(len(rows), np.nan)
    own = gain[rows, columns]
    others = gain[rows].copy()
    others[np.arange(len(rows)), columns] = -np.inf
    best = others.max(1)
    size = np.maximum(np.abs(own), np.abs(best))
    share: Floats = np.divide(own - best, size, out=np.zeros(len(rows)), where=size > 0)
    return share

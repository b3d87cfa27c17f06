"""Neighbours of a few neurons, drawn at random from compressed rows: the mini-batches of networks.

Hamilton, Ying & Leskovec 2017 (NeurIPS, GraphSAGE): of every receiver at most so many senders, drawn without
replacement, hop by hop. What is drawn hangs on the seed, the epoch and the neurons asked for and on nothing else, so
that workers may draw batches in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, uint64
from scipy import sparse

from graphlab.predict.inputs.examples import Floats, Ints
from ingest.schema.errors import AnalysisError

ALL = -1
"""A fan-out that takes every neighbour."""
_SEARCHED = 512
"""Largest fan-out: draws are told apart by looking through them."""


@dataclass(frozen=True, eq=False)
class CSREdges:
    """Edges by receiver in compressed rows."""

    pointer: Ints
    """[n + 1]"""
    sender: npt.NDArray[np.int32]
    """[edges]"""

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> CSREdges:
        """Rows of a matrix [n, n] whose row i gathers from its columns."""
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Edges of one kind among the nodes of a sample, by receiver."""

    receiver: npt.NDArray[np.int32]
    """[edges] place in ``Sample.node``, ascending."""
    sender: npt.NDArray[np.int32]
    place: Ints
    """[edges] which edge of ``CSREdges`` each is."""
    hops: tuple[int, ...]
    """Edges drawn in every hop."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Nodes and edges that the answers about the first nodes need."""

    node: Ints
    """[k] node numbers: those asked for, then by hop in the order of their discovery."""
    hops: tuple[int, ...]
    """Nodes asked for, then nodes that each hop adds."""
    edges: tuple[Drawn, ...]
    """For every kind of edge."""


def batch_key(nodes: Ints, seed: int, epoch: int = 0) -> int:
    """What the draws of a batch start from."""
    digest = hashlib.blake2b(np.array([seed, epoch], dtype="<i8").tobytes(), digest_size=8)
    digest.update(np.ascontiguousarray(nodes, dtype="<i8").tobytes())
    return int.from_bytes(digest.digest(), "little")


def sample(kinds: Sequence[CSREdges], nodes: Ints, fanouts: Sequence[int], key: int) -> Sample:
    """Draw at most ``fanouts[h]`` senders of every kind for each node that hop h starts from; ``ALL`` takes all.

    Args:
        nodes: node numbers asked for, each once. key: see ``batch_key``.

    Raises:
        AnalysisError: a fan-out of 0 or above 512, a node asked for twice or that the graph lacks.
    """
    for fanout in fanouts:
        if fanout != ALL and not 0 < fanout <= _SEARCHED:
            raise AnalysisError(f"a fan-out of {fanout}; wanted 1 to {_SEARCHED}, or {ALL} for every neighbour")
    n = len(kinds[0].pointer) - 1
    if len(nodes) and (nodes.min() < 0 or nodes.max() >= n or len(np.unique(nodes)) < len(nodes)):
        raise AnalysisError(f"nodes to sample around must be different numbers of 0..{n - 1:,}")
    local = np.full(n, -1, dtype=np.int32)
    local[nodes] = np.arange(len(nodes), dtype=np.int32)
    by_hop, hops = [np.asarray(nodes, dtype=np.int64)], [len(nodes)]
    parts: list[list[tuple[Ints, Ints, Ints]]] = [[] for _ in kinds]
    first = 0
    for hop, fanout in enumerate(fanouts):
        frontier = by_hop[-1]
        fresh: list[Ints] = []
        for number, rows in enumerate(kinds):
            stream = np.uint64((key + 0x9E3779B97F4A7C15 * (1 + number + len(kinds) * hop)) % 2**64)
            receiver, place = _draw(rows.pointer, frontier, fanout, stream)
            new = _number(rows.sender, place, local, sum(hops) + sum(len(part) for part in fresh))
            fresh.append(new)
            parts[number].append((receiver + first, local[rows.sender[place]], place))
        first += len(frontier)
        by_hop.append(np.concatenate(fresh))
        hops.append(len(by_hop[-1]))
    edges = tuple(
        Drawn(
            np.concatenate([p[0] for p in part]).astype(np.int32),
            np.concatenate([p[1] for p in part]).astype(np.int32),
            np.concatenate([p[2] for p in part]),
            tuple(len(p[2]) for p in part),
        )
        for part in parts
    )
    return Sample(np.concatenate(by_hop), tuple(hops), edges)


def part_of(matrix: sparse.csr_array, drawn: Drawn, nodes: int) -> sparse.csr_array:
    """The drawn entries [nodes, nodes] of a matrix whose rows add up to 1, over their sum in every row.

    All of a row gives that row back; a part of it estimates the row's mean.
    """
    value: Floats = matrix.data[drawn.place]
    total = np.bincount(drawn.receiver, weights=value, minlength=nodes)
    pointer = np.concatenate([[0], np.cumsum(np.bincount(drawn.receiver, minlength=nodes))])
    return sparse.csr_array((value / total[drawn.receiver], drawn.sender, pointer), shape=(nodes, nodes))


@njit(cache=True, nogil=True)
def _mixed(value):  # type: ignore[no-untyped-def]
    """splitmix64 (Steele, Lea & Flood 2014)."""
    value = (value ^ (value >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> uint64(27))) * uint64(0x94D049BB133111EB)
    return value ^ (value >> uint64(31))


@njit(cache=True, nogil=True)
def _draw(pointer, frontier, fanout, stream):  # type: ignore[no-untyped-def]
    """(place of the receiver in ``frontier``, place of the edge) of what is drawn, ascending in both."""
    total = 0
    for node in frontier:
        degree = pointer[node + 1] - pointer[node]
        total += degree if fanout < 0 else min(degree, fanout)
    receiver, place = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for k in range(len(frontier)):
        node = frontier[k]
        start = pointer[node]
        degree = pointer[node + 1] - start
        count = degree if fanout < 0 else min(degree, fanout)
        state = _mixed(stream + uint64(node) * uint64(0xD1342543DE82EF95))
        for number in range(count):
            chosen = np.int64(number)
            if count < degree:
                # Floyd 1987 (CACM 30:754): distinct numbers without a list of all.
                last = degree - count + number
                state = _mixed(state + uint64(0x9E3779B97F4A7C15))
                chosen = np.int64(state % uint64(last + 1))
                for before in range(at, at + number):
                    if place[before] == start + chosen:
                        chosen = np.int64(last)
                        break
            # Kept in order, so that a row of a sample is ordered as the row it is from.
            slot = at + number
            while slot > at and place[slot - 1] > start + chosen:
                place[slot] = place[slot - 1]
                slot -= 1
            place[slot] = start + chosen
        receiver[at : at + count] = k
        at += count
    return receiver, place


@njit(cache=True, nogil=True)
def _number(sender, place, local, first):  # type: ignore[no-untyped-def]
    """Give senders that have no place in the sample the next ones; returns those nodes in order."""
    nodes = np.empty(len(place), np.int64)
    count = 0
    for edge in place:
        node = sender[edge]
        if local[node] < 0:
            local[node] = first + count
            nodes[count] = node
            count += 1
    return nodes[:count].copy()

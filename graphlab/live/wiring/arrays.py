"""The arrays of a live wiring, as compiled kernels take them. Nodes, slots and codes are row numbers.

Tests: tests/graphlab/live/wiring/test_wiring.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Synapses(NamedTuple):
    """Every synapse in a slot; those of a neuron are a list on each of its sides."""

    id: Array
    """uint64 [slots]."""
    pre: Array
    post: Array
    """int32 [slots] nodes; pre is -1 in a free slot."""
    weight: Array
    """int64 [slots]."""
    counts: Array
    """uint8 [slots]: whether the recipe keeps it."""
    kind: Array
    pool: Array
    side: Array
    """int32 [slots]: its key in the pairs by kind, by neuropil, by compartments."""
    next_pre: Array
    back_pre: Array
    next_post: Array
    back_post: Array
    """int32 [slots]: the lists; -1 ends one."""
    pre_voxel: Array
    post_voxel: Array
    """uint64 [slots] supervoxels, 0 where unknown."""
    table: Array
    """int32 [2^k] slots by id, -1 where free."""
    free: Array
    """int32 [slots]: a stack of free slots."""
    sizes: Array
    """int64 [2]: free slots, synapses."""


class Nodes(NamedTuple):
    """Every root id that was ever named."""

    id: Array
    """uint64 [nodes]."""
    table: Array
    """int32 [2^k] nodes by id, -1 where free."""
    in_graph: Array
    """uint8 [nodes]: 1 where it is a neuron that censuses count."""
    first_pre: Array
    first_post: Array
    """int32 [nodes]: heads of its lists of synapses, -1 where there are none."""
    received: Array
    sent: Array
    """int64 [nodes]: chemical weight before any filter."""
    stamp: Array
    """int32 [nodes]: the batch that touched it last."""
    touched: Array
    """int32 [touched]: nodes whose totals this batch touched, and before it:"""
    received_before: Array
    sent_before: Array
    sizes: Array
    """int64 [2]: nodes, touched ones."""


class Pairs(NamedTuple):
    """Summed weight by (pre, post, code), in a hash table; what a batch touches is listed with its value before."""

    pre: Array
    """int32 [2^k], -1 where free."""
    post: Array
    code: Array
    weight: Array
    """int64 [2^k]."""
    stamp: Array
    touched_pre: Array
    touched_post: Array
    touched_code: Array
    before: Array
    sizes: Array
    """int64 [2]: entries, touched ones."""


class Dyads(NamedTuple):
    """Neighbourhoods of the graph that is analysed, sorted, with the state of each dyad; triads and degrees."""

    start: Array
    """int64 [nodes]: into neighbour and state."""
    length: Array
    room: Array
    """int32 [nodes]."""
    neighbour: Array
    """int32 [room]."""
    state: Array
    """uint8 [room]: bit 0 for the connection from the row's neuron, bit 1 for the one to it."""
    out_degree: Array
    in_degree: Array
    """int32 [nodes]."""
    triads: Array
    """int64 [16]."""
    classes: Array
    """int8 [64]: class of a triad by state(0,1) | state(0,2) << 2 | state(1,2) << 4."""
    sizes: Array
    """int64 [5]: end of what is used of neighbour, neurons, connections, one-way dyads, mutual dyads."""
    settings: Array
    """int64 [2]: least weight of a connection, code of the kind that is analysed."""


TAIL, NEURONS, CONNECTIONS, ONE_WAY, MUTUAL = range(5)


def power(least: int) -> int:
    """The lowest power of two from ``least`` on."""
    return 1 << max(4, int(least - 1).bit_length())


def grown(array: Array, size: int, fill: int = 0) -> Array:
    """The array with room for ``size`` rows, new ones holding ``fill``."""
    if len(array) >= size:
        return array
    new = np.full(size, fill, array.dtype) if fill else np.zeros(size, array.dtype)
    new[: len(array)] = array
    return new


def no_synapses(slots: int) -> Synapses:
    """Free slots."""
    of = {name: np.zeros(slots, np.int32) for name in ("kind", "pool", "side", "back_pre", "back_post", "post")}
    ends = {name: np.full(slots, -1, np.int32) for name in ("pre", "next_pre", "next_post")}
    voxels = {name: np.zeros(slots, np.uint64) for name in ("id", "pre_voxel", "post_voxel")}
    return Synapses(
        **of,
        **ends,
        **voxels,
        weight=np.zeros(slots, np.int64),
        counts=np.zeros(slots, np.uint8),
        table=np.full(power(2 * slots), -1, np.int32),
        free=np.arange(slots - 1, -1, -1, dtype=np.int32),
        sizes=np.array([slots, 0], np.int64),
    )


def no_nodes(room: int) -> Nodes:
    """No root ids."""
    return Nodes(
        id=np.zeros(room, np.uint64),
        table=np.full(power(2 * room), -1, np.int32),
        in_graph=np.zeros(room, np.uint8),
        first_pre=np.full(room, -1, np.int32),
        first_post=np.full(room, -1, np.int32),
        received=np.zeros(room, np.int64),
        sent=np.zeros(room, np.int64),
        stamp=np.zeros(room, np.int32),
        touched=np.zeros(1024, np.int32),
        received_before=np.zeros(1024, np.int64),
        sent_before=np.zeros(1024, np.int64),
        sizes=np.zeros(2, np.int64),
    )


def no_pairs(room: int) -> Pairs:
    """No weights, with room for so many."""
    size = power(2 * room)
    return Pairs(
        pre=np.full(size, -1, np.int32),
        post=np.zeros(size, np.int32),
        code=np.zeros(size, np.int32),
        weight=np.zeros(size, np.int64),
        stamp=np.zeros(size, np.int32),
        touched_pre=np.zeros(1024, np.int32),
        touched_post=np.zeros(1024, np.int32),
        touched_code=np.zeros(1024, np.int32),
        before=np.zeros(1024, np.int64),
        sizes=np.zeros(2, np.int64),
    )

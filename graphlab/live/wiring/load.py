"""The wiring of a graph from its tables.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphlab.live.wiring import dyads as steps
from graphlab.live.wiring import kernels
from graphlab.live.wiring.arrays import CONNECTIONS, MUTUAL, NEURONS, ONE_WAY, TAIL, Array
from graphlab.live.wiring.state import ABSENT, GONE, NEURON, OUTSIDE, Codes, Wiring
from graphlab.motifs.census.triads import triad_counts
from graphlab.store.folder import Folder
from graphlab.store.live import reading
from ingest.schema.words import KINDS
from queries.snapshot import Snapshot


def load(folder: Folder, least: int = 1, kind: str = "chemical") -> Wiring:
    """Everything that events will change, read once; afterwards only events change it."""
    wiring = Wiring(least, kind, *reading.parts_kept(folder))
    states = reading.neuron_states(folder)
    nodes = wiring.nodes_of(states["root_id"].combine_chunks().to_numpy())
    wiring.status[nodes] = np.where(states["in_graph"].combine_chunks().to_numpy(zero_copy_only=False), NEURON, OUTSIDE)
    lost = list(reading.gone(folder))
    if lost:
        wiring.status[wiring.nodes_of(np.array(lost, np.uint64))] = GONE
    wiring.nodes.in_graph[:] = wiring.status == NEURON
    recipe = folder.meta("recipe") or {}
    wiring.reserve(reading.synapse_count(folder))
    for batch in reading.synapses(folder, recipe.get("min_score")):
        _enter(wiring, batch)
    _lay_out(wiring)
    return wiring


def _enter(wiring: Wiring, batch: pa.RecordBatch) -> None:
    count = batch.num_rows
    pre, post = (wiring.nodes_of(batch.column(side).to_numpy()) for side in ("pre_root_id", "post_root_id"))
    wiring.reserve(count)
    synapses = wiring.synapses
    free = int(synapses.sizes[0])
    slots = synapses.free[free - count : free][::-1].copy()
    synapses.sizes[:] += (-count, count)
    kind = batch.column("kind").to_numpy().astype(np.int32)
    synapses.id[slots], synapses.pre[slots], synapses.post[slots] = batch.column("synapse_id").to_numpy(), pre, post
    synapses.weight[slots] = batch.column("weight").to_numpy()
    synapses.counts[slots] = batch.column("counts").to_numpy(zero_copy_only=False)
    synapses.kind[slots] = kind
    synapses.pool[slots] = kind + len(KINDS) * text_codes(batch.column("neuropil"), wiring.neuropils)
    sides = side_codes(batch.column("pre_compartment"), batch.column("post_compartment"), wiring.compartments)
    synapses.side[slots] = kind + len(KINDS) * sides
    synapses.pre_voxel[slots] = batch.column("pre_supervoxel_id").to_numpy()
    synapses.post_voxel[slots] = batch.column("post_supervoxel_id").to_numpy()
    kernels.fill_table(synapses.table, synapses.id, slots)
    wiring.room_for(count)
    kernels.count_all(wiring.synapses, wiring.nodes, wiring.kinds, wiring.pools, wiring.sides, slots)


def text_codes(column: pa.Array, codes: Codes) -> Array:
    """int32: codes of texts, 0 for null."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.int32)
    encoded = column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    known = np.array([*(codes.of(word) for word in encoded.dictionary.to_pylist()), 0], np.int32)
    found: Array = known[encoded.indices.fill_null(len(known) - 1).to_numpy()]
    return found


def side_codes(pre: pa.Array, post: pa.Array, codes: Codes) -> Array:
    """int32: codes of pairs of compartments, 0 where both are null."""
    if pre.null_count == len(pre) and post.null_count == len(post):
        return np.zeros(len(pre), np.int32)
    own = Codes()
    first, second = text_codes(pre, own), text_codes(post, own)
    both, at = np.unique(first.astype(np.int64) << 32 | second, return_inverse=True)
    pairs = [(own.words[int(pair) >> 32], own.words[int(pair) & 0xFFFFFFFF]) for pair in both]
    known = np.array([0 if pair == (None, None) else codes.of(pair) for pair in pairs], np.int32)
    found: Array = known[at]
    return found


def _lay_out(wiring: Wiring) -> None:
    """Neighbourhoods, degrees and triads of the pairs that are there."""
    from graphlab.motifs.kernels.triads import typed_neighbours

    pairs, nodes = wiring.kinds, int(wiring.nodes.sizes[0])
    here = (pairs.pre >= 0) & (pairs.code == KINDS.index(wiring.kind)) & (pairs.weight >= wiring.least)
    pre, post = pairs.pre[here], pairs.post[here]
    shown = (wiring.nodes.in_graph[pre] != 0) & (wiring.nodes.in_graph[post] != 0) & (pre != post)
    view = Snapshot.from_edges(np.arange(nodes, dtype=np.uint64), pre[shown], post[shown])
    start, neighbour, state = typed_neighbours(view.out_start, view.out_target, view.in_start, view.in_source)
    dyads = wiring.dyads
    dyads.start[:nodes], dyads.length[:nodes] = start[:-1], np.diff(start)
    dyads.room[:nodes] = dyads.length[:nodes]
    dyads.out_degree[:nodes], dyads.in_degree[:nodes] = np.diff(view.out_start), np.diff(view.in_start)
    spare = np.zeros(len(neighbour) + 4096, np.int32), np.zeros(len(neighbour) + 4096, np.uint8)
    spare[0][: len(neighbour)], spare[1][: len(neighbour)] = neighbour, state
    wiring.dyads = dyads._replace(neighbour=spare[0], state=spare[1])
    mutual = int((state == 3).sum()) // 2
    sizes = wiring.dyads.sizes
    sizes[TAIL], sizes[NEURONS], sizes[CONNECTIONS] = len(neighbour), nodes, view.m
    sizes[MUTUAL], sizes[ONE_WAY] = mutual, view.m - 2 * mutual
    wiring.dyads.triads[:] = triad_counts(view)
    # Root ids that are no graph nodes have no connections here; they are taken out one by one.
    steps.change_neurons(wiring.dyads, int((wiring.nodes.in_graph[:nodes] != 0).sum()) - nodes)
    assert ABSENT == 0

"""Rewired layers: every neuron keeps its degrees, and weights travel with their connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.predict.inputs.wiring import Wiring
from ingest.schema.errors import UnknownNameError
from queries.snapshot import Snapshot

SYMMETRIC = frozenset({"electrical"})
"""Layers whose connections have no direction."""


def both_ways(snapshot: Snapshot) -> Snapshot:
    """The same connections in both directions, each with the larger of its two weights."""
    source, target = snapshot.sources().astype(np.int64), snapshot.out_target.astype(np.int64)
    low, high = np.minimum(source, target), np.maximum(source, target)
    key, place = np.unique(low * snapshot.n + high, return_inverse=True)
    weight = np.full(len(key), -np.inf)
    np.maximum.at(weight, place, snapshot.weight)
    first, second = np.divmod(key, max(snapshot.n, 1))
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    return Snapshot.from_edges(snapshot.root_ids, *ends, np.concatenate([weight, weight]), snapshot.meta)


def rewired(snapshot: Snapshot, seed: int, symmetric: bool = False) -> Snapshot:
    """One random graph with the degrees and the weights of this one, by the swap chain of the motif null models.

    Of a directed layer every neuron keeps its in- and out-degree, and its outputs their weights. Of a layer without
    directions (made ``both_ways`` first) every neuron keeps its number of partners, and the weights are dealt to the
    new connections in the order of what both of their ends brought along.
    """
    if snapshot.m == 0:
        return snapshot
    name = "reciprocal" if symmetric else "configuration"
    whole = both_ways(snapshot) if symmetric else snapshot
    drawn = null_model(name).prepare(whole, NullOptions(), seed).draw(sample_seed(seed, 0))
    return _even(drawn, whole, np.random.default_rng(seed)) if symmetric else drawn


def _even(drawn: Snapshot, whole: Snapshot, rng: np.random.Generator) -> Snapshot:
    """The weights of ``whole``, one for each unordered pair of ``drawn``, by what both ends brought, ties at random."""
    source, target = drawn.sources().astype(np.int64), drawn.out_target.astype(np.int64)
    low, high = np.minimum(source, target), np.maximum(source, target)
    key, place = np.unique(low * drawn.n + high, return_inverse=True)
    brought = np.bincount(place, weights=drawn.weight)
    known = np.sort(whole.weight[whole.sources() < whole.out_target])
    weight = np.empty(len(key))
    weight[np.lexsort((rng.random(len(key)), brought))] = known
    return Snapshot.from_edges(drawn.root_ids, source, target, weight[place], drawn.meta)


def with_rewired(wiring: Wiring, layers: Sequence[str], seed: int) -> Wiring:
    """The same neurons, of whose connections ``layers`` are rewired.

    Raises:
        UnknownNameError: a layer that there is not.
    """
    snapshots = dict(wiring.snapshots)
    for number, kind in enumerate(layers):
        if kind not in snapshots:
            raise UnknownNameError("layer", kind, snapshots)
        snapshots[kind] = rewired(snapshots[kind], seed * len(layers) + number, kind in SYMMETRIC)
    return replace(wiring, snapshots=snapshots)


def share_in_place(before: Snapshot, after: Snapshot) -> float:
    """Share of the connections that stand where they stood; degrees alone fix most of a dense layer."""
    one, other = (s.sources().astype(np.int64) * s.n + s.out_target for s in (before, after))
    return float(np.isin(one, other).mean()) if before.m else 1.0


def symmetric_layers(wiring: Wiring) -> Wiring:
    """Layers without directions in both directions: what their rewired copies are compared with."""
    even = {kind: both_ways(s) if kind in SYMMETRIC else s for kind, s in wiring.snapshots.items()}
    return replace(wiring, snapshots=even)

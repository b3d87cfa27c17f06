"""Instances of a motif: which neurons, with ids, the weight of every connection, and positions if known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import classes
from graphlab.motifs.census.codes import TRIAD_LABELS, edges_of, role_orders, smallest_codes, triad_class_codes
from graphlab.motifs.kernels.pair_classes import number_labels
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SETS = 20_000_000_000
ROOTS = 512


def motif_code(motif: str | int | Sequence[tuple[int, int]], size: int) -> int:
    """The smallest code of a name (``030T``; mfinder id ``"204"``), a code, or edges on neurons 0 .. size-1.

    Raises:
        AnalysisError: not connected, or edges on other neurons. UnknownNameError: no such label.
    """
    from graphlab.motifs.census.codes import code_of

    if size not in (3, 4):
        raise AnalysisError(f"instances are of motifs of 3 or 4 neurons, not {size}")
    if isinstance(motif, str) and size == 3:
        if motif not in TRIAD_LABELS:
            raise UnknownNameError("triad", motif, TRIAD_LABELS)
        code = int(np.flatnonzero(triad_class_codes() == TRIAD_LABELS.index(motif))[0])
    elif isinstance(motif, str):
        by_name = {one.name: one.code for one in classes(size)}
        if motif not in by_name:
            raise UnknownNameError("tetrad (named by its mfinder id, such as 204 for the bi-fan)", motif, by_name)
        code = by_name[motif]
    elif isinstance(motif, int):
        code = motif
    else:
        pairs: list[Sequence[int]] = list(motif)  # of whoever asks, such as a request
        wrong = [edge for edge in pairs if len(edge) != 2 or edge[0] == edge[1] or min(edge) < 0 or max(edge) >= size]
        if wrong:
            raise AnalysisError(f"edge {wrong[0]} does not join two of the neurons 0 .. {size - 1}")
        code = code_of(list(motif))
    if not 0 <= code < len(smallest_codes(size)):
        raise AnalysisError(f"code {code} fits no motif of {size}; codes are below {len(smallest_codes(size)):,}")
    joined = {0}
    for _ in range(size):
        joined |= {x for edge in edges_of(code, size) for x in edge if joined & set(edge)}
    if len(joined) < size:
        raise AnalysisError(f"motif {motif!r} is not connected; its instances would be nearly every {size} neurons")
    return int(smallest_codes(size)[code])


def instances(
    snapshot: Snapshot,
    motif: str | int | Sequence[tuple[int, int]],
    size: int = 3,
    *,
    labels: Sequence[str | None] | None = None,
    types: Sequence[str] | None = None,
    limit: int = 100,
    position_nm: npt.ArrayLike | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """The instances (induced) of a motif with the strongest weakest connection; ties by total weight, then ids.

    Args:
        motif: what ``motif_code`` understands; roles are those of ``edges_of`` its smallest code.
        labels: type of each neuron, for columns type_0 ...; types: wanted by role.
        position_nm: [n, 3], for columns x_nm_0 ...

    Returns:
        neuron_0 .. (uint64 ids by role), weight_a_b for every connection, weakest, total. The schema's metadata
        holds ``found``, the number of all instances, of which at most ``limit`` are given.
    """
    import pyarrow as pa

    from graphlab.motifs.kernels.subgraphs import adjacency_of, at_most, matching_sets

    code = motif_code(motif, size)
    if limit < 1:
        raise AnalysisError(f"limit is {limit}; wanted at least 1")
    graph = adjacency_of(snapshot)
    bound = at_most(graph, size)
    if bound > MOST_SETS:
        raise AnalysisError(
            f"up to {bound:,} sets of {size} connected neurons would have to be looked at, more than "
            f"{MOST_SETS:,}; raise min_weight, or match the pattern with a query and types"
        )
    label, names = np.zeros(snapshot.n, dtype=np.int32), [""]
    if labels is not None:
        label, names = number_labels(labels, snapshot.n)
    number = _type_number(types, labels, names, size)
    edges = edges_of(code, size)
    best = np.empty((0, size), dtype=np.int32)
    weights = np.empty((0, len(edges)))
    order, orders = role_orders(size)
    total = 0
    for low in range(0, snapshot.n, ROOTS):
        high = min(low + ROOTS, snapshot.n)
        if number == -2:
            break
        matches = matching_sets(
            graph, size, label, len(names), smallest_codes(size), order, orders, code, number, low, high
        )
        total += len(matches)
        best = np.concatenate([best, matches])
        weights = np.concatenate([weights, edge_weights(snapshot, matches, edges)])
        ids = [snapshot.root_ids[best[:, role]] for role in reversed(range(size))]
        rank = np.lexsort([*ids, -weights.sum(axis=1), -weights.min(axis=1)])[:limit]
        best, weights = best[rank], weights[rank]
        if progress:
            progress(high, snapshot.n)
    columns: dict[str, npt.NDArray[np.generic] | list[str | None]] = {}
    for role in range(size):
        columns[f"neuron_{role}"] = snapshot.root_ids[best[:, role]]
    if labels is not None:
        for role in range(size):
            columns[f"type_{role}"] = [labels[node] for node in best[:, role]]
    for k, (a, b) in enumerate(edges):
        columns[f"weight_{a}_{b}"] = weights[:, k]
    columns["weakest"] = weights.min(axis=1)
    columns["total"] = weights.sum(axis=1)
    if position_nm is not None:
        place = np.asarray(position_nm, dtype=np.float64)
        if place.shape != (snapshot.n, 3):
            raise AnalysisError(f"positions have shape {place.shape}, wanted ({snapshot.n}, 3)")
        for role in range(size):
            for axis, name in enumerate("xyz"):
                columns[f"{name}_nm_{role}"] = place[best[:, role], axis]
    return pa.table(columns).replace_schema_metadata({"found": str(total), "code": str(code)})


def edge_weights(
    snapshot: Snapshot, nodes: npt.NDArray[np.int32], edges: Sequence[tuple[int, int]]
) -> npt.NDArray[np.float64]:
    """Weights [sets, edges] of the connections between given roles of given sets."""
    source, target = (nodes[:, [edge[end] for edge in edges]] for end in (0, 1))
    return np.asarray(snapshot.weight[snapshot.edges_of(source, target)])


def _type_number(types: Sequence[str] | None, labels: Sequence[str | None] | None, names: list[str], size: int) -> int:
    """The number of a tuple of types by role; -1 for any, -2 for one that no neuron has."""
    if types is None:
        return -1
    if labels is None:
        raise AnalysisError("types were asked for, but no type per neuron was given")
    if len(types) != size:
        raise AnalysisError(f"{len(types)} types for {size} neurons: {', '.join(types)}")
    number = 0
    for name in types:
        if name not in names:
            raise UnknownNameError("type", name, names)
        number = number * len(names) + names.index(name)
    return number

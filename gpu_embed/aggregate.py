"""Means of embeddings along the cable: within a path length of each node, by compartment, of a whole neuron.

As Google's aggregated sets (10 and 25 um), but by path length, not through the air, and weighted by cable: a place
where nodes lie dense does not count more. What no embedded node represents goes to the embedded node nearest along
the cable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.schema.errors import SchemaError
from ingest.schema.ids import RootIds, as_root_ids, rows_of
from ingest.skeletons.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
ROWS = 256
COMPARTMENTS = {0: "unknown", 1: "soma", 2: "axon", 3: "dendrite", 4: "apical dendrite"}
WHOLE = "whole neuron"


@dataclass(frozen=True, eq=False)
class Aggregated:
    """One row an embedded node.

    Args:
        node_ids: uint64 [k], in the order given.
        vectors: float32 [k, width] means.
        count: int64 [k] nodes in each mean. cable_nm: [k] the cable they stand for.
        dispersion: [k] root of the weighted mean squared distance of those nodes' vectors from the mean.
    """

    root_id: int
    node_ids: RootIds
    points_nm: Floats
    vectors: npt.NDArray[np.float32]
    count: npt.NDArray[np.int64]
    cable_nm: Floats
    dispersion: Floats

    def to_arrow(self) -> pa.Table:
        """The words of EMBEDDINGS, with count, cable_nm and dispersion."""
        columns = {"root_id": np.full(self.node_ids.size, self.root_id, dtype=np.uint64), "node_id": self.node_ids}
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        for axis, values in zip("xyz", self.points_nm.T, strict=True):
            table = table.append_column(f"{axis}_nm", pa.array(values.astype(np.float32)))
        table = table.append_column("vector", _vectors(self.vectors))
        for name in ("count", "cable_nm", "dispersion"):
            table = table.append_column(name, pa.array(getattr(self, name)))
        return table


def within_path(skeleton: Skeleton, node_ids: Any, vectors: Any, radius_nm: float) -> Aggregated:
    """Around each embedded node, the mean of all embedded nodes of its skeleton within a path length.

    Args:
        node_ids: [k] embedded nodes of the skeleton, each once. vectors: [k, width].
        radius_nm: 10,000 or 25,000 in Google's sets; a node at exactly this distance counts.

    Raises:
        SchemaError: a node that the skeleton has not, or twice; a vector that is not finite; no positive radius.
    """
    from scipy.sparse.csgraph import dijkstra

    if not radius_nm > 0:
        raise SchemaError(f"radius of {radius_nm} nm; wanted a positive path length, like 10000")
    ids, at, values = _checked(skeleton, node_ids, vectors)
    weight = represented_nm(skeleton, ids)
    graph = _graph(skeleton)
    means = np.empty(values.shape, dtype=np.float32)
    count = np.empty(at.size, dtype=np.int64)
    cable, dispersion = np.empty(at.size), np.empty(at.size)
    for first in range(0, at.size, ROWS):
        part = slice(first, first + ROWS)
        # Sums along the cable round in the last bits: a node at the radius itself still counts.
        reach = dijkstra(graph, directed=False, indices=at[part], limit=radius_nm * (1 + 1e-12))[:, at]
        inside = np.isfinite(reach)
        count[part] = inside.sum(axis=1)
        means[part], cable[part], dispersion[part] = _means(inside * weight, inside, values)
    return Aggregated(skeleton.root_id, ids, skeleton.points_nm[at], means, count, cable, dispersion)


def mixtures(skeleton: Skeleton, node_ids: Any, vectors: Any) -> pa.Table:
    """One mean of the whole neuron and, where the skeleton knows compartments, one of each.

    The column is called ``mixture``: a mean over axon, dendrite and soma is like no single node of the neuron, and is
    not to be compared with vectors of nodes.

    Returns:
        root_id, compartment, node_id (the SWC type, 2^64 - 1 for -1; 0 for the whole neuron and for unknown cable),
        mixture, count, cable_nm, dispersion, and x_nm, y_nm, z_nm, the middle of that cable; the whole neuron first.

    Raises:
        SchemaError: as ``within_path``.
    """
    ids, at, values = _checked(skeleton, node_ids, vectors)
    weight = represented_nm(skeleton, ids)
    kinds: list[tuple[str, npt.NDArray[np.bool_]]] = [(WHOLE, np.ones(at.size, dtype=bool))]
    numbers = [0]
    if skeleton.types is not None:
        types = skeleton.types[at]
        for kind in np.unique(types).tolist():
            numbers.append(kind)
            kinds.append((COMPARTMENTS.get(kind, f"SWC type {kind}"), types == kind))
    inside = np.array([chosen for _, chosen in kinds])
    means, cable, dispersion = _means(inside * weight, inside, values)
    middles, _, _ = _means(inside * weight, inside, skeleton.points_nm[at])
    return pa.table(
        {
            "root_id": pa.array(np.full(len(kinds), skeleton.root_id, dtype=np.uint64)),
            "compartment": pa.array([name for name, _ in kinds]),
            "mixture": _vectors(means.astype(np.float32)),
            "count": pa.array(inside.sum(axis=1)),
            "cable_nm": pa.array(cable),
            "dispersion": pa.array(dispersion),
            # A negative type is kept by its 64 bits, as node ids have no sign.
            "node_id": pa.array([number % 2**64 for number in numbers], pa.uint64()),
            **{f"{axis}_nm": pa.array(middles[:, i].astype(np.float32)) for i, axis in enumerate("xyz")},
        }
    )


def represented_nm(skeleton: Skeleton, node_ids: Any) -> Floats:
    """The cable that each embedded node stands for: its own, and that of nodes to which it is nearest along the cable.

    Of two at the same distance, the one with the lower node id. Pieces of a skeleton without an embedded node are not
    represented.
    """
    from scipy.sparse.csgraph import dijkstra

    ids = as_root_ids(node_ids, "node_id")
    at = _indices(skeleton, ids)
    order = np.argsort(ids, kind="stable")
    distance = np.full(len(skeleton), np.inf)
    nearest = np.zeros(len(skeleton), dtype=np.int64)
    graph = _graph(skeleton)
    for first in range(0, at.size, ROWS):
        rows = order[first : first + ROWS]
        distances = dijkstra(graph, directed=False, indices=at[rows])
        best = distances.argmin(axis=0)
        shortest = distances[best, np.arange(len(skeleton))]
        closer = shortest < distance
        distance[closer], nearest[closer] = shortest[closer], rows[best[closer]]
    reached = np.isfinite(distance)
    cable: Floats = np.bincount(nearest[reached], weights=skeleton.cable_nm[reached], minlength=at.size).astype(float)
    return cable


def _means(weight: Floats, inside: npt.NDArray[np.bool_], values: Floats) -> tuple[Floats, Floats, Floats]:
    """Weighted means [k, width], sums of weights [k], dispersions [k]; equal weights where all are 0."""
    cable = weight.sum(axis=1)
    share = np.where(cable[:, None] > 0, weight, inside)
    share = share / share.sum(axis=1, keepdims=True)
    means = share @ values
    apart = np.empty(len(means))
    for row, (part, mean) in enumerate(zip(share, means, strict=True)):
        used = part > 0
        apart[row] = np.sqrt((part[used] * ((values[used] - mean) ** 2).sum(axis=1)).sum())
    return means, cable, apart


def _checked(skeleton: Skeleton, node_ids: Any, vectors: Any) -> tuple[RootIds, npt.NDArray[np.int64], Floats]:
    ids = as_root_ids(node_ids, "node_id")
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or len(values) != ids.size or ids.size == 0:
        raise SchemaError(
            f"skeleton {skeleton.root_id}: {ids.size} nodes and vectors {list(values.shape)}; wanted [k, width]"
        )
    if not np.isfinite(values).all():
        raise SchemaError(f"skeleton {skeleton.root_id}: a vector is not finite")
    if np.unique(ids).size != ids.size:
        raise SchemaError(f"skeleton {skeleton.root_id}: an embedded node is there twice")
    return ids, _indices(skeleton, ids), values


def _indices(skeleton: Skeleton, ids: RootIds) -> npt.NDArray[np.int64]:
    order = np.argsort(skeleton.node_ids, kind="stable")
    place = rows_of(skeleton.node_ids[order], ids)
    if (place < 0).any():
        strange = ids[place < 0][0]
        raise SchemaError(f"skeleton {skeleton.root_id} has no node {strange}; embeddings of another skeleton?")
    return order[place]


def _graph(skeleton: Skeleton) -> Any:
    from scipy.sparse import csr_array

    n = len(skeleton)
    child = np.flatnonzero(skeleton.parents >= 0)
    # An edge of length 0 would be no edge to scipy.
    length = np.maximum(skeleton.edge_nm[child], np.finfo(np.float64).tiny)
    return csr_array((length, (child, skeleton.parents[child])), shape=(n, n))


def _vectors(values: npt.NDArray[np.float32]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), values.shape[1])

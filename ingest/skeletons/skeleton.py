"""One segment's cable: a forest of nodes with parents, in nm, path length along it.

Node ids are kept; without ids of their own (precomputed, kimimaro) nodes are numbered from 0. Points are XYZ in nm,
those of a made skeleton in the middle of their voxel.

Tests: tests/ingest/skeletons/test_skeletons.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One segment's cable.

    Args:
        root_id: of the segment.
        node_ids: uint64 [n], each once.
        points_nm: [n, 3] XYZ.
        parents: int64 [n], the index (not the id) of the parent, -1 at a root.
        types: int64 [n] SWC structure (1 soma, 2 axon, 3 dendrite, 0 unknown), or None.
        radii_nm: [n], NaN where unknown, or None.

    Raises:
        SchemaError: arrays of different lengths, a node id twice, a position that is not finite, a cycle.
    """

    root_id: int
    node_ids: npt.NDArray[np.uint64]
    points_nm: Points
    parents: Indices
    types: Indices | None = None
    radii_nm: npt.NDArray[np.float64] | None = None
    order: Indices = field(init=False, repr=False)
    """All nodes, each after its parent."""

    def __post_init__(self) -> None:
        n = len(self.node_ids)
        others = [len(a) for a in (self.points_nm, self.parents, self.types, self.radii_nm) if a is not None]
        if any(size != n for size in others):
            raise SchemaError(f"skeleton {self.root_id}: {n} nodes, but arrays of {others}")
        ids, times = np.unique(self.node_ids, return_counts=True)
        if ids.size != n:
            twice = ids[times > 1][0]
            raise SchemaError(f"skeleton {self.root_id}: a node id is there twice, {twice}; each node has its own")
        if not np.isfinite(self.points_nm).all():
            lost = self.node_ids[~np.isfinite(self.points_nm).all(axis=1)][0]
            raise SchemaError(f"skeleton {self.root_id}: a position is not finite, that of node {lost}")
        if n and (self.parents.min() < -1 or self.parents.max() >= n):
            raise SchemaError(f"skeleton {self.root_id}: a parent is not among its nodes")
        object.__setattr__(self, "order", _parents_first(self.root_id, self.parents))

    def __len__(self) -> int:
        return len(self.node_ids)

    @property
    def edge_nm(self) -> npt.NDArray[np.float64]:
        """[n] straight length from each node to its parent, 0 at a root."""
        apart = np.linalg.norm(self.points_nm - self.points_nm[self.parents], axis=1)
        lengths: npt.NDArray[np.float64] = np.where(self.parents >= 0, apart, 0.0)
        return lengths

    @property
    def cable_nm(self) -> npt.NDArray[np.float64]:
        """[n] the cable that belongs to each node: half of every edge at it; the sum is the path length."""
        edges = self.edge_nm
        cable = edges / 2
        inner = self.parents >= 0
        np.add.at(cable, self.parents[inner], edges[inner] / 2)
        return cable

    @property
    def path_length_nm(self) -> float:
        return float(self.edge_nm.sum())

    def spaced(self, spacing_nm: float) -> Indices:
        """Indices of nodes ``spacing_nm`` of cable apart: roots, and whatever lies that far from the last one."""
        if not spacing_nm >= 0:
            raise SchemaError(f"spacing of {spacing_nm} nm; wanted 0 (all nodes) or more")
        since = np.zeros(len(self))
        edges = self.edge_nm
        kept = np.zeros(len(self), dtype=bool)
        for node in self.order.tolist():
            parent = self.parents[node]
            since[node] = np.inf if parent < 0 else since[parent] + edges[node]
            if since[node] >= spacing_nm:
                kept[node], since[node] = True, 0.0
        return np.flatnonzero(kept)


def from_edges(root_id: int, points: Points, edges: Indices, radii: npt.NDArray[np.float64] | None = None) -> Skeleton:
    """Edges to parents, from the lowest node of each piece; a ring is an error."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    n = len(points)
    if edges.size and int(edges.max()) >= n:
        raise SchemaError(f"skeleton {root_id}: edge to node {int(edges.max())}, it has {n}")
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    count, piece = connected_components(graph, directed=False)
    if len(np.unique(np.sort(edges, axis=1), axis=0)) != n - count:
        raise SchemaError(f"skeleton {root_id}: its edges close a ring (or a node is joined to itself)")
    parents = np.full(n, -1, dtype=np.int64)
    for first in np.unique(piece, return_index=True)[1].tolist():
        reached, before = breadth_first_order(graph, first, directed=False)
        parents[reached[1:]] = before[reached[1:]]
    return Skeleton(root_id, np.arange(n, dtype=np.uint64), points, parents, None, radii)


def _parents_first(root_id: int, parents: Indices) -> Indices:
    """Breadth-first order of a forest; SchemaError for a cycle."""
    by_parent = np.argsort(parents, kind="stable")
    firsts = np.searchsorted(parents[by_parent], np.arange(-1, len(parents) + 1))
    order: list[int] = by_parent[: firsts[1]].tolist()
    for node in order:  # grows while it is walked
        order += by_parent[firsts[node + 1] : firsts[node + 2]].tolist()
    if len(order) != len(parents):
        raise SchemaError(f"skeleton {root_id}: {len(parents) - len(order)} nodes are their own ancestors (a ring)")
    return np.array(order, dtype=np.int64)

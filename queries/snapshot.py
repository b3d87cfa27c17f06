"""Snapshot: one graph as compressed sparse rows in both directions, node numbers inside, ids at the edge.

A snapshot is what kernels, paths and null models work on. It is a plain value: arrays that may be
memory-mapped, never a connection. Autapses are left out and counted; several rows of one ordered pair
cannot occur, since ``connections`` is unique per kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.ids import rows_of

Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A directed weighted graph without autapses or parallel edges.

    Node ``i`` is neuron ``root_ids[i]``; ids ascend. Edge ``e`` (0 .. m-1) is the e-th ordered pair in
    (pre, post) order: its source is the row of ``out_start`` it falls in, its target ``out_target[e]``,
    its weight ``weight[e]``. The incoming side holds the same edges by (post, pre), and ``in_edge``
    says which edge each of them is.
    """

    root_ids: npt.NDArray[np.uint64]
    """[n] ascending."""
    out_start: Ints64
    """[n + 1] row starts into out_target."""
    out_target: Ints32
    """[m] node numbers, ascending within a row."""
    weight: Floats
    """[m] in the order of out_target."""
    in_start: Ints64
    """[n + 1] row starts into in_source."""
    in_source: Ints32
    """[m] node numbers, ascending within a row."""
    in_edge: Ints32
    """[m] edge number of each incoming entry."""
    meta: dict[str, Any] = field(default_factory=dict)
    """Where it came from: dataset, materialization, kind, min_weight, autapses left out, content hash."""

    @property
    def n(self) -> int:
        """Number of neurons, isolated ones too."""
        return len(self.root_ids)

    @property
    def m(self) -> int:
        """Number of connections."""
        return len(self.out_target)

    @classmethod
    def from_edges(
        cls,
        root_ids: npt.NDArray[np.uint64],
        pre: npt.ArrayLike,
        post: npt.ArrayLike,
        weight: npt.ArrayLike | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Snapshot:
        """Build from node numbers of edges in any order.

        Args:
            root_ids: uint64 [n], strictly ascending.
            pre, post: integers [m], node numbers; autapses are dropped and counted in ``meta["autapses"]``.
            weight: numbers [m]; 1 each when absent.

        Raises:
            ValueError: ids that do not ascend, node numbers out of range, the same ordered pair twice.
        """
        n = len(root_ids)
        source = np.asarray(pre, dtype=np.int64)
        target = np.asarray(post, dtype=np.int64)
        values = np.ones(len(source)) if weight is None else np.asarray(weight, dtype=np.float64)
        if n > 1 and not np.all(root_ids[1:] > root_ids[:-1]):
            raise ValueError("root_ids must ascend strictly")
        if n >= 2**31 or len(source) >= 2**31:
            raise ValueError("a snapshot holds fewer than 2^31 nodes and edges")
        if len(source) and (min(source.min(), target.min()) < 0 or max(source.max(), target.max()) >= n):
            raise ValueError(f"edges name nodes outside 0..{n - 1}")
        loops = source == target
        dropped = int(loops.sum())
        if dropped:
            keep = ~loops
            source, target, values = source[keep], target[keep], values[keep]
        key = source * n + target
        if len(key) > 1 and not np.all(key[1:] > key[:-1]):
            order = np.argsort(key, kind="stable")
            source, target, values, key = source[order], target[order], values[order], key[order]
            if np.any(key[1:] == key[:-1]):
                raise ValueError("an ordered pair occurs twice; sum parallel connections first")
        out_start = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=n), out=out_start[1:])
        # A stable sort by target of edges in (source, target) order leaves sources ascending in each row.
        order = np.argsort(target, kind="stable")
        in_start = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(np.bincount(target, minlength=n), out=in_start[1:])
        return cls(
            root_ids=root_ids,
            out_start=out_start,
            out_target=target.astype(np.int32),
            weight=values,
            in_start=in_start,
            in_source=source[order].astype(np.int32),
            in_edge=order.astype(np.int32),
            meta={**(meta or {}), "autapses": dropped + int((meta or {}).get("autapses", 0))},
        )

    def sources(self) -> Ints32:
        """[m] source node of every edge, in edge order."""
        return np.repeat(np.arange(self.n, dtype=np.int32), np.diff(self.out_start))

    def indices_of(self, root_ids: npt.NDArray[np.uint64]) -> Ints64:
        """Node numbers of ids; -1 where the graph has no such neuron."""
        return rows_of(self.root_ids, root_ids)

    def edges_of(self, source: npt.NDArray[np.integer], target: npt.NDArray[np.integer]) -> Ints64:
        """Edge numbers of pairs of node numbers, in the shape of both; -1 where there is no such edge."""
        n = np.int64(self.n)
        return rows_of(self.sources() * n + self.out_target, source * n + target)

    def subset(
        self,
        neurons: npt.NDArray[Any] | None = None,
        edges: npt.NDArray[np.bool_] | None = None,
        min_weight: float | None = None,
    ) -> Snapshot:
        """The part of the graph that meets everything said; its ``meta`` is this one's.

        Args:
            neurons: node numbers, or a mask [n]: only these and the edges among them. All when None.
            edges: a mask [m]: only these, the neurons stay.
            min_weight: only edges of at least this weight, the neurons stay; kept in ``meta``.

        Raises:
            ValueError: a mask of another length, a node number out of range.
        """
        meta = self.meta if min_weight is None else {**self.meta, "min_weight": min_weight}
        if edges is not None and edges.shape != (self.m,):
            raise ValueError(f"a mask of shape {edges.shape} for {self.m} edges")
        if neurons is None:
            ids, edge, source = self.root_ids, np.arange(self.m), self.sources()
            target: npt.NDArray[np.integer] = self.out_target
        else:
            nodes = _nodes(neurons, self.n)
            ids, start = self.root_ids[nodes], self.out_start[nodes]
            degree = self.out_start[nodes + 1] - start
            # The rows of the chosen nodes alone: thousands of small parts must not each look at every edge.
            edge = np.arange(degree.sum()) + np.repeat(start - np.cumsum(degree) + degree, degree)
            source = np.repeat(np.arange(len(nodes), dtype=np.int32), degree)
            target = rows_of(nodes, self.out_target[edge])
            source, target, edge = source[target >= 0], target[target >= 0], edge[target >= 0]
        keep = np.ones(len(edge), dtype=np.bool_) if edges is None else edges[edge]
        if min_weight is not None:
            keep &= self.weight[edge] >= min_weight
        return Snapshot.from_edges(ids, source[keep], target[keep], self.weight[edge[keep]], meta)

    def __repr__(self) -> str:
        name = self.meta.get("dataset") or "graph"
        return f"<Snapshot of {name}: {self.n:,} neurons, {self.m:,} connections>"


def _nodes(neurons: npt.NDArray[Any], n: int) -> Ints32:
    """Node numbers, ascending and each once, of numbers or a mask."""
    if neurons.dtype == np.bool_:
        if neurons.shape != (n,):
            raise ValueError(f"a mask of shape {neurons.shape} for {n} neurons")
        return np.flatnonzero(neurons).astype(np.int32)
    nodes = np.unique(neurons)
    if len(nodes) and not 0 <= nodes[0] <= nodes[-1] < n:
        raise ValueError(f"neurons outside 0..{n - 1}")
    return nodes.astype(np.int32)

"""Where neurons stand in the wiring, and which have like partners: spectral coordinates and clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import one_of
from graphlab.circuits.weights.weights import require_connections
from graphlab.store import tables
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from graphlab.verbs.circuits.grouping.communities import connections_only
from graphlab.verbs.circuits.statistics import OF_WEIGHTS, connection_notes, texts
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    import pyarrow as pa
    from markupsafe import Markup

    from graphlab.circuits.communities.clusters import Clusters
    from queries.snapshot import Snapshot

DIRECTIONS = ("both", "outputs", "inputs")
MOST_DRAWN = 200


@dataclass(frozen=True, eq=False, repr=False)
class ClustersResult(CircuitResult):
    """The leaves of a dendrogram in order; its merges, and the cosines behind it."""

    found: Clusters | None = None
    merges: pa.Table | None = None
    """step, node, first, second, height, leaves: the rows of ``connectivity_merges``."""

    def figure(self) -> Markup:
        """Heat map of cosines in the order of the leaves, as SVG.

        Raises:
            AnalysisError: more than 200 leaves.
        """
        from graphlab.charts.analyses import Shade, heat_map

        assert self.found is not None
        names = [str(name) for name in self.table["item"].to_pylist()]
        if len(names) > MOST_DRAWN:
            raise AnalysisError(f"a heat map of {len(names):,} items; wanted at most {MOST_DRAWN}")
        values = self.found.cosine[np.ix_(self.found.order, self.found.order)]
        said = [[f"{a}, {b}: {values[i, k]:.3f}" for k, b in enumerate(names)] for i, a in enumerate(names)]
        return heat_map(names, names, values, said, "cosine of connectivity", Shade("cosine", 1.0))


class ClusterVerbs(CircuitVerbs):
    """Coordinates, and clusters of like partners."""

    def spectral(self, dimensions: int = 16, *, record: bool = True, **settings: Any) -> CircuitResult:
        """Coordinates of every neuron as sender and as receiver: singular vectors of the regularised wiring.

        Weights enter as log(1 + w) over the roots of both neurons' strengths (``statistics.spectral``); signs are
        fixed by the largest sender, so that the same wiring has the same coordinates.

        Args:
            dimensions: for senders, and as many for receivers.
            settings: of weights: kind, min_weight, within, proofread, compartment.

        Returns:
            root_id, direction (out, in), dimension, value; zeros beyond the rank of the wiring.

        Raises:
            AnalysisError: no connections, or fewer neurons than dimensions.
        """
        import pyarrow as pa

        from graphlab.statistics.spectral import spectral_embedding

        chosen = connections_only(self._settings, settings, "spectral")
        parameters = {"dimensions": dimensions, **{name: getattr(chosen, name) for name in OF_WEIGHTS}}
        run = self._start_run("spectral", parameters, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        values = spectral_embedding(weights.matrix(weights.graph.weight), dimensions)
        n, width = values.shape
        way = pa.DictionaryArray.from_arrays(
            pa.array(np.tile(np.repeat(np.arange(2, dtype=np.int8), dimensions), n)), ["out", "in"]
        )
        table = pa.table(
            {
                "root_id": pa.array(np.repeat(weights.graph.root_ids, width), pa.uint64()),
                "direction": way.cast(pa.string()),
                "dimension": pa.array(np.tile(np.arange(dimensions), 2 * n), pa.int64()),
                "value": pa.array(values.ravel(), pa.float64()),
            }
        )
        first = f"spectral coordinates: {dimensions} dimensions for senders (out) and {dimensions} for receivers (in)"
        notes = [f"{first} of {n:,} neurons, on log(1 + weight)", *connection_notes(weights)]
        return self._kept(run, table, "spectral_features", notes, {"neurons": n, "dimensions": dimensions})

    def connectivity_clusters(
        self,
        neurons: Any = None,
        by: str | None = None,
        *,
        direction: str = "both",
        linkage: str = "average",
        cut: float = 0.5,
        record: bool = True,
        **settings: Any,
    ) -> ClustersResult:
        """Cluster neurons, or types, by the cosine of what they send to and receive from others.

        Args:
            neurons: root_ids or criteria; all when None. 5,000 items at most.
            by: column of types: then types are clustered, by summed weight to and from types; neurons alone by weight
                to and from neurons.
            direction: both, outputs or inputs. linkage: average, complete or single.
            cut: height (1 - cosine) below which leaves are of one cluster.
            settings: of weights: kind, min_weight, within, proofread, compartment.

        Returns:
            position (along the leaves), item, root_id (null for types), neurons (of it), leaf (its node in
            ``merges``), cluster.

        Raises:
            AnalysisError: no connections, neurons or types to cluster, or too many. UnknownNameError: no such column.
        """
        import pyarrow as pa

        from graphlab.circuits.communities.clusters import connectivity_clusters

        one_of("direction", direction, DIRECTIONS)
        if not 0 <= cut <= 1:
            raise AnalysisError(f"cut is {cut}; wanted a height from 0 to 1 (1 - cosine)")
        chosen = connections_only(self._settings, settings, "clusters")
        parameters = {
            "neurons": self._choice("neurons", neurons), "by": by, "direction": direction, "linkage": linkage,
            "cut": float(cut), **{name: getattr(chosen, name) for name in OF_WEIGHTS},
        }  # fmt: skip
        run = self._start_run("connectivity_clusters", parameters, record=record)
        weights = self._read(chosen)
        require_connections(weights)
        graph, notes = weights.graph, list[str]()
        nodes = np.arange(graph.n) if neurons is None else self._nodes("neurons", neurons, weights)
        items = self._items(graph, nodes, by, notes)
        profiles = items.profiles(weights.matrix(graph.weight), direction)
        there = np.asarray(profiles.sum(axis=1)).ravel() > 0
        if not there.any():
            raise AnalysisError(f"none of the {len(there):,} items has {direction} to compare; choose others")
        if not there.all():
            alone = f"{int((~there).sum()):,} of {len(there):,} items have no connections"
            notes.append(f"{alone} ({_what(direction)}) and are left out")
        kept = np.flatnonzero(there)
        found = connectivity_clusters(profiles[kept], linkage)
        cluster, at = found.cut(cut), kept[found.order]
        table = pa.table(
            {
                "position": pa.array(np.arange(len(at)), pa.int64()),
                "item": pa.array([items.names[k] for k in at.tolist()], pa.string()),
                "root_id": items.root_ids(graph, at),
                "neurons": pa.array(items.sizes[at], pa.int64()),
                "leaf": pa.array(found.order, pa.int64()),
                "cluster": pa.array(cluster[found.order], pa.int64()),
            }
        )  # fmt: skip
        merges = _merges(found)
        first = (
            f"{len(at):,} {'neurons' if by is None else 'types'} by the cosine of {_what(direction)} ({linkage} "
            f"linkage): {int(cluster.max()) + 1:,} clusters below a height of {cut:g}"
        )
        notes = [first, *notes, *connection_notes(weights)]
        whole = pa.concat_tables([table, merges], promote_options="default").combine_chunks()
        run.finish(whole, {"connectivity_clusters": table, "connectivity_merges": merges}, whole, "; ".join(notes))
        return ClustersResult(
            table, run_id=run.run_id, stored="connectivity_clusters", notes=tuple(notes), found=found, merges=merges,
            about={"items": len(at), "clusters": int(cluster.max()) + 1},
        )  # fmt: skip

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        own: dict[str, Callable[..., object]] = {
            "spectral": self.spectral,
            "connectivity_clusters": self.connectivity_clusters,
        }
        return {**super().repeatable(), **own}

    def _items(self, graph: Snapshot, nodes: npt.NDArray[np.int64], by: str | None, notes: list[str]) -> _Items:
        if by is None:
            return _Items(
                [str(one) for one in graph.root_ids[nodes].tolist()], np.ones(len(nodes), np.int64), nodes, None
            )
        labels = texts(tables.neuron_values(self._folder, graph, by))
        untyped = sum(label is None for label in labels)
        names = sorted({labels[k] for k in nodes.tolist()} - {None})
        if not names:
            raise AnalysisError(
                f"none of the {len(nodes):,} neurons has a value in the column {by!r}; ingest neurons with it "
                f'(columns="{by}=THEIRS"), or name another column with by='
            )
        if untyped:
            notes.append(f"{untyped:,} of {graph.n:,} neurons have no {by}; connections with them are left out")
        every = sorted({label for label in labels if label is not None})
        place = {name: k for k, name in enumerate(every)}
        group = np.array([-1 if label is None else place[label] for label in labels], dtype=np.int64)
        chosen = np.zeros(graph.n, np.bool_)
        chosen[nodes] = True
        item = np.where(chosen, group, -1)
        at = np.array([place[str(name)] for name in names])
        sizes = np.bincount(item[item >= 0], minlength=len(every))[at]
        return _Items([str(name) for name in names], sizes, None, (item, group, at))


@dataclass(frozen=True, eq=False)
class _Items:
    """What is clustered."""

    names: list[str]
    sizes: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int64] | None
    """Of neurons; None for types."""
    groups: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]] | None
    """[n] type of each chosen neuron, [n] type of each neuron (-1 for none), and the types that are items."""

    def root_ids(self, graph: Snapshot, at: npt.NDArray[np.int64]) -> pa.Array:
        """Of the items ``at``; nulls for types."""
        import pyarrow as pa

        if self.nodes is None:
            return pa.nulls(len(at), pa.uint64())
        return pa.array(graph.root_ids[self.nodes[at]], pa.uint64())

    def profiles(self, weight: Any, direction: str) -> Any:
        """[items, features] in compressed sparse rows."""
        from scipy import sparse

        n = weight.shape[0]
        if self.groups is None:
            assert self.nodes is not None
            sent, received = weight[self.nodes], sparse.csr_array(weight.T)[self.nodes]
        else:
            item, group, at = self.groups
            width = int(group.max()) + 1
            own, all_types = (
                sparse.csr_array((np.ones((g >= 0).sum()), (np.flatnonzero(g >= 0), g[g >= 0])), shape=(n, width))
                for g in (item, group)
            )
            sent = sparse.csr_array(own.T @ weight @ all_types)[at]
            received = sparse.csr_array(own.T @ weight.T @ all_types)[at]
        parts = {"outputs": [sent], "inputs": [received], "both": [sent, received]}[direction]
        return sparse.csr_array(sparse.hstack(parts))


def _what(direction: str) -> str:
    return {"both": "outputs and inputs"}.get(direction, direction)


def _merges(found: Clusters) -> pa.Table:
    import pyarrow as pa

    count = len(found.merges)
    low, high = np.sort(found.merges[:, :2], axis=1).astype(np.int64).T if count else (np.empty(0, np.int64),) * 2
    return pa.table(
        {
            "step": pa.array(np.arange(count), pa.int64()),
            "node": pa.array(np.arange(count) + count + 1, pa.int64()),
            "first": pa.array(low, pa.int64()),
            "second": pa.array(high, pa.int64()),
            "height": pa.array(found.merges[:, 2], pa.float64()),
            "leaves": pa.array(found.merges[:, 3].astype(np.int64), pa.int64()),
        }
    )

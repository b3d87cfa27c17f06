"""From snapshots, tables and embeddings to what predictors see: layers of edges, node features, pair features.

Nothing here looks at a label. The wiring is seen whole, test neurons too: it is the input, and cards say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.windows import Windows
from graphlab.statistics.spectral import spectral_embedding
from ingest.schema.errors import AnalysisError, MissingExtraError, SchemaError
from ingest.schema.ids import rows_of
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

RootIds = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class FeatureColumns:
    """Named numbers of k things, each column of one family (wiring, distance, embeddings, identity)."""

    values: Floats
    """[k, columns]"""
    names: tuple[str, ...]
    families: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.values.shape[1] == len(self.names) == len(self.families), self.names
        bad = ~np.isfinite(self.values)
        if bad.any():
            row, column = (int(k) for k in np.argwhere(bad)[0])
            raise SchemaError(
                f"feature {self.names[column]!r} is {self.values[row, column]} in row {row} ({int(bad.sum()):,} such "
                "values in all); fill it, or leave these neurons out"
            )

    def of(self, *families: str) -> FeatureColumns:
        """Only the columns of these families."""
        keep = [k for k, family in enumerate(self.families) if family in families]
        return FeatureColumns(self.values[:, keep], *(tuple(t[k] for k in keep) for t in (self.names, self.families)))

    def rows(self, rows: Ints) -> FeatureColumns:
        """The same columns of some of the things."""
        return FeatureColumns(self.values[rows], self.names, self.families)

    def without(self, family: str) -> FeatureColumns:
        """All columns but those of one family: what leaving it out costs is its importance."""
        return self.of(*(set(self.families) - {family}))

    def beside(self, other: FeatureColumns) -> FeatureColumns:
        """Both, columns of ``other`` last."""
        values = np.hstack([self.values, other.values])
        return FeatureColumns(values, self.names + other.names, self.families + other.families)


def no_columns(rows: int) -> FeatureColumns:
    """No features of ``rows`` things."""
    return FeatureColumns(np.empty((rows, 0)), (), ())


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that a predictor may look at, over n neurons and m examples."""

    root_ids: RootIds
    """[n] ascending."""
    layers: Mapping[str, sparse.csr_array]
    """kind -> weights [n, n], row = pre, column = post."""
    node: FeatureColumns
    """[n, ...] of every neuron."""
    pair: FeatureColumns
    """[m, ...] of every example; no columns in a node task."""
    source: Ints
    """[m] node numbers of the examples' first neurons."""
    target: Ints
    """[m] and second ones; the same in a node task."""
    group: Ints
    """[n] homologue class, for baselines that know nothing but who it is."""
    total_in: Floats
    """[n] synapses received before any filter: denominators of input fractions."""
    position_nm: Floats | None = None
    sign: Floats | None = None
    """[n] 1 excitatory, -1 inhibitory, 0 unknown: of the transmitter a neuron makes."""
    notes: list[str] = field(default_factory=list)
    windows: Windows | None = None
    """The embeddings of every neuron's windows, in tasks that look at them."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything by name, for the check that no input knows a held-out label."""
        arrays: dict[str, npt.NDArray[Any]] = {"node": self.node.values, "pair": self.pair.values}
        for kind, weight in self.layers.items():
            arrays[f"{kind} weights"] = weight.data
            arrays[f"{kind} targets"] = weight.indices
        if self.windows is not None:
            arrays |= {"windows": self.windows.vectors, "first windows": self.windows.first}
        return arrays


def layer(snapshot: Snapshot, root_ids: RootIds) -> sparse.csr_array:
    """Weights [n, n] among ``root_ids`` (ascending); edges of neurons that are not among them are left out."""
    n = len(root_ids)
    place = rows_of(root_ids, snapshot.root_ids)
    pre, post = place[snapshot.sources()], place[snapshot.out_target]
    kept = (pre >= 0) & (post >= 0)
    return sparse.csr_array((snapshot.weight[kept], (pre[kept], post[kept])), shape=(n, n))


def input_fractions(weight: sparse.csr_array, total_in: Floats) -> sparse.csr_array:
    """Each weight over all that the receiving neuron received; neurons whose total is 0 or unknown get 0."""
    share = np.divide(1.0, total_in, out=np.zeros(len(total_in)), where=np.nan_to_num(total_in) > 0)
    return sparse.csr_array(weight @ sparse.diags_array(share))


def wiring_columns(layers: Mapping[str, sparse.csr_array], dimensions: int) -> FeatureColumns:
    """Degrees, strengths and a spectral embedding of every neuron, layer by layer; logarithms of counts."""
    values, names = [], []
    for kind, weight in layers.items():
        there = sparse.csr_array((np.sign(np.abs(weight.data)), weight.indices, weight.indptr), shape=weight.shape)
        for what, matrix in (("degree", there), ("strength", weight)):
            for way, axis in (("out", 1), ("in", 0)):
                values.append(np.log1p(np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()))
                names.append(f"{kind}_{way}_{what}")
        # A graph of few neurons has fewer coordinates to give.
        coordinates = min(dimensions, max(weight.shape[0] - 2, 0))
        if coordinates:
            spectral = spectral_embedding(weight, coordinates)
            values += list(spectral.T)
            names += [f"{kind}_spectral_{way}_{k}" for way in ("out", "in") for k in range(coordinates)]
    return FeatureColumns(np.stack(values, axis=1), tuple(names), ("wiring",) * len(names))


def embedding_columns(vectors: Floats) -> FeatureColumns:
    """Vectors [n, width] of neurons, standardised; a neuron without one (all NaN) gets the mean and says so.

    Raises:
        AnalysisError: no neuron has a vector. SchemaError: a vector with some numbers missing.
    """
    missing = np.isnan(vectors).all(axis=1)
    if missing.all():
        raise AnalysisError("no neuron of this graph has an embedding; join embeddings first (graph.embeddings.join())")
    known = vectors[~missing]
    spread = known.std(axis=0)
    scaled = np.zeros(vectors.shape)
    scaled[~missing] = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    names = tuple(f"embedding_{k}" for k in range(vectors.shape[1]))
    columns = FeatureColumns(scaled, names, ("embeddings",) * len(names))
    if missing.any():
        columns = columns.beside(FeatureColumns((~missing).astype(float)[:, None], ("has_embedding",), ("embeddings",)))
    return columns


def hetero_data(inputs: Inputs) -> HeteroData:
    """The same graph for torch_geometric: node type ``neuron``, one edge type for each kind of connection.

    ``edge_attr`` float32 [edges, 4]: log(1 + weight), input fraction, distance in um, sign of the sender; the last
    two are 0 where the graph does not know them, and ``edge_attr_names`` tells the order. Edges by (pre, post).

    Raises:
        MissingExtraError: torch_geometric is not installed.
    """
    try:
        import torch
        from torch_geometric.data import HeteroData
    except ImportError:
        raise MissingExtraError("torch_geometric", "gnn") from None
    data = HeteroData()
    data["neuron"].x = torch.from_numpy(inputs.node.values.astype(np.float32))
    data["neuron"].group = torch.from_numpy(inputs.group.astype(np.int64))
    for kind, weight in inputs.layers.items():
        ordered = weight.tocoo()
        pre, post = (np.asarray(k, dtype=np.int64) for k in (ordered.row, ordered.col))
        distance = np.zeros(len(pre))
        if inputs.position_nm is not None:
            apart = np.linalg.norm(inputs.position_nm[pre] - inputs.position_nm[post], axis=1)
            distance = np.nan_to_num(apart) / 1e3
        sign = np.zeros(len(pre)) if inputs.sign is None else inputs.sign[pre]
        share = np.divide(
            ordered.data, inputs.total_in[post], out=np.zeros(len(pre)), where=np.nan_to_num(inputs.total_in[post]) > 0
        )
        attributes = np.stack([np.log1p(ordered.data), share, distance, sign], axis=1)
        edges = data["neuron", kind, "neuron"]
        edges.edge_index = torch.from_numpy(np.stack([pre, post]))
        edges.edge_attr = torch.from_numpy(attributes.astype(np.float32))
        edges.edge_attr_names = ["log_weight", "input_fraction", "distance_um", "sign"]
    return data

"""A graph as networks take it, whole or around a batch: sparse matrices of ours, or edge lists of torch_geometric."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from scipy import sparse
from torch import nn

from graphlab.predict.inputs.directed import directed_matrices
from graphlab.predict.inputs.examples import Floats
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.networks import graph as networks
from graphlab.predict.learners.training.sampling import CSREdges, Sample, part_of
from ingest.schema.errors import AnalysisError, MissingExtraError


class NetworkEdges(Protocol):
    """What a network is called with beside the values of neurons."""

    def whole(self, device: torch.device) -> Any:
        """Every edge."""

    def rows(self) -> list[CSREdges]:
        """Kinds of edges by receiver, for the sampler."""

    def part(self, sample: Sample, device: torch.device) -> Any:
        """The edges of a sample, nodes numbered as in it."""


class Matrices:
    """Directed, row-normalised matrices of every kind of connection (``inputs.directed``)."""

    def __init__(self, layers: Mapping[str, sparse.csr_array], sign: Floats | None = None) -> None:
        self.matrices = list(directed_matrices(layers, sign).values())
        if not self.matrices:
            raise AnalysisError("no connections between these neurons: nothing for a graph network to read")
        self._rows = [CSREdges.of(matrix) for matrix in self.matrices]
        self._whole: tuple[torch.device, list[networks.Pair]] | None = None

    def whole(self, device: torch.device) -> list[networks.Pair]:
        if self._whole is None or self._whole[0] != device:
            self._whole = (device, [_on(matrix, device) for matrix in self.matrices])
        return self._whole[1]

    def rows(self) -> list[CSREdges]:
        return self._rows

    def part(self, sample: Sample, device: torch.device) -> list[networks.Pair]:
        kinds = zip(self.matrices, sample.edges, strict=True)
        return [_on(part_of(matrix, drawn, len(sample.node)), device) for matrix, drawn in kinds]


def wiring_of(layers: str, inputs: Inputs) -> NetworkEdges:
    """``sparse``, ``sage`` or ``gine``.

    Raises:
        MissingExtraError: torch_geometric is not installed. AnalysisError: no connections; another name.
    """
    if layers == "sparse":
        return Matrices(inputs.layers, inputs.sign)
    if layers not in ("sage", "gine"):
        raise AnalysisError(f"no layers {layers!r}; choose among sparse, sage, gine")
    wiring: NetworkEdges = _geometric().EdgeLists(inputs)
    return wiring


def network_of(layers: str, kinds: int, inputs: int, width: int, outputs: int, depth: int, dropout: float) -> nn.Module:
    """A network for ``kinds`` of edges (``Wiring.rows``): values [n, inputs] and edges to [n, outputs]."""
    if layers == "sparse":
        return networks.GraphNetwork(inputs, width, outputs, kinds, depth, dropout)
    network: nn.Module = _geometric().GeometricNetwork(layers, inputs, width, outputs, kinds, depth, dropout)
    return network


def kinds_of(layers: str, weights: Mapping[str, torch.Tensor]) -> int:
    """How many kinds of edges a network reads, from its weights; 0 where they say nothing."""
    if layers == "sparse":
        first = weights.get("layers.0.weight")
        return 0 if first is None or first.ndim != 3 else first.shape[0]
    return len({name.split(".")[2] for name in weights if name.startswith("layers.0.")})


def _geometric() -> Any:
    try:
        with warnings.catch_warnings():
            # torch warns of an old way to compile that torch_geometric still offers.
            warnings.filterwarnings("ignore", message="`torch.jit.script`", category=DeprecationWarning)
            from graphlab.predict.learners.networks import geometric
    except ImportError:
        raise MissingExtraError("torch_geometric", "gnn") from None
    return geometric


def _on(matrix: sparse.csr_array, device: torch.device) -> networks.Pair:
    forward, back = networks.SparseMatrix.of(matrix), networks.SparseMatrix.of(sparse.csr_array(matrix.T))
    return forward.to(device), back.to(device)

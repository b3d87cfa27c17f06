"""SAGE and GINE with torch_geometric's own layers, on the edge lists of ``features.hetero_data``.

Hamilton, Ying & Leskovec 2017 (NeurIPS): means of partners, weights unseen. Hu et al. 2020 (ICLR): partners plus what
is known of each connection, through a small network. Both directions of a kind have layers of their own; GINE takes
means and not sums, since neurons with thousands of partners stand beside neurons with ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch_geometric.nn import GINEConv, SAGEConv

from graphlab.predict.inputs.features import Inputs, hetero_data
from graphlab.predict.learners.training.sampling import CSREdges, Sample
from ingest.schema.errors import AnalysisError


@dataclass(frozen=True, eq=False)
class Edges:
    """One kind of edge in one direction."""

    index: torch.Tensor
    """[2, edges] sender and receiver."""
    attributes: torch.Tensor
    """[edges, 4] of ``features.hetero_data``."""


class EdgeLists:
    """Every kind of connection as two edge lists, one for each direction, by receiver."""

    def __init__(self, inputs: Inputs) -> None:
        data = hetero_data(inputs)
        self.edges, self._rows = [], []
        n = len(inputs.root_ids)
        for kind in data.edge_types:
            store = data[kind]
            for index in (store.edge_index, store.edge_index.flip(0)):
                order = torch.from_numpy(np.lexsort((index[0].numpy(), index[1].numpy())))
                edges = Edges(index[:, order], store.edge_attr[order])
                if not edges.index.shape[1]:
                    continue
                self.edges.append(edges)
                pointer = np.concatenate([[0], np.cumsum(np.bincount(edges.index[1].numpy(), minlength=n))])
                self._rows.append(CSREdges(pointer.astype(np.int64), edges.index[0].numpy().astype(np.int32)))
        if not self.edges:
            raise AnalysisError("no connections between these neurons: nothing for a graph network to read")

    def whole(self, device: torch.device) -> list[Edges]:
        return [Edges(edges.index.to(device), edges.attributes.to(device)) for edges in self.edges]

    def rows(self) -> list[CSREdges]:
        return self._rows

    def part(self, sample: Sample, device: torch.device) -> list[Edges]:
        parts = []
        for edges, drawn in zip(self.edges, sample.edges, strict=True):
            index = torch.from_numpy(np.stack([drawn.sender, drawn.receiver]).astype(np.int64))
            parts.append(Edges(index.to(device), edges.attributes[torch.from_numpy(drawn.place)].to(device)))
        return parts


class GeometricNetwork(nn.Module):
    """Layers of torch_geometric, one for each edge list, and a linear answer that sees inputs and every layer."""

    def __init__(
        self, layers: str, inputs: int, width: int, outputs: int, kinds: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        self.own, self.layers = nn.ModuleList(), nn.ModuleList()
        for k in range(depth):
            columns = inputs if k == 0 else width
            self.own.append(nn.Linear(columns, width))
            self.layers.append(nn.ModuleList([_layer(layers, columns, width) for _ in range(kinds)]))
        self.answer = nn.Linear(inputs + depth * width, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor, edges: list[Edges]) -> torch.Tensor:
        seen, state = [values], values
        for own, layers in zip(self.own, self.layers, strict=True):
            read = self.dropout(state)
            state = own(read)
            assert isinstance(layers, nn.ModuleList)
            for layer, kind in zip(layers, edges, strict=True):
                known = (kind.attributes,) if isinstance(layer, GINEConv) else ()
                state = state + layer(read, kind.index, *known)
            state = torch.relu(state)
            seen.append(state)
        output: torch.Tensor = self.answer(self.dropout(torch.cat(seen, dim=1)))
        return output


def _layer(layers: str, inputs: int, width: int) -> nn.Module:
    if layers == "sage":
        return SAGEConv(inputs, width, root_weight=False)  # type: ignore[no-any-return]
    inner = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))
    return GINEConv(inner, edge_dim=4, aggr="mean")  # type: ignore[no-any-return]

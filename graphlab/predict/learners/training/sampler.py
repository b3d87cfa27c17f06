"""Our sampler where torch_geometric's loaders look for theirs, which needs compiled extras that have no wheels.

``NodeLoader(data, node_sampler=CsrSampler(data, [10, 5]), batch_size=512, num_workers=2)`` works from plain wheels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
    SamplerOutput,
)

from graphlab.predict.learners.training.sampling import CSREdges, Drawn, batch_key, sample
from ingest.schema.errors import AnalysisError


class CsrSampler(BaseSampler):  # type: ignore[misc]
    """Senders of each receiver, hop by hop, at most ``fanouts[h]`` of every kind of edge.

    Args:
        data: homogeneous, or heterogeneous with one type of node (as ``features.hetero_data`` makes it).
        seed: with it and ``epoch``, a batch of the same nodes is the same sample, in whatever worker.

    Raises:
        AnalysisError: several types of nodes; fan-outs as in ``sampling.sample``.
    """

    def __init__(self, data: Data | HeteroData, fanouts: Sequence[int], seed: int = 0) -> None:
        self.fanouts, self.seed, self.epoch = tuple(fanouts), seed, 0
        self.types: list[Any] = [None]
        self.node_type: str | None = None
        stores: list[Any] = [data]
        if isinstance(data, HeteroData):
            if len(data.node_types) != 1:
                raise AnalysisError(f"sampling wants one type of node; found {', '.join(data.node_types) or 'none'}")
            self.types, self.node_type = list(data.edge_types), data.node_types[0]
            stores = [data[kind] for kind in self.types]
        self.kinds, self.order = [], []
        for store in stores:
            sender, receiver = store.edge_index.numpy()
            order = np.lexsort((sender, receiver))
            pointer = np.concatenate([[0], np.cumsum(np.bincount(receiver, minlength=data.num_nodes))])
            self.kinds.append(CSREdges(pointer.astype(np.int64), sender[order].astype(np.int32)))
            self.order.append(order)

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> SamplerOutput | HeteroSamplerOutput:
        """The sample around a batch, its nodes first."""
        nodes = index.node.numpy().astype(np.int64)
        sampled = sample(self.kinds, nodes, self.fanouts, batch_key(nodes, self.seed, self.epoch))
        node, metadata = torch.from_numpy(sampled.node), (index.input_id, index.time)
        parts = [self._tensors(*both) for both in zip(sampled.edges, self.order, strict=True)]
        row, col, edge = zip(*parts, strict=True)
        if self.node_type is None:
            return SamplerOutput(
                node, row[0], col[0], edge[0], None, list(sampled.hops), list(sampled.edges[0].hops), metadata=metadata
            )
        by_type = [dict(zip(self.types, part, strict=True)) for part in (row, col, edge)]
        return HeteroSamplerOutput(
            {self.node_type: node},
            *by_type,
            None,
            {self.node_type: list(sampled.hops)},
            {kind: list(drawn.hops) for kind, drawn in zip(self.types, sampled.edges, strict=True)},
            metadata=metadata,
        )

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None) -> Any:
        """Not for edges: a pair's neurons are nodes, and samples around both answer for the pair."""
        raise AnalysisError("this sampler draws around nodes; hand NodeLoader the nodes at both ends of the edges")

    @staticmethod
    def _tensors(drawn: Drawn, order: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return (
            torch.from_numpy(drawn.sender.astype(np.int64)),
            torch.from_numpy(drawn.receiver.astype(np.int64)),
            torch.from_numpy(order[drawn.place]),
        )

"""Embeddings of a made connectome in SegCLR's shape: several nodes a neuron, a vector a node.

A vector is the centroid of the neuron's type, plus the hidden trait along one axis orthogonal to all centroids,
plus noise of the neuron and of the node. The trait is drawn apart from type, place and wiring: it can be read
from embeddings and from nothing else that a graph holds, except the gain it gives the neuron's activity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.schema.errors import AnalysisError
from ingest.synthetic.neurons import EMBEDDINGS, VOLUME_NM, Floats, Neurons, Seeds

CENTROID_LENGTH = 3.0
TRAIT_LENGTH = 1.0
NEURON_NOISE = 0.4
NODE_NOISE = 0.4
STEP_NM = 3_000.0
BLOCK_NODES = 16_384


@dataclass(frozen=True)
class SyntheticEmbeddings:
    """A recipe for the vectors of ``neurons``; drawn a block of neurons at a time."""

    neurons: Neurons
    seeds: Seeds
    width: int
    nodes: int
    """Nodes a neuron."""
    centroids: Floats
    """``[types, width]``"""
    trait_axis: Floats
    """``[width]``, of length 1."""

    @classmethod
    def of(cls, neurons: Neurons, width: int, nodes: int, seeds: Seeds) -> SyntheticEmbeddings:
        """Orthogonal centroids and trait axis.

        Raises:
            AnalysisError: fewer dimensions than types and one.
        """
        types = len(neurons.type_names)
        if width <= types:
            raise AnalysisError(
                f"width: found {width} for {types} types; wanted at least {types + 1}, one axis a type and one more"
            )
        # Block 0 of the stream is the recipe's, blocks of neurons count from 1.
        axes, _ = np.linalg.qr(seeds.generator(EMBEDDINGS).normal(size=(width, types + 1)))
        return cls(neurons, seeds, width, nodes, CENTROID_LENGTH * axes[:, :types].T, axes[:, types])

    def schema(self) -> pa.Schema:
        position = [(f"{axis}_nm", pa.float32()) for axis in "xyz"]
        vector = pa.list_(pa.float32(), self.width)
        return pa.schema([("root_id", pa.uint64()), ("node_id", pa.uint64()), *position, ("vector", vector)])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``embeddings``, sorted by root_id and node_id."""
        size = max(1, BLOCK_NODES // self.nodes)
        for number, first in enumerate(range(0, len(self.neurons), size)):
            yield self._block(self.seeds.generator(EMBEDDINGS, number + 1), slice(first, first + size))

    def _block(self, rng: np.random.Generator, rows: slice) -> pa.RecordBatch:
        ids, nodes = self.neurons.root_ids[rows], self.nodes
        walk = np.cumsum(rng.normal(0.0, STEP_NM, size=(len(ids), nodes, 3)), axis=1)
        place = np.clip(self.neurons.position_nm[rows, None] + walk, 0.0, VOLUME_NM).astype(np.float32)
        own = self.centroids[self.neurons.type_of[rows]]
        own = own + TRAIT_LENGTH * self.neurons.trait[rows, None] * self.trait_axis
        own = own + rng.normal(0.0, NEURON_NOISE, size=own.shape)
        vectors = (own[:, None] + rng.normal(0.0, NODE_NOISE, size=(len(ids), nodes, self.width))).astype(np.float32)
        arrays = [
            pa.array(np.repeat(ids, nodes)),
            pa.array(np.tile(np.arange(nodes, dtype=np.uint64), len(ids))),
            *(pa.array(np.ascontiguousarray(place[..., axis]).ravel()) for axis in range(3)),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self.width),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema())

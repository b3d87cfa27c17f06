"""The wiring of a made connectome, streamed: a block of presynaptic neurons at a time.

Neuron i connects to neuron j with probability

    p(i, j) = 1 - exp(-rate * out_i * affinity[type_i, type_j] * exp(-distance_ij / length)),

and every connection so drawn is answered by one from j to i with probability ``reciprocity``. The number of
synapses of a connection is a rounded log-normal, at least 1, cut below half of ``PLANTED_WEIGHT``. Planted
feed-forward loops (a -> b, a -> c, b -> c) have ``PLANTED_WEIGHT`` synapses a connection and more, so asking for
loops of that weight finds exactly them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.schema.errors import AnalysisError
from ingest.synthetic.neurons import RATE, VOLUME_NM, WIRING, Floats, Ints, Neurons, Seeds, named

PLANTED_WEIGHT = 100
LARGEST_WEIGHT = PLANTED_WEIGHT // 2 - 1
"""A pair may be drawn twice, once by each of its neurons: the sum must stay below PLANTED_WEIGHT."""
LENGTH_NM = 60_000.0
LOG_MEAN, LOG_SD = 1.0, 0.9
JITTER_NM = 2_000.0
NEUROPILS = ("LOBE_L", "CENTER", "LOBE_R")
BLOCK_SYNAPSES = 65_536
SAMPLED_PAIRS = 1 << 20
DENSEST = 0.5

SCHEMA = pa.schema(
    [
        ("synapse_id", pa.uint64()),
        ("pre_root_id", pa.uint64()),
        ("post_root_id", pa.uint64()),
        ("x_nm", pa.float64()),
        ("y_nm", pa.float64()),
        ("z_nm", pa.float64()),
        ("score", pa.float64()),
        ("neuropil", pa.string()),
        ("size", pa.float64()),
    ]
)


def mean_weight() -> float:
    """Expected synapses of a connection: the sum over k of P(weight > k) of the rounded, cut log-normal."""
    cuts = np.log(np.arange(1, LARGEST_WEIGHT) + 0.5)
    tail = [0.5 * math.erfc((cut - LOG_MEAN) / (LOG_SD * math.sqrt(2))) for cut in cuts]
    return 1.0 + math.fsum(tail)


@dataclass(frozen=True)
class SyntheticWiring:
    """A recipe for the synapses between ``neurons``; nothing is drawn until asked."""

    neurons: Neurons
    seeds: Seeds
    rate: float
    reciprocity: float
    planted: Ints
    """``[instances, 3]`` neuron indices a, b, c; no neuron is in two instances."""
    block: int
    """Presynaptic neurons a block."""

    @classmethod
    def of(cls, neurons: Neurons, synapses: int, reciprocity: float, instances: int, seeds: Seeds) -> SyntheticWiring:
        """The recipe whose expected number of synapses is ``synapses``.

        Raises:
            AnalysisError: so many synapses that more than half of all pairs would connect, or too few.
        """
        rng = seeds.generator(RATE)
        planted = rng.choice(len(neurons), size=(instances, 3), replace=False)
        wanted = (synapses - instances * 3 * PLANTED_WEIGHT) / (mean_weight() * (1.0 + reciprocity))
        pairs = len(neurons) * (len(neurons) - 1)
        if not 1.0 <= wanted <= DENSEST * pairs:
            most = int(DENSEST * pairs * mean_weight() * (1.0 + reciprocity)) + instances * 3 * PLANTED_WEIGHT
            raise AnalysisError(
                f"synapses: found {synapses:,} for {len(neurons):,} neurons with {instances} planted motifs; wanted "
                f"more than {instances * 3 * PLANTED_WEIGHT:,} (the motifs' own) and at most {most:,}"
            )
        rate = _rate(neurons, wanted / pairs, rng)
        block = max(1, BLOCK_SYNAPSES * len(neurons) // synapses)
        return cls(neurons, seeds, rate, reciprocity, planted, block)

    def blocks(self) -> int:
        return -(-len(self.neurons) // self.block)

    def connections(self, block: int) -> tuple[Ints, Ints, Ints]:
        """Connections drawn by one block of neurons: pre, post (indices) and weight, each ``[m]``.

        Answers to a block's connections come with it, so a pair may come again in another block; weights add.
        """
        rng = self.seeds.generator(WIRING, block)
        pre, post = self._drawn(block, rng)
        answered = rng.random(len(pre)) < self.reciprocity
        pre, post = np.concatenate([pre, post[answered]]), np.concatenate([post, pre[answered]])
        weight = _weights(len(pre), rng)
        first, last = block * self.block, (block + 1) * self.block
        a, b, c = self.planted[(self.planted[:, 0] >= first) & (self.planted[:, 0] < last)].T
        return (
            np.concatenate([pre, a, a, b]),
            np.concatenate([post, b, c, c]),
            np.concatenate([weight, np.full(3 * len(a), PLANTED_WEIGHT)]),
        )

    def _drawn(self, block: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Unique pairs by thinning: Poisson candidates for each type, kept with the chance of their distance."""
        neurons, types = self.neurons, len(self.neurons.type_names)
        members, first_member, sizes = self._members
        sources = np.arange(block * self.block, min((block + 1) * self.block, len(neurons)))
        expected = (
            self.rate * neurons.out_propensity[sources, None] * neurons.affinity[neurons.type_of[sources]] * sizes
        )
        candidates = rng.poisson(expected).ravel()
        pre = np.repeat(np.repeat(sources, types), candidates)
        of_type = np.repeat(np.tile(np.arange(types), len(sources)), candidates)
        post = members[first_member[of_type] + (rng.random(len(pre)) * sizes[of_type]).astype(np.int64)]
        near = rng.random(len(pre)) < np.exp(-distances(neurons, pre, post) / LENGTH_NM)
        kept = near & (pre != post)
        key = np.unique(pre[kept] * len(neurons) + post[kept])
        return key // len(neurons), key % len(neurons)

    @cached_property
    def _members(self) -> tuple[Ints, Ints, Ints]:
        """Neurons ordered by type, where each type begins, and its size."""
        sizes = np.bincount(self.neurons.type_of, minlength=len(self.neurons.type_names))
        return np.argsort(self.neurons.type_of, kind="stable"), np.cumsum(sizes) - sizes, sizes

    def synapses(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``synapses``, one batch a block; ids count from 1."""
        next_id = 1
        for block in range(self.blocks()):
            pre, post, weight = self.connections(block)
            batch = self._rows(np.repeat(pre, weight), np.repeat(post, weight), next_id, block)
            next_id += batch.num_rows
            yield batch

    def _rows(self, pre: Ints, post: Ints, next_id: int, block: int) -> pa.RecordBatch:
        # Its own stream (numbered after all the blocks'): who connects does not hang on where synapses lie.
        rng = self.seeds.generator(WIRING, self.blocks() + block)
        start, end = self.neurons.position_nm[pre], self.neurons.position_nm[post]
        # Most synapses lie on the dendrite, near the receiving neuron.
        along = rng.uniform(0.5, 1.0, size=(len(pre), 1))
        point = start + along * (end - start) + rng.normal(0.0, JITTER_NM, size=(len(pre), 3))
        point = np.clip(np.rint(point), 0.0, VOLUME_NM)
        x, y, z = (np.ascontiguousarray(axis) for axis in point.T)
        where = np.minimum((x / VOLUME_NM[0] * 3).astype(np.int64), 2)
        arrays = [
            pa.array(np.arange(next_id, next_id + len(pre), dtype=np.uint64)),
            pa.array(self.neurons.root_ids[pre]),
            pa.array(self.neurons.root_ids[post]),
            *(pa.array(axis) for axis in (x, y, z)),
            pa.array(np.rint(rng.beta(6.0, 2.0, size=len(pre)) * 255.0)),
            named(NEUROPILS, where),
            pa.array(np.rint(rng.lognormal(6.0, 0.8, size=len(pre)))),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def distances(neurons: Neurons, pre: Ints, post: Ints) -> Floats:
    """Distances in nm between the neurons' positions."""
    apart = neurons.position_nm[pre] - neurons.position_nm[post]
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", apart, apart)))


def strength(neurons: Neurons, pre: Ints, post: Ints) -> Floats:
    """What ``rate`` is multiplied with in p(i, j)."""
    near = np.exp(-distances(neurons, pre, post) / LENGTH_NM)
    kinds = neurons.affinity[neurons.type_of[pre], neurons.type_of[post]]
    return np.asarray(neurons.out_propensity[pre] * kinds * near)


def _weights(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    drawn = np.rint(np.exp(rng.normal(LOG_MEAN, LOG_SD, size=count)))
    return np.clip(drawn, 1, LARGEST_WEIGHT).astype(np.int64)


def _rate(neurons: Neurons, density: float, rng: np.random.Generator) -> float:
    """The rate at which a share ``density`` of all pairs connects, by bisection over pairs drawn at random."""
    pre = rng.integers(0, len(neurons), size=SAMPLED_PAIRS)
    post = (pre + rng.integers(1, len(neurons), size=SAMPLED_PAIRS)) % len(neurons)
    factor = strength(neurons, pre, post)
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if -np.expm1(-math.exp(middle) * factor).mean() < density else (low, middle)
    return math.exp(low)

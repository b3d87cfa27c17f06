"""Responses of a made connectome to stimulation, one neuron at a time: measured, so that silence is known as well.

A recorded neuron is held at 1 and the others follow the equation of ``synthetic_activity`` without its noise:

    x_i(t+1) = LEAK x_i(t) + gain_i sum_j S_ij x_j(t)    for i other than the stimulated neuron.

What is measured of i is x_i after ``HELD_FRAMES`` plus noise, and it responds where that is beyond ``VERDICT`` times
the noise. The gains, the signs and what was there before the noise are the maker's, in ``truth.json`` or here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from ingest.synthetic.activity import LEAK, SyntheticActivity
from ingest.synthetic.neurons import RESPONSES, Floats

HELD_FRAMES = 60
"""Half a minute: every effect but those over many synapses has arrived."""
NOISE = 0.006
VERDICT = 3.0
MOST_STIMULATED = 200

SCHEMA = pa.schema(
    [("pre_root_id", pa.uint64()), ("post_root_id", pa.uint64()), ("value", pa.float64()), ("connected", pa.bool_())]
)


@dataclass(frozen=True)
class Responses:
    """Every ordered pair of the first ``MOST_STIMULATED`` recorded neurons."""

    activity: SyntheticActivity

    @property
    def count(self) -> int:
        """Neurons that are stimulated, and whose responses are measured."""
        return min(MOST_STIMULATED, len(self.activity.recorded))

    @cached_property
    def effect(self) -> Floats:
        """``[k, k]`` without noise, row = stimulated, column = responding; 1 on the diagonal."""
        from scipy import sparse

        post, pre, share = self.activity.inputs
        n, k = len(self.activity.recorded), self.count
        # Compressed rows, one thread and a fixed order: the same bytes everywhere, which BLAS does not promise.
        flow = sparse.csr_array((self.activity.gains[post] * share, (post, pre)), shape=(n, n))
        state = np.zeros((n, k))
        diagonal = (np.arange(k), np.arange(k))
        state[diagonal] = 1.0
        for _ in range(HELD_FRAMES):
            state = LEAK * state + flow @ state
            state[diagonal] = 1.0
        return np.ascontiguousarray(state[:k].T)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """One row a pair of two neurons, by stimulated and responding root_id."""
        ids = self.activity.wiring.neurons.root_ids[self.activity.recorded[: self.count]]
        noise = self.activity.seeds.generator(RESPONSES).normal(0.0, NOISE, size=self.effect.shape)
        value = self.effect + noise
        pre, post = np.nonzero(~np.eye(self.count, dtype=bool))
        columns = [ids[pre], ids[post], value[pre, post], np.abs(value[pre, post]) > VERDICT * NOISE]
        yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=SCHEMA)

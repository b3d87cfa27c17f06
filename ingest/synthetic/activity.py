"""Activity that follows a made connectome's wiring, and behaviour that follows known neurons.

The neurons nearest one point are recorded, as through a microscope's window. Their activity x is

    x_i(t+1) = LEAK x_i(t) + gain_i sum_j S_ij x_j(t) + noise,    gain_i = gain exp(TRAIT_GAIN trait_i),

where S_ij is the sign of j times its share of all synapses that i receives from recorded neurons; everything
else in the brain is the noise. A behaviour is a weighted sum of three known neurons, a frame at a time, plus noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from ingest.schema.errors import AnalysisError
from ingest.synthetic.neurons import ACTIVITY, BEHAVIOR, SUPER_CLASSES, TRAIT_LIMIT, VOLUME_NM, Floats, Ints, Seeds
from ingest.synthetic.wiring import SyntheticWiring

LEAK = 0.5
TRAIT_GAIN = 0.3
LARGEST_GAIN = 0.25
"""LEAK + LARGEST_GAIN exp(TRAIT_GAIN TRAIT_LIMIT) < 1: activity never runs away, whatever the wiring."""
FRAME_S = 0.5
BEHAVIORS = ("speed", "turning")
DRIVERS = 3
BEHAVIOR_NOISE = 0.5
CHUNK_VALUES = 1 << 20

RECORDINGS = pa.schema([("time_s", pa.float64()), ("root_id", pa.uint64()), ("activity", pa.float32())])
BEHAVIOR_SCHEMA = pa.schema([("time_s", pa.float64()), *((name, pa.float64()) for name in BEHAVIORS)])


@dataclass(frozen=True)
class SyntheticActivity:
    """A recipe for the recording of some neurons of ``wiring``."""

    wiring: SyntheticWiring
    seeds: Seeds
    frames: int
    recorded: Ints
    """``[r]`` neuron indices, ascending."""
    gains: Floats
    """``[r]``: gain_i of each recorded neuron."""
    drivers: Ints
    """``[behaviours, 3]`` positions in ``recorded``."""
    coefficients: Floats
    """``[behaviours, 3]``"""

    @classmethod
    def of(cls, wiring: SyntheticWiring, recorded: int, frames: int, gain: float, seeds: Seeds) -> SyntheticActivity:
        """Choose who is recorded and who drives behaviour.

        Raises:
            AnalysisError: a gain at which activity could run away.
        """
        if not 0.0 <= gain <= LARGEST_GAIN:
            raise AnalysisError(f"gain: found {gain}; wanted 0 to {LARGEST_GAIN}, activity runs away above")
        neurons = wiring.neurons
        rng = seeds.generator(BEHAVIOR)
        window = VOLUME_NM * [0.25, 0.5, 0.5]
        away = np.linalg.norm(neurons.position_nm - window, axis=1)
        chosen = np.sort(np.argsort(away, kind="stable")[:recorded])
        descending = SUPER_CLASSES.index("descending")
        able = np.flatnonzero(neurons.class_of_type[neurons.type_of[chosen]] == descending)
        if len(able) < DRIVERS * len(BEHAVIORS):
            able = np.arange(len(chosen))
        drivers = rng.choice(able, size=(len(BEHAVIORS), DRIVERS), replace=False)
        coefficients = rng.uniform(0.5, 1.5, size=drivers.shape) * rng.choice([-1.0, 1.0], size=drivers.shape)
        trait = np.clip(neurons.trait[chosen], -TRAIT_LIMIT, TRAIT_LIMIT)
        return cls(wiring, seeds, frames, chosen, gain * np.exp(TRAIT_GAIN * trait), drivers, coefficients)

    @cached_property
    def inputs(self) -> tuple[Ints, Ints, Floats]:
        """S as its entries: post, pre (positions in ``recorded``) and signed share, ordered by post then pre.

        One pass over the wiring; only connections between recorded neurons are held.
        """
        neurons = self.wiring.neurons
        place = np.full(len(neurons), -1)
        place[self.recorded] = np.arange(len(self.recorded))
        keys, weights = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for block in range(self.wiring.blocks()):
            pre, post, weight = self.wiring.connections(block)
            inside = (place[pre] >= 0) & (place[post] >= 0)
            keys.append(place[post[inside]] * len(self.recorded) + place[pre[inside]])
            weights.append(weight[inside])
        key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        weight_sum = np.bincount(inverse, weights=np.concatenate(weights), minlength=len(key))
        post, pre = key // len(self.recorded), key % len(self.recorded)
        total = np.bincount(post, weights=weight_sum, minlength=len(self.recorded))
        return post, pre, neurons.sign[self.recorded][pre] * weight_sum / total[post]

    def _simulated(self) -> Iterator[Floats]:
        """``[frames of a chunk, r]``, chunk after chunk."""
        post, pre, share = self.inputs
        rng = self.seeds.generator(ACTIVITY)
        count = len(self.recorded)
        state = rng.normal(size=count)
        chunk = max(1, CHUNK_VALUES // count)
        for first in range(0, self.frames, chunk):
            frames = np.empty((min(chunk, self.frames - first), count))
            noise = rng.normal(size=frames.shape)
            for step in range(len(frames)):
                frames[step] = state
                # A sum in fixed order instead of BLAS: the same bytes with any number of threads.
                arriving = np.bincount(post, weights=share * state[pre], minlength=count)
                state = LEAK * state + self.gains * arriving + noise[step]
            yield frames

    def recordings(self) -> Iterator[pa.RecordBatch]:
        """One row a frame and recorded neuron: time_s, root_id, activity; by time, then root_id."""
        ids = self.wiring.neurons.root_ids[self.recorded]
        first = 0
        for frames in self._simulated():
            time = np.arange(first, first + len(frames)) * FRAME_S
            columns = [np.repeat(time, len(ids)), np.tile(ids, len(frames)), frames.astype(np.float32).ravel()]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=RECORDINGS)
            first += len(frames)

    def behavior(self) -> Iterator[pa.RecordBatch]:
        """One row a frame: time_s and one column a behaviour."""
        rng = self.seeds.generator(BEHAVIOR, 1)
        first = 0
        for frames in self._simulated():
            values = np.einsum("tbd,bd->tb", frames[:, self.drivers], self.coefficients)
            values += rng.normal(0.0, BEHAVIOR_NOISE, size=values.shape)
            time = np.arange(first, first + len(frames)) * FRAME_S
            columns = [time, *(np.ascontiguousarray(column) for column in values.T)]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=BEHAVIOR_SCHEMA)
            first += len(frames)

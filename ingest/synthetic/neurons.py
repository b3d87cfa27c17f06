"""The neurons of a made connectome: ids, types, sides, positions, transmitters, and one hidden trait.

Everything here is O(neurons) and stays in memory; wiring, embeddings and activity are streamed from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.schema.ids import RootIds
from ingest.schema.transmitters import TRANSMITTER_MAPS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SUPER_CLASSES = ("sensory", "intrinsic", "descending")
CLASS_SHARE = (0.25, 0.55, 0.20)
CLASS_AFFINITY = np.array([[0.3, 1.5, 0.3], [0.2, 1.0, 1.2], [0.1, 0.3, 0.3]])
"""How much likelier than others a class (row) connects to a class (column): mostly feed-forward."""
SIDES = ("left", "right")
TRANSMITTERS = ("ACH", "GABA", "GLUT")
TRANSMITTER_SHARE = (0.6, 0.2, 0.2)
VOLUME_NM = np.array([300_000.0, 150_000.0, 100_000.0])
FIRST_ID = 720_575_940_000_000_000
"""Ids lie where FlyWire's lie, past 2^53: a float on the way would show."""
TRAIT_LIMIT = 2.0
BATCH = 32_768

# One stream of random numbers a purpose: asking for embeddings never changes the wiring.
NEURONS, RATE, WIRING, EMBEDDINGS, ACTIVITY, BEHAVIOR, RESPONSES = range(7)

SCHEMA = pa.schema(
    [
        ("root_id", pa.uint64()),
        ("cell_type", pa.string()),
        ("super_class", pa.string()),
        ("side", pa.string()),
        ("nt_type", pa.string()),
        ("nt_confidence", pa.float64()),
        ("x_nm", pa.float64()),
        ("y_nm", pa.float64()),
        ("z_nm", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Seeds:
    """Independent random streams of one seed, addressed by purpose and block."""

    entropy: tuple[int, ...]

    @classmethod
    def of(cls, seed: int | np.random.Generator) -> Seeds:
        rng = np.random.default_rng(seed)
        return cls(tuple(int(word) for word in rng.integers(0, 2**32, size=4)))

    def generator(self, purpose: int, block: int = 0) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=(purpose, block)))


@dataclass(frozen=True)
class Neurons:
    """All neurons, in order of their ids; ``[n]`` arrays, positions ``[n, 3]`` in nm."""

    root_ids: RootIds
    type_of: Ints
    side_of: Ints
    position_nm: Floats
    confidence: Floats
    out_propensity: Floats
    """Log-normal factor on how many partners a neuron chooses."""
    trait: Floats
    """The hidden trait: standard normal cut at two, independent of type, place and wiring."""
    type_names: tuple[str, ...]
    class_of_type: Ints
    transmitter_of_type: Ints
    affinity: Floats
    """``[types, types]``: factor on the chance that a neuron of the row's type connects to one of the column's."""

    def __len__(self) -> int:
        return len(self.root_ids)

    @property
    def sign(self) -> Floats:
        """+1 or -1 a neuron, by its type's transmitter and the transmitter map ``synthetic``."""
        signs = TRANSMITTER_MAPS["synthetic"].signs
        return np.array([float(signs[name]) for name in TRANSMITTERS])[self.transmitter_of_type[self.type_of]]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``neurons``; the trait is not among them."""
        for start in range(0, len(self), BATCH):
            rows = slice(start, start + BATCH)
            types = self.type_of[rows]
            x, y, z = self.position_nm[rows].T
            columns: list[Any] = [
                pa.array(self.root_ids[rows]),
                named(self.type_names, types),
                named(SUPER_CLASSES, self.class_of_type[types]),
                named(SIDES, self.side_of[rows]),
                named(TRANSMITTERS, self.transmitter_of_type[types]),
                *(pa.array(np.ascontiguousarray(values)) for values in (self.confidence[rows], x, y, z)),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def named(names: tuple[str, ...], codes: Ints) -> pa.Array:
    """Text column of ``names`` by code."""
    return pa.array(list(names), pa.string()).take(pa.array(codes))


def make_neurons(count: int, types: int, seeds: Seeds) -> Neurons:
    """Draw ``count`` neurons of ``types`` cell types; each type has at least two neurons and one place a side."""
    rng = seeds.generator(NEURONS)
    class_of_type = _spread(CLASS_SHARE, types)
    share = rng.dirichlet(np.full(types, 4.0))
    type_of = np.concatenate([np.repeat(np.arange(types), 2), rng.choice(types, size=count - 2 * types, p=share)])
    rng.shuffle(type_of)
    side_of = rng.integers(0, 2, size=count)
    # The right half mirrors the left one.
    centre = rng.uniform(0.15, 0.85, size=(types, 3)) * VOLUME_NM * [0.5, 1.0, 1.0]
    position = centre[type_of] + rng.normal(0.0, 0.06, size=(count, 3)) * VOLUME_NM
    position[:, 0] = np.where(side_of == 1, VOLUME_NM[0] - position[:, 0], position[:, 0])
    classes = class_of_type
    affinity = CLASS_AFFINITY[classes[:, None], classes[None, :]] * rng.lognormal(0.0, 0.6, size=(types, types))
    transmitter = rng.permutation(_spread(TRANSMITTER_SHARE, types))
    number_in_class = [int(np.sum(classes[:kind] == classes[kind])) + 1 for kind in range(types)]
    return Neurons(
        root_ids=(FIRST_ID + np.cumsum(rng.integers(1, 3_000_000, size=count))).astype(np.uint64),
        type_of=type_of,
        side_of=side_of,
        position_nm=np.clip(np.rint(position), 0.0, VOLUME_NM),
        confidence=np.round(rng.beta(8.0, 2.0, size=count), 3),
        out_propensity=rng.lognormal(0.0, 0.6, size=count),
        trait=np.clip(rng.normal(size=count), -TRAIT_LIMIT, TRAIT_LIMIT),
        type_names=tuple(f"{SUPER_CLASSES[classes[kind]]}-{number_in_class[kind]}" for kind in range(types)),
        class_of_type=classes,
        transmitter_of_type=transmitter,
        affinity=affinity,
    )


def _spread(share: tuple[float, ...], count: int) -> Ints:
    """``count`` codes in the proportions ``share``, each code at least once where count allows."""
    edges = np.cumsum(share)
    codes: Ints = np.searchsorted(edges, (np.arange(count) + 0.5) / count * edges[-1])
    return codes

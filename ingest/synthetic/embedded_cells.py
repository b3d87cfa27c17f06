"""Made embeddings of cells whose truth is known: types that are learned, types that nobody labelled, planted merges.

A cell is an unbranched cable with a window every ``STEP_NM``; a window is the mean of its type, what is the cell's own,
what is along the cable, and noise. Three worlds differ in where unlabelled types lie:

- ``apart``: in directions in which known types do not differ: what is far from training cells is strange.
- ``between``: half way between two known types, amid broad directions that say nothing: who is not sure is strange.
- ``beyond``: in the direction of a known type and further: a classifier is surest of what it should not be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.schema.errors import UnknownNameError
from ingest.skeletons.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
WORLDS = ("apart", "between", "beyond")
AXON, DENDRITE = 2, 3
"""As SWC files have them."""
STEP_NM = 2_000.0
OWN, ALONG, NOISE = 0.5, 0.4, 0.8
"""Spreads of what is a cell's own, of the compartment along its cable, and of single windows."""
TYPE, BROAD = 1.6, 3.0
"""Spread of the means of types; of directions that say nothing."""


@dataclass(frozen=True, eq=False)
class MadeCells:
    """n cells with windows in rows, cell by cell."""

    root_ids: npt.NDArray[np.uint64]
    """[n] ascending."""
    type: list[str]
    """[n] the truth: ``T0``, ``T1``, ... are known types, ``U0``, ... unlabelled ones."""
    vectors: npt.NDArray[np.float32]
    """[windows, width]"""
    first: npt.NDArray[np.int64]
    """[n + 1] first window of each cell."""
    points_nm: Floats
    """[windows, 3] along the cable, in order."""
    radius_nm: Floats
    """[windows]"""
    compartment: list[str]
    """[windows] ``axon`` or ``dendrite``."""
    merged_at: npt.NDArray[np.int64]
    """[n] window, counted in the cell, with which another cell begins; -1 where it is one cell."""

    @property
    def owner(self) -> npt.NDArray[np.uint64]:
        """[windows] root_id of the cell of each window."""
        return np.repeat(self.root_ids, np.diff(self.first))

    @property
    def node_ids(self) -> npt.NDArray[np.uint64]:
        """[windows] 1, 2, ... within each cell."""
        return (np.arange(len(self.vectors)) - np.repeat(self.first[:-1], np.diff(self.first)) + 1).astype(np.uint64)

    def neurons(self, labelled: float = 1.0, seed: int = 0) -> pa.Table:
        """Rows of neurons; a share of the cells of known types have their type as cell_type, others none."""
        known = np.array([name.startswith("T") for name in self.type])
        known &= np.random.default_rng(seed).random(len(known)) < labelled
        label = [name if there else None for name, there in zip(self.type, known.tolist(), strict=True)]
        return pa.table({"root_id": pa.array(self.root_ids), "cell_type": pa.array(label, pa.string())})

    def embeddings(self) -> pa.Table:
        """Rows in the words of embeddings."""
        flat = pa.array(np.ascontiguousarray(self.vectors).reshape(-1))
        return pa.table(
            {
                "root_id": pa.array(self.owner),
                "node_id": pa.array(self.node_ids),
                **{f"{axis}_nm": pa.array(self.points_nm[:, k].astype(np.float32)) for k, axis in enumerate("xyz")},
                "vector": pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1]),
            }
        )

    def synapses(self, count: int = 1_000, seed: int = 0) -> pa.Table:
        """Rows of synapses: each lies at a window of one cell, and is onto another cell, whose cable is elsewhere."""
        rng = np.random.default_rng(seed)
        at = rng.integers(0, len(self.vectors), count)
        post = self.root_ids[rng.integers(0, len(self.root_ids), count)]
        places = self.points_nm[at] + 50.0 * rng.normal(size=(count, 3))
        return pa.table(
            {
                "pre_root_id": pa.array(self.owner[at]),
                "post_root_id": pa.array(post),
                **{f"{axis}_nm": pa.array(places[:, k]) for k, axis in enumerate("xyz")},
            }
        )

    def skeletons(self, labelled: float = 1.0) -> list[Skeleton]:
        """Cables as skeletons; the first share of the cells has compartments."""
        types = np.array([AXON if name == "axon" else DENDRITE for name in self.compartment])
        found = []
        for number, (low, high) in enumerate(zip(self.first[:-1].tolist(), self.first[1:].tolist(), strict=True)):
            known = number < labelled * len(self.root_ids)
            nodes = np.arange(high - low)
            found.append(
                Skeleton(
                    int(self.root_ids[number]), self.node_ids[low:high], self.points_nm[low:high], nodes - 1,
                    types[low:high] if known else np.zeros(len(nodes), dtype=np.int64), self.radius_nm[low:high],
                )
            )  # fmt: skip
        return found


def made_cells(
    seed: int,
    cells: int = 200,
    *,
    world: str = "apart",
    types: int = 4,
    unlabelled: int = 2,
    strange: float = 0.0,
    merged: float = 0.0,
    windows: int = 24,
    width: int = 16,
    first_id: int = 1 << 60,
    shape_seed: int = 0,
) -> MadeCells:
    """Cells of a made brain.

    Args:
        seed: of the cells. shape_seed: of the means of types, so that two sets of cells are of one brain.
        strange: share of cells of unlabelled types. merged: share of cells that are two cells of different types.
        windows: of a cell, on average.

    Raises:
        UnknownNameError: no such world.
    """
    if world not in WORLDS:
        raise UnknownNameError("world of made cells", world, WORLDS)
    means, unknown, along = _means(world, types, unlabelled, width, np.random.default_rng([shape_seed, types, width]))
    broad = np.zeros(width)
    broad[width // 2 :] = BROAD if world == "between" else 0.0
    rng = np.random.default_rng(seed)
    names = [f"T{k}" for k in range(types)] + [f"U{k}" for k in range(unlabelled)]
    centre = np.concatenate([means, unknown])
    kind = rng.integers(0, types, cells)
    if strange:
        kind = np.where(rng.random(cells) < strange, rng.integers(types, types + unlabelled, cells), kind)
    parts, merged_at = [], np.full(cells, -1, dtype=np.int64)
    for number in range(cells):
        pieces = [_cable(kind[number], centre, along, broad, windows, rng)]
        if rng.random() < merged:
            other = int((kind[number] + rng.integers(1, types)) % types) if kind[number] < types else 0
            merged_at[number] = len(pieces[0].vectors)
            pieces.append(_cable(other, centre, along, broad, windows, rng))
        parts.append(_joined(pieces, number, rng))
    count = np.array([len(part.vectors) for part in parts])
    return MadeCells(
        np.arange(first_id, first_id + cells, dtype=np.uint64),
        [names[k] for k in kind.tolist()],
        np.concatenate([part.vectors for part in parts]).astype(np.float32),
        np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.radius for part in parts]),
        [name for part in parts for name in part.compartment],
        merged_at,
    )


@dataclass(frozen=True, eq=False)
class _Cable:
    vectors: Floats
    radius: Floats
    compartment: list[str]
    points: Floats


def _means(world: str, types: int, unlabelled: int, width: int, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Means of known types in the first half of the directions, of unlabelled ones, and the axis of compartments."""
    half = width // 2
    known = np.zeros((types, width))
    known[:, :half] = TYPE * rng.normal(size=(types, half))
    unknown = np.zeros((unlabelled, width))
    for number in range(unlabelled):
        one, other = rng.choice(types, 2, replace=False)
        if world == "apart":
            unknown[number, half:] = TYPE * rng.normal(size=width - half)
        elif world == "between":
            unknown[number] = (known[one] + known[other]) / 2
        else:
            unknown[number] = 2.2 * known[one]
    along = np.zeros(width)
    along[rng.choice(half, 2, replace=False)] = [1.0, -1.0]
    return known, unknown, along


def _cable(kind: int, centre: Floats, along: Floats, broad: Floats, windows: int, rng: np.random.Generator) -> _Cable:
    count = int(rng.integers(max(windows // 2, 2), windows * 3 // 2 + 1))
    axon = np.arange(count) < count * rng.uniform(0.3, 0.7)
    own = OWN * rng.normal(size=centre.shape[1])
    vectors = centre[kind] + own + ALONG * np.where(axon, 1, -1)[:, None] * along
    vectors = vectors + np.sqrt(NOISE**2 + broad**2) * rng.normal(size=vectors.shape)
    # Calibre is a cell's own, thinner in axons, and wanders along the cable.
    wander = np.cumsum(0.08 * rng.normal(size=count))
    radius = np.exp(np.log(300.0) + 0.35 * rng.normal() + np.where(axon, -0.5, 0.3) + wander)
    return _Cable(vectors, radius, ["axon" if one else "dendrite" for one in axon.tolist()], np.empty((count, 0)))


def _joined(pieces: list[_Cable], number: int, rng: np.random.Generator) -> _Cable:
    """Pieces one after another, on a line that bends; cells lie 100 um apart."""
    vectors = np.concatenate([piece.vectors for piece in pieces])
    steps = rng.normal(size=(len(vectors), 3)) * 0.3 + np.array([1.0, 0.0, 0.0])
    steps *= STEP_NM / np.linalg.norm(steps, axis=1, keepdims=True)
    points = np.cumsum(steps, axis=0) + np.array([0.0, number * 1e5, 0.0])
    return _Cable(
        vectors,
        np.concatenate([piece.radius for piece in pieces]),
        [name for piece in pieces for name in piece.compartment],
        points,
    )

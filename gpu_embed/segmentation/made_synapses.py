"""Made synapses: where two segments touch, as many and which way round as chance has it. A stand-in, no measurement.

A segmentation says who touches whom, not who synapses onto whom; until synapses are detected, made ones let everything
behind them be tried. They say so themselves: every row has ``made`` as its neuropil.

Tests: tests/gpu_embed/segmentation/test_made_synapses.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gpu_embed.segmentation.boxes import Zyx
from gpu_embed.segmentation.contingency import Labels, require_labels
from ingest.schema.errors import SchemaError
from ingest.schema.space import Resolution

MADE = "made"
Points = npt.NDArray[np.float64]
SCHEMA = pa.schema(
    [
        ("pre_root_id", pa.uint64()),
        ("post_root_id", pa.uint64()),
        *((f"{axis}_nm", pa.float64()) for axis in "xyz"),
        ("size", pa.float64()),
        ("neuropil", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class Contacts:
    """Places where two segments touch, in the order of (one, other, place); ``one`` is the lower label.

    Args:
        one, other: uint64 [n]. points_nm: [n, 3] XYZ, the middle between the two voxels. area_nm2: [n], of the voxel
            face that looks over.
    """

    one: Labels
    other: Labels
    points_nm: Points
    area_nm2: npt.NDArray[np.float64]


def contacts(labels: npt.NDArray[Any], start: Zyx, resolution: Resolution, reach_nm: float) -> Contacts:
    """Where a voxel of one segment and the next labelled voxel along an axis, of another, have at most a gap between.

    Args:
        labels: [Z, Y, X]; 0 is nothing, such as the membranes that a segmentation leaves out.
        start: index of the first voxel, ZYX.
        reach_nm: width of unlabelled voxels that may lie between.

    Raises:
        SchemaError: no labels, a reach below 0.
    """
    require_labels("the segmentation", labels)
    if labels.ndim != 3 or not 0 <= reach_nm < float("inf"):
        raise SchemaError(f"labels of shape {labels.shape} and a reach of {reach_nm} nm; wanted ZYX and 0 nm or more")
    size = np.array(resolution.xyz)[::-1]
    found: list[tuple[Labels, Labels, Points, npt.NDArray[np.float64]]] = []
    for axis in range(3):
        lines = np.moveaxis(labels, axis, -1)
        at = np.flatnonzero(lines)
        line, place = np.divmod(at, max(lines.shape[-1], 1))
        names = lines.reshape(-1)[at].astype(np.uint64)
        gap = (np.diff(place) - 1) * size[axis]
        touch = np.flatnonzero((line[1:] == line[:-1]) & (names[1:] != names[:-1]) & (gap <= reach_nm))
        others = [k for k in range(3) if k != axis]
        places = np.empty((len(touch), 3))
        rows = np.unravel_index(line[touch], lines.shape[:-1])
        for k, row in zip(others, rows, strict=True):
            places[:, k] = row
        places[:, axis] = (place[touch] + place[touch + 1]) / 2
        points = ((places + np.array(start) + 0.5) * size)[:, ::-1]
        area = np.full(len(touch), size[others[0]] * size[others[1]])
        found.append((*_sorted(names[touch], names[touch + 1]), points, area))
    one, other, points, area = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((*points.T, other, one))
    return Contacts(one[order], other[order], points[order], area[order])


def made_synapses(found: Contacts, generator: np.random.Generator, per_um2: float) -> pa.Table:
    """Synapses of each pair that touches: a Poisson number by area, at places of contact, one way round by a coin.

    Args:
        per_um2: how many a square micrometre of contact has on average.

    Returns:
        ``SCHEMA``: size is the pair's area of contact in nm^2; neuropil is ``made``.

    Raises:
        SchemaError: a density below 0.
    """
    if not 0 <= per_um2 < float("inf"):
        raise SchemaError(f"{per_um2} synapses a square micrometre; wanted 0 or more")
    new = np.append(True, (found.one[1:] != found.one[:-1]) | (found.other[1:] != found.other[:-1]))
    first = np.flatnonzero(new[: len(found.one)])
    area = np.add.reduceat(found.area_nm2, first) if len(first) else np.empty(0)
    size = np.diff(np.append(first, len(found.one)))
    count = np.minimum(generator.poisson(area * per_um2 / 1e6), size)
    turned = generator.random(len(first)) < 0.5
    # Each at a place of its own: as many of a shuffled order of the pair's places.
    rank = np.lexsort((generator.random(len(found.one)), np.repeat(np.arange(len(first)), size)))
    taken = [rank[a : a + n] for a, n in zip(first.tolist(), count.tolist(), strict=True)]
    rows = np.concatenate([np.empty(0, dtype=np.int64), *map(np.sort, taken)])
    pair = np.repeat(np.arange(len(first)), count)
    pre = np.where(turned[pair], found.other[rows], found.one[rows])
    post = np.where(turned[pair], found.one[rows], found.other[rows])
    columns = [pre, post, *found.points_nm[rows].T, area[pair], [MADE] * len(rows)]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def _sorted(a: Labels, b: Labels) -> tuple[Labels, Labels]:
    return np.minimum(a, b), np.maximum(a, b)

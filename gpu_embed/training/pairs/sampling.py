"""Pairs from skeletons: two places of one cable at a path distance, and as many of two neurons that match them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gpu_embed.cutouts.crops import ABSENT, OUTSIDE, Cutouts, Failure
from gpu_embed.training.pairs.table import Floats, Pairs
from ingest.nodes import nodes_of
from ingest.schema.errors import AnalysisError, SchemaError
from ingest.skeletons.skeleton import Skeleton
from ingest.volumes.volume import Volume

TRIES = 200
"""Anchors drawn for one pair before its distance is said to be nowhere."""
NEAR, CALIBRE = 0.1, 1.25
"""How far a negative's distance may be off, as a share, and how much thicker or thinner its second place may be."""
Usable = Sequence[npt.NDArray[np.bool_]]


def usable_nodes(skeletons: Sequence[Skeleton], em: Volume, segmentation: Volume) -> tuple[Usable, tuple[str, ...]]:
    """Which nodes [n] of each skeleton can be the middle of a crop: inside both volumes, on a voxel of their segment.

    Returns:
        The nodes, and a note on each kind that was left out.

    Raises:
        SchemaError: no node of a skeleton lies inside; less than half of all that do lie in their segment.
    """
    nodes = nodes_of(skeletons)
    cutouts = Cutouts(em, segmentation, nodes, 1, group=256)
    failures: list[Failure] = list(cutouts.failures)
    for _, _, failed in cutouts.cut(cutouts.read()):
        failures += failed
    good = np.ones(nodes.num_rows, dtype=bool)
    outside = np.zeros(nodes.num_rows, dtype=bool)
    for failure in failures:
        if failure.reason not in (OUTSIDE, ABSENT):
            raise SchemaError(f"node {failure.row} of the skeletons: {failure.message}")
        good[failure.row] = False
        outside[failure.row] = failure.reason == OUTSIDE
    ends = np.cumsum([len(skeleton) for skeleton in skeletons])[:-1]
    for skeleton, out in zip(skeletons, np.split(outside, ends), strict=True):
        if out.all():
            low, high = (np.array(edge)[::-1] * em.resolution.xyz for edge in (em.start, em.stop))
            raise SchemaError(
                f"skeleton {skeleton.root_id}: all {len(skeleton)} nodes lie outside of {em.name}, which has "
                f"{low.tolist()} to {high.tolist()} nm (XYZ); its first node is at {skeleton.points_nm[0].tolist()}. "
                "Look at the unit of the skeletons"
            )
    inside = int((~outside).sum())
    if 2 * int(good.sum()) < inside:
        said = next(failure.message for failure in failures if failure.reason == ABSENT)
        raise SchemaError(
            f"{inside - int(good.sum())} of {inside} nodes are not in their own segment ({said}, ..): skeletons and "
            "segmentation are of two versions, or of two units"
        )
    notes = []
    if outside.any():
        notes.append(f"{int(outside.sum()):,} nodes outside of the volumes are left out")
    if inside > good.sum():
        notes.append(f"{inside - int(good.sum()):,} nodes that are not in their own segment are left out")
    return np.split(good, ends), tuple(notes)


def sample_positives(
    skeletons: Sequence[Skeleton],
    count: int,
    bounds_nm: Sequence[float],
    rng: np.random.Generator,
    usable: Usable | None = None,
) -> Pairs:
    """Pairs of two nodes of one skeleton; every bin of path distances has as many (up to one more in the first).

    The first node is drawn by cable, whatever the skeleton; the second among those of the bin, by cable as well.

    Args:
        bounds_nm: edges of the bins, rising; a distance belongs to a bin from its lower edge to below its upper one.
        usable: nodes [n] of each skeleton that may be drawn; all when None.

    Raises:
        AnalysisError: bounds or counts that make no sense; a bin that no skeleton reaches.
    """
    bounds = np.asarray(bounds_nm, dtype=np.float64)
    if bounds.size < 2 or not np.isfinite(bounds).all() or bounds[0] < 0 or (np.diff(bounds) <= 0).any():
        raise AnalysisError(f"bounds of path distance are {bounds.tolist()}; wanted two or more that rise, from 0 on")
    if count < bounds.size - 1:
        raise AnalysisError(f"{count} pairs over {bounds.size - 1} bins of distance; wanted one for each or more")
    usable = usable if usable is not None else [np.ones(len(skeleton), dtype=bool) for skeleton in skeletons]
    weights = [np.where(use, s.cable_nm, 0.0) for s, use in zip(skeletons, usable, strict=True)]
    owner = np.repeat(np.arange(len(skeletons)), [len(s) for s in skeletons])
    node = np.concatenate([np.empty(0, np.int64), *(np.arange(len(s)) for s in skeletons)])
    chance = np.concatenate([np.empty(0), *weights])
    if not chance.sum() > 0:
        raise AnalysisError("no skeleton has a cable inside the volumes to draw pairs from")
    chance = np.cumsum(chance / chance.sum())
    neighbours = [_neighbours(s) for s in skeletons]
    drawn: list[tuple[int, int, int, float]] = []
    for pair in range(count):
        low, high = bounds[pair % (bounds.size - 1) :][:2]
        for _ in range(TRIES):
            at = min(int(np.searchsorted(chance, rng.random(), side="right")), len(chance) - 1)
            which, first = int(owner[at]), int(node[at])
            reached, path = paths_from(neighbours[which], first, float(high))
            weight = np.where((path >= low) & (path < high) & (reached != first), weights[which][reached], 0.0)
            if weight.sum() > 0:
                second = int(np.searchsorted(np.cumsum(weight / weight.sum()), rng.random(), side="right"))
                second = min(second, len(reached) - 1)
                drawn.append((which, first, int(reached[second]), float(path[second])))
                break
        else:
            longest = max(s.path_length_nm for s in skeletons)
            raise AnalysisError(
                f"no two places of a skeleton found {low:g} to {high:g} nm of cable apart, in {TRIES} tries; the "
                f"longest skeleton has {longest:g} nm. Give smaller bounds"
            )
    return _pairs(skeletons, [(which, a, which, b, path) for which, a, b, path in drawn])


def match_negatives(
    skeletons: Sequence[Skeleton],
    positives: Pairs,
    rng: np.random.Generator,
    usable: Usable | None = None,
    *,
    near: float = NEAR,
    calibre: float | None = CALIBRE,
) -> tuple[Pairs, npt.NDArray[np.int64]]:
    """For each positive (a, b) a place c of another neuron, as far from a in a straight line, and as thick as b.

    Else a network that reads off distance or thickness would seem to know neurons.

    Returns:
        Pairs (a, c), and the positive that each belongs to; a note says how many have no match.

    Raises:
        AnalysisError: radii are unknown (``calibre=None`` matches distance alone); no positive has a match.
    """
    usable = usable if usable is not None else [np.ones(len(skeleton), dtype=bool) for skeleton in skeletons]
    rows = [np.flatnonzero(use) for use in usable]
    points = np.concatenate([s.points_nm[at] for s, at in zip(skeletons, rows, strict=True)])
    owner = np.repeat(np.array([s.root_id for s in skeletons], dtype=np.uint64), [len(at) for at in rows])
    radii = np.concatenate([_radii(s)[at] for s, at in zip(skeletons, rows, strict=True)])
    if calibre is not None and (np.isnan(radii).all() or np.isnan(positives.radii_nm[:, 1]).any()):
        raise AnalysisError("radii of the skeletons are unknown; match distances alone (calibre=None), or give radii")
    tree = cKDTree(points)
    apart = positives.apart_nm
    found, of = [], []
    for row, (first, distance) in enumerate(zip(positives.points_nm[:, 0], apart, strict=True)):
        close = np.array(sorted(tree.query_ball_point(first, distance * (1 + near))), dtype=np.int64)
        off = np.abs(np.linalg.norm(points[close] - first, axis=1) - distance)
        fits = (off <= near * distance) & (owner[close] != positives.root_ids[row, 0])
        if calibre is not None:
            ratio = radii[close] / positives.radii_nm[row, 1]
            fits &= (ratio <= calibre) & (ratio >= 1 / calibre)
        if fits.any():
            found.append(int(rng.choice(close[fits])))
            of.append(row)
    if not found:
        raise AnalysisError(
            "no positive has another neuron's place as far and as thick; allow more, or give more neurons"
        )
    index = np.array(of, dtype=np.int64)
    notes = positives.notes
    if len(index) < len(positives):
        notes = (*notes, f"{len(positives) - len(index):,} of {len(positives):,} positives have no matched negative")
    ids = np.stack([positives.root_ids[index, 0], owner[found]], axis=1)
    places = np.stack([positives.points_nm[index, 0], points[found]], axis=1)
    thick = np.stack([positives.radii_nm[index, 0], radii[found]], axis=1)
    return Pairs(ids, places, np.full(len(index), np.nan), thick, notes), index


def paths_from(
    neighbours: Sequence[Sequence[tuple[int, float]]], node: int, limit: float
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Nodes within ``limit`` nm of cable (below it) of one of a forest, and how far each is; the node itself first."""
    reached, path = [node], [0.0]
    waiting = deque([(node, -1, 0.0)])
    while waiting:
        at, before, so_far = waiting.popleft()
        for other, length in neighbours[at]:
            if other != before and so_far + length < limit:
                reached.append(other)
                path.append(so_far + length)
                waiting.append((other, at, so_far + length))
    return np.array(reached, dtype=np.int64), np.array(path)


def _neighbours(skeleton: Skeleton) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = [[] for _ in range(len(skeleton))]
    for node, (parent, length) in enumerate(zip(skeleton.parents.tolist(), skeleton.edge_nm.tolist(), strict=True)):
        if parent >= 0:
            found[node].append((parent, length))
            found[parent].append((node, length))
    return found


def _radii(skeleton: Skeleton) -> Floats:
    return skeleton.radii_nm if skeleton.radii_nm is not None else np.full(len(skeleton), np.nan)


def _pairs(skeletons: Sequence[Skeleton], drawn: Sequence[tuple[int, int, int, int, float]]) -> Pairs:
    ends = [[(which, a), (other, b)] for which, a, other, b, _ in drawn]
    flat = list(itertools.chain.from_iterable(ends))
    ids = np.array([skeletons[which].root_id for which, _ in flat], dtype=np.uint64).reshape(-1, 2)
    points = np.array([skeletons[which].points_nm[node] for which, node in flat]).reshape(-1, 2, 3)
    radii = np.array([_radii(skeletons[which])[node] for which, node in flat]).reshape(-1, 2)
    return Pairs(ids, points, np.array([path for *_, path in drawn]), radii)

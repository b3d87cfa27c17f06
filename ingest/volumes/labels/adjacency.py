"""Which labels touch which: the region adjacency graph (RAG) of a volume.

The same call and graph as ``connectomics.segmentation.rag.from_subvolume``, which holds for labels up to 2^32 in 64-bit
arrays only.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Workers
from ingest.volumes.labels.adjacency_kernel import X, Y, Z, neighbours
from ingest.volumes.labels.label_arrays import Labels, bits, checked_labels, from_bits
from ingest.volumes.labels.slabs import THREADS, runner_for, slabs_of

if TYPE_CHECKING:
    import networkx as nx

AXES = (Z, Y, X)


@dataclass(frozen=True)
class Adjacency:
    """Pairs of labels that share a face.

    Attributes:
        pairs: [n, 2] in the labels' type: the one with the lower index along the axis first, so that (a, b) and (b, a)
            may both be there; sorted by the second, then the first.
        axes: [n, 3] whether they touch along z, y, x.
    """

    pairs: Labels
    axes: npt.NDArray[np.bool_]

    def undirected(self) -> Labels:
        """Each pair once, [m, 2], the smaller label first, sorted."""
        return np.unique(np.sort(self.pairs, axis=1), axis=0)

    def graph(self) -> nx.Graph[Any]:
        """As networkx: ``dim`` of an edge is the last axis (0 to 2, z to x) along which its labels touch."""
        import networkx as nx

        # By way of sets, as theirs: nodes and neighbours come in their order, which merging of objects depends on.
        # An edge is added where it comes first and has the last axis at once.
        dims: dict[tuple[int, int], int] = {}
        for dim in range(3):
            chosen = self.pairs[self.axes[:, dim]]
            for a, b in set(zip(chosen[:, 0].tolist(), chosen[:, 1].tolist(), strict=True)):
                dims[(b, a) if (b, a) in dims else (a, b)] = dim
        found: nx.Graph[Any] = nx.Graph()
        found.add_edges_from((a, b, {"dim": dim}) for (a, b), dim in dims.items())
        return found


def adjacency(volume: npt.ArrayLike, workers: Workers = THREADS) -> Adjacency:
    """Labels [z, y, x] of any integer type, 0 as any other: which of them share a face.

    Args:
        workers: slabs are searched beside each other; the result is the same for any number.
    """
    labels = checked_labels(volume, (3,), "vol3d")
    if labels.size == 0:
        return merged([], labels.dtype)
    voxels = bits(np.ascontiguousarray(labels))
    runner = runner_for(labels.size, workers)
    # Slabs overlap by a plane, whose pairs are found twice and counted once.
    slabs = [slice(slab.start, slab.stop + 1) for slab in slabs_of(labels.shape[0], runner.workers)]
    return merged(runner.map_tasks(lambda slab: _found(voxels[slab], labels.dtype), slabs), labels.dtype)


def merged(parts: Iterable[Adjacency], dtype: npt.DTypeLike) -> Adjacency:
    """The neighbours of a volume from those of its boxes, which overlap by a voxel or share faces."""
    found = list(parts)
    kind = np.dtype(dtype)
    pairs = np.concatenate([np.empty((0, 2), kind), *(part.pairs for part in found)])
    axes = np.concatenate([np.empty((0, 3), np.bool_), *(part.axes for part in found)])
    if not len(pairs):
        return Adjacency(pairs, axes)
    order = np.lexsort((pairs[:, 0], pairs[:, 1]))
    pairs, axes = pairs[order], axes[order]
    begin = np.flatnonzero(np.append(True, np.any(pairs[1:] != pairs[:-1], axis=1)))
    return Adjacency(pairs[begin], np.logical_or.reduceat(axes, begin, axis=0))


def from_subvolume(vol3d: npt.ArrayLike) -> nx.Graph[Any]:
    """The RAG of labels [z, y, x] as networkx; a volume of one label has no edges and so no nodes."""
    return adjacency(vol3d).graph()


def _found(voxels: Labels, dtype: np.dtype[Any]) -> Adjacency:
    pairs, masks = neighbours(voxels)
    return Adjacency(from_bits(pairs, dtype), np.stack([masks & axis != 0 for axis in AXES], axis=1))

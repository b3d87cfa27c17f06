"""Classes of ordered neuron pairs that a constrained null keeps: type pairs, distance bins, neuropils, a table.

A swap is accepted only if the multiset of the classes of its edges stays the same, so the number of edges
in every class is that of the observed graph.

Tests: tests/graphlab/motifs/kernels/test_swaps.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

FREE, BLOCK, DISTANCE, SHARED, TABLE = range(5)
"""What the class of an ordered pair is: none, type pair, distance bin, shared neuropils, a given table."""


class PairClasses(NamedTuple):
    """How the kernel finds the class of an ordered pair; arrays a kind does not use have length 1."""

    kind: int
    label: npt.NDArray[np.int32]
    """[n] block of each neuron."""
    labels: int
    position: npt.NDArray[np.float64]
    """[n, 3] nm; NaN where unknown."""
    bin_edge: npt.NDArray[np.float64]
    """[bins - 1] inner borders of the distance bins, nm, ascending."""
    neuropil: npt.NDArray[np.uint64]
    """[n, words] bit set of neuropils of each neuron."""
    row_start: npt.NDArray[np.int64]
    """[n + 1] rows of the pair table."""
    row_node: npt.NDArray[np.int32]
    row_class: npt.NDArray[np.int32]


@njit(cache=True, nogil=True)
def pair_class(classes, a, b):  # type: ignore[no-untyped-def]
    """The class of the ordered pair a, b; -1 where nothing is known of it."""
    if classes.kind == BLOCK:
        return np.int64(classes.label[a]) * classes.labels + classes.label[b]
    if classes.kind == DISTANCE:
        square = 0.0
        for axis in range(3):
            gap = classes.position[a, axis] - classes.position[b, axis]
            square += gap * gap
        if np.isnan(square):
            return np.int64(-1)
        return np.int64(np.searchsorted(classes.bin_edge, np.sqrt(square)))
    if classes.kind == SHARED:
        shared = np.int64(0)
        for word in range(classes.neuropil.shape[1]):
            bits = classes.neuropil[a, word] & classes.neuropil[b, word]
            while bits != np.uint64(0):
                bits &= bits - np.uint64(1)
                shared += 1
        return shared
    if classes.kind == TABLE:
        low, high = classes.row_start[a], classes.row_start[a + 1]
        at = low + np.searchsorted(classes.row_node[low:high], b)
        if at < high and classes.row_node[at] == b:
            return np.int64(classes.row_class[at])
    return np.int64(-1)


_NO_LABEL = np.zeros(1, dtype=np.int32)
_NO_POSITION = np.zeros((1, 3))
_NO_EDGES = np.zeros(1)
_NO_WORDS = np.zeros((1, 1), dtype=np.uint64)
_NO_ROWS = np.zeros(1, dtype=np.int64)

UNKNOWN_BLOCK = "(unknown)"
"""Neurons without a label form a block of their own, by this name."""


def free_classes() -> PairClasses:
    """No classes: every swap is as good as another."""
    return PairClasses(FREE, _NO_LABEL, 1, _NO_POSITION, _NO_EDGES, _NO_WORDS, _NO_ROWS, _NO_LABEL, _NO_LABEL)


def number_labels(labels: Sequence[str | None], n: int) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Block numbers int32 [n] and the block names, sorted; unlabelled neurons are one block.

    Raises:
        AnalysisError: no neuron has a label, or their number is not that of the neurons.
    """
    if len(labels) != n:
        raise AnalysisError(f"{len(labels)} labels for {n} neurons; give one per neuron, None where unknown")
    known = sorted({str(label) for label in labels if label})
    if not known:
        raise AnalysisError(
            "no neuron has a cell type; ingest neurons with cell_type, super_class or neuropil, "
            "or use the null 'reciprocal' or 'configuration'"
        )
    number = {name: k for k, name in enumerate(known)}
    if not all(labels):
        known.append(UNKNOWN_BLOCK)
    last = len(known) - 1
    return np.array([number[str(x)] if x else last for x in labels], dtype=np.int32), known


def block_classes(labels: Sequence[str | None], n: int) -> PairClasses:
    """The class of a pair is the pair of its blocks (cell types, neuropils)."""
    label, names = number_labels(labels, n)
    return free_classes()._replace(kind=BLOCK, label=label, labels=len(names))


def distance_classes(snapshot: Snapshot, position_nm: npt.ArrayLike, bins: int = 20) -> PairClasses:
    """The class of a pair is the bin of its straight distance; bins hold equal numbers of the observed edges.

    Args:
        position_nm: floats [n, 3], nm, one place a neuron (a soma, say); NaN where unknown.
        bins: how many.

    Raises:
        AnalysisError: positions missing, all zero, or fewer than half of them known.
    """
    position = np.ascontiguousarray(position_nm, dtype=np.float64)
    if position.shape != (snapshot.n, 3):
        raise AnalysisError(
            f"positions have shape {position.shape}, wanted ({snapshot.n}, 3): x, y, z in nm for each neuron"
        )
    known = np.isfinite(position).all(axis=1)
    if not known.any() or not np.any(position[known]):
        raise AnalysisError(
            "every position is missing or zero, so distances mean nothing; ingest neurons with positions, "
            "or give shared neuropils or a table of close pairs, or use the null 'reciprocal'"
        )
    if 2 * int(known.sum()) < snapshot.n:
        raise AnalysisError(
            f"only {int(known.sum())} of {snapshot.n} neurons have a position; the spatial null needs at least half"
        )
    gap = position[snapshot.sources()] - position[snapshot.out_target]
    length = np.sqrt((gap * gap).sum(axis=1))
    length = length[np.isfinite(length)]
    if bins < 1 or len(length) == 0:
        raise AnalysisError(f"{bins} distance bins over {len(length)} connections of known length; want at least 1")
    inner = np.unique(np.quantile(length, np.arange(1, bins) / bins)) if bins > 1 else np.empty(0)
    return free_classes()._replace(kind=DISTANCE, position=position, bin_edge=inner)


def neuropil_classes(snapshot: Snapshot, neuropils: Sequence[Sequence[str]]) -> PairClasses:
    """The class of a pair is how many neuropils its two neurons share.

    Args:
        neuropils: the names of the neuropils each neuron enters, one sequence a neuron.
    """
    if len(neuropils) != snapshot.n:
        raise AnalysisError(f"{len(neuropils)} neuropil lists for {snapshot.n} neurons; give one per neuron")
    names = sorted({name for row in neuropils for name in row})
    if not names:
        raise AnalysisError("no neuron has a neuropil; ingest connections by neuropil or give positions")
    number = {name: k for k, name in enumerate(names)}
    words = np.zeros((snapshot.n, (len(names) + 63) // 64), dtype=np.uint64)
    for node, row in enumerate(neuropils):
        for name in row:
            word, bit = divmod(number[name], 64)
            words[node, word] |= np.uint64(1 << bit)
    return free_classes()._replace(kind=SHARED, neuropil=words)


def table_classes(
    snapshot: Snapshot, pre: npt.ArrayLike, post: npt.ArrayLike, pair_class_of: npt.ArrayLike
) -> PairClasses:
    """The class of a pair is its row in a table (arbor proximity, say); pairs without a row are one class.

    Args:
        pre, post: node numbers [rows]. pair_class_of: whole numbers >= 0 [rows].
    """
    source, target = np.asarray(pre, dtype=np.int64), np.asarray(post, dtype=np.int64)
    number = np.asarray(pair_class_of, dtype=np.int64)
    if not (len(source) == len(target) == len(number)) or len(number) == 0:
        raise AnalysisError("the table of pairs is empty or its columns differ in length")
    if min(source.min(), target.min(), number.min()) < 0 or max(source.max(), target.max()) >= snapshot.n:
        raise AnalysisError(f"the table of pairs names nodes outside 0..{snapshot.n - 1} or a negative class")
    key = source * snapshot.n + target
    order = np.argsort(key, kind="stable")
    if np.any(np.diff(key[order]) == 0):
        raise AnalysisError("the table of pairs names one ordered pair twice")
    start = np.zeros(snapshot.n + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=snapshot.n), out=start[1:])
    return free_classes()._replace(
        kind=TABLE,
        row_start=start,
        row_node=target[order].astype(np.int32),
        row_class=number[order].astype(np.int32),
    )

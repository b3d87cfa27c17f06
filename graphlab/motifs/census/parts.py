"""Graphs inside a graph: the neurons of each label, the connections of each neuropil, a series of thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def numbered(labels: Sequence[str | None]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The names, ascending, and the place of each label among them; -1 for None and for pandas' NaN."""
    known = [None if label is None or label != label else str(label) for label in labels]
    names = sorted({label for label in known if label is not None})
    place = {name: k for k, name in enumerate(names)}
    return names, np.array([-1 if label is None else place[label] for label in known], dtype=np.int64)


def among_labels(snapshot: Snapshot, by: Sequence[str | None]) -> Iterator[tuple[str, Snapshot]]:
    """Each label, ascending, with the graph among its own neurons; neurons without a label are in none.

    Raises:
        AnalysisError: labels that do not fit the neurons.
    """
    if len(by) != snapshot.n:
        raise AnalysisError(f"found {len(by)} labels for {snapshot.n} neurons; wanted one each, None where unknown")
    return _among(snapshot, by)


def _among(snapshot: Snapshot, by: Sequence[str | None]) -> Iterator[tuple[str, Snapshot]]:
    names, group = numbered(by)
    # Sorted once: thousands of cell types must not each look at all neurons.
    neurons = np.argsort(group, kind="stable")
    cuts = np.searchsorted(group[neurons], np.arange(len(names) + 1))
    for k, name in enumerate(names):
        yield name, snapshot.subset(neurons[cuts[k] : cuts[k + 1]])


def per_neuropil(
    root_ids: npt.NDArray[np.uint64],
    pre: npt.NDArray[np.uint64],
    post: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.float64],
    neuropil: Sequence[str | None],
    min_weight: float = 0.0,
) -> Iterator[tuple[str, Snapshot]]:
    """Each neuropil, ascending, with the connections made in it among the neurons that connect there.

    Args:
        root_ids: uint64 [n] ascending, the neurons of the graph.
        pre, post: uint64 [rows] root_ids; weight: [rows] within the neuropil; neuropil: [rows]; rows of one pair and
            neuropil are summed, those without a neuropil are left out.
        min_weight: applied to a pair's sum within the neuropil.

    Raises:
        AnalysisError: columns of different lengths, a neuron the graph lacks.
    """
    if len({len(pre), len(post), len(weight), len(neuropil)}) > 1:
        lengths = f"{len(pre)}, {len(post)}, {len(weight)}, {len(neuropil)}"
        raise AnalysisError(f"pre, post, weight and neuropil have {lengths} rows; wanted as many of each")
    ids = np.stack([np.asarray(pre, dtype=np.uint64), np.asarray(post, dtype=np.uint64)])
    known = np.isin(ids, root_ids)
    if not known.all():
        missing = int(ids[~known][0])
        raise AnalysisError(f"neuron {missing} of a connection is not among the {len(root_ids):,} neurons of the graph")
    return _neuropils(ids, np.asarray(weight, dtype=np.float64), neuropil, min_weight)


def _neuropils(
    ids: npt.NDArray[np.uint64], weight: npt.NDArray[np.float64], neuropil: Sequence[str | None], min_weight: float
) -> Iterator[tuple[str, Snapshot]]:
    names, group = numbered(neuropil)
    order = np.argsort(group, kind="stable")
    cuts = np.searchsorted(group[order], np.arange(len(names) + 1))
    for k, name in enumerate(names):
        rows = order[cuts[k] : cuts[k + 1]]
        members, numbers = np.unique(ids[:, rows], return_inverse=True)
        numbers = numbers.reshape(2, -1)
        pairs, pair = np.unique(numbers[0] * len(members) + numbers[1], return_inverse=True)
        total = np.bincount(pair, weights=weight[rows])
        keep = total >= min_weight
        source, target = np.divmod(pairs[keep], len(members))
        yield name, Snapshot.from_edges(members, source, target, total[keep])

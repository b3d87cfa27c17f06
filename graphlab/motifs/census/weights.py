"""Weights of motifs: intensity, coherence and the mean weight of every connection of a class.

Intensity is the geometric mean of an instance's weights, coherence the geometric over the arithmetic mean, 1 where
all weights are equal (Onnela, Saramaki, Kertesz & Kaski 2005, Phys Rev E 71, 065103). Instances are induced, so
counts are those of the census. All weights must be positive.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import MotifClass, class_of_code, classes
from graphlab.motifs.census.codes import role_orders
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
WEIGHTINGS = {
    "raw": "the weight itself",
    "input": "share of all input of the postsynaptic neuron",
    "log": "ln(1 + weight)",
}
MOST_TETRADS = 1_000_000_000
"""Tetrads are listed one by one, some millions a second."""


def motif_weights(
    snapshot: Snapshot,
    size: int,
    weightings: Iterable[str] = tuple(WEIGHTINGS),
    *,
    workers: Workers = 1,
    progress: Progress | None = None,
    beyond: Floats | None = None,
) -> pa.Table:
    """Weights of every connected class.

    Args:
        weightings: of ``WEIGHTINGS``.
        beyond: float64 [n], input of each neuron that is not in the snapshot; none when absent.
        workers: threads; the bytes are the same for any number.
        progress: told (done, total) shares.

    Returns:
        Rows weighting, motif, edges, count, intensity and coherence (means over instances, NaN where there are none),
        intensity_sum, coherence_sum, mean_weight (over connections), edge_weights (of each edge, averaged over edges
        that a symmetry exchanges).

    Raises:
        AnalysisError: another size than 2, 3 or 4, weights that are not positive, more tetrads than are listed.
        UnknownNameError: no such weighting.
    """
    import pyarrow as pa

    wanted = list(weightings)
    for name in wanted:
        if name not in WEIGHTINGS:
            raise UnknownNameError("weighting", name, WEIGHTINGS)
    if size not in (2, 3, 4):
        raise AnalysisError(f"weights of motifs of size {size} are not computed; sizes are 2, 3 and 4")
    _refuse(snapshot, size, workers)
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(wanted):

        def advance(done: int, total: int, before: int = number) -> None:
            if progress:
                progress(before * total + done, len(wanted) * total)

        sums = code_sums(snapshot, size, weighted(snapshot, name, beyond), workers, advance)
        rows += [{"weighting": name, **row} for row in _by_class(size, sums)]
    edges = pa.list_(pa.list_(pa.int32()))
    schema = [("weighting", pa.string()), ("motif", pa.string()), ("edges", edges), ("count", pa.int64())]
    schema += [(name, pa.float64()) for name in ("intensity", "coherence", "intensity_sum", "coherence_sum")]
    schema += [("mean_weight", pa.float64()), ("edge_weights", pa.list_(pa.float64()))]
    return pa.Table.from_pylist(rows, schema=pa.schema(schema))


def weighted(snapshot: Snapshot, weighting: str, beyond: Floats | None = None) -> Floats:
    """float64 [m]: the weights of the connections after ``weighting``, in the order of ``snapshot.weight``."""
    if weighting == "input":
        total = np.bincount(snapshot.out_target, weights=snapshot.weight, minlength=snapshot.n).astype(np.float64)
        total += 0.0 if beyond is None else beyond
        return np.asarray(snapshot.weight / total[snapshot.out_target])
    return np.log1p(snapshot.weight) if weighting == "log" else np.asarray(snapshot.weight)


def code_sums(
    snapshot: Snapshot, size: int, weight: Floats, workers: Workers = 1, progress: Progress | None = None
) -> Floats:
    """float64 [codes, 3 + connections]: instances, intensities, coherences and weights, as in ``kernels.weights``."""
    from graphlab.motifs.kernels import weights as kernels
    from graphlab.motifs.kernels.triads import typed_neighbours

    arrays = (snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    start, neighbour, state = typed_neighbours(*arrays)
    values = np.ascontiguousarray(weight, dtype=np.float64)
    both = kernels.weighted_neighbours(start, neighbour, *arrays, snapshot.in_edge, values)
    if size == 2:
        return np.asarray(kernels.pair_weights(start, neighbour, state, both))
    degree = np.diff(start)
    beyond = np.concatenate([[0], np.cumsum(degree[neighbour])])
    work = beyond[start[1:]] - beyond[start[:-1]]
    if size == 4:
        work = work * np.maximum(degree, 1)
    run = partial(_triad_weights if size == 3 else _tetrad_weights, start, neighbour, state, both)
    total = np.zeros((4 ** (size * (size - 1) // 2), 3 + size * (size - 1)))
    # Shares are the same for any number of threads, and so is the order of this sum.
    for part in over_shares(run, shares(work), workers, progress):
        total += part
    return total


def _triad_weights(start: Any, neighbour: Any, state: Any, both: Any, low: int, high: int) -> Floats:
    from graphlab.motifs.kernels.weights import triad_weights

    return np.asarray(triad_weights(start, neighbour, state, both, low, high))


def _tetrad_weights(start: Any, neighbour: Any, state: Any, both: Any, low: int, high: int) -> Floats:
    from graphlab.motifs.kernels.subgraphs import Adjacency
    from graphlab.motifs.kernels.weights import tetrad_weights

    return np.asarray(tetrad_weights(Adjacency(start, neighbour, state), both, low, high))


def _refuse(snapshot: Snapshot, size: int, workers: Workers) -> None:
    wrong = int(np.count_nonzero(~(snapshot.weight > 0) | ~np.isfinite(snapshot.weight)))
    if wrong:
        raise AnalysisError(
            f"{wrong:,} of {snapshot.m:,} connections have a weight that is not positive; a geometric mean needs "
            "positive weights: leave the others out with min_weight"
        )
    if size == 4:
        from graphlab.motifs.census.tetrads import tetrad_counts

        count = int(tetrad_counts(snapshot, workers).sum())
        if count > MOST_TETRADS:
            raise AnalysisError(
                f"{count:,} connected tetrads would have to be listed, more than {MOST_TETRADS:,}; raise min_weight, "
                "take the graph of a neuropil or group, or ask for size 3"
            )


def _by_class(size: int, sums: Floats) -> Iterable[dict[str, Any]]:
    place, order = class_of_code(size), role_orders(size)[0]
    per_class = np.zeros((len(classes(size)), 3))
    per_edge = [np.zeros(len(one.edges)) for one in classes(size)]
    for code in np.flatnonzero(sums[:, 0]):
        k = place[code]
        per_class[k] += sums[code, :3]
        for number, (a, b) in enumerate(classes(size)[k].edges):
            per_edge[k][number] += sums[code, _slot(order[code, 0, a], order[code, 0, b])]
    for k, one in enumerate(classes(size)):
        if not one.connected:
            continue
        count, intensity, coherence = (float(value) for value in per_class[k])
        alike = edge_orbits(one)
        shared = [np.mean([per_edge[k][j] for j in range(len(alike)) if alike[j] == own]) for own in alike]
        yield {
            "motif": one.name,
            "edges": [list(edge) for edge in one.edges],
            "count": int(count),
            "intensity": intensity / count if count else np.nan,
            "coherence": coherence / count if count else np.nan,
            "intensity_sum": intensity,
            "coherence_sum": coherence,
            "mean_weight": float(per_edge[k].sum()) / (count * len(one.edges)) if count else np.nan,
            "edge_weights": [float(value) / count if count else np.nan for value in shared],
        }


@cache
def edge_orbits(one: MotifClass) -> tuple[int, ...]:
    """For each edge of a class the first edge that a symmetry carries it to."""
    edges = one.edges
    first = list(range(len(edges)))
    for order in itertools.permutations(range(one.size)):
        moved = [(order[a], order[b]) for a, b in edges]
        if set(moved) == set(edges):
            first = [min(first[k], edges.index(moved[k])) for k in range(len(edges))]
    return tuple(first)


def _slot(a: int, b: int) -> int:
    low, high = min(a, b), max(a, b)
    return 3 + int(2 * (high * (high - 1) // 2 + low) + (a > b))

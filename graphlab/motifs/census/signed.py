"""Signed triads: how often every connected class occurs with every pattern of signs of its connections.

A connection has the sign of its presynaptic neuron (Dale's principle), as the dataset's transmitter map gives it;
``?`` is a neuron whose transmitter is unknown or has no sign. Closed triads are listed, open ones in closed form.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import class_of_code, classes
from graphlab.motifs.census.codes import role_orders
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

MARKS = "+-?"
Pattern = tuple[int, str]
"""Place of the class and one mark for every edge."""


def signed_triads(
    snapshot: Snapshot, sign: Sequence[int | None], *, workers: Workers = 1, progress: Progress | None = None
) -> pa.Table:
    """Induced counts of every connected triad class by sign pattern.

    Args:
        sign: +1, -1 or None for each neuron, as from ``TransmitterMap.sign_all``.
        workers: threads; the counts are the same for any number.
        progress: told (done, total) shares.

    Returns:
        Rows motif, edges, signs (one mark an edge, in their order; the first of those that symmetries exchange), known
        (no ``?`` among them), count; every possible pattern, zeros included. Counts of a class add up to its census.

    Raises:
        AnalysisError: signs that do not fit the neurons, or are not +1, -1 or None.
    """
    import pyarrow as pa

    from graphlab.motifs.kernels import signed as kernels
    from graphlab.motifs.kernels.four.tetrads import ranked_neighbours
    from graphlab.motifs.kernels.triads import typed_neighbours

    if len(sign) != snapshot.n:
        raise AnalysisError(f"found {len(sign)} signs for {snapshot.n} neurons; wanted one each, None where unknown")
    number = {1: 0, -1: 1, None: 2}
    wrong = [value for value in sign if value not in number]
    if wrong:
        raise AnalysisError(f"found sign {wrong[0]!r}; wanted +1, -1 or None")
    arrays = (snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    start, neighbour, state, split, _, order = ranked_neighbours(*typed_neighbours(*arrays))
    by_rank = np.array([number[value] for value in sign], dtype=np.int8)[order]
    closed = np.zeros((64, 27), dtype=np.int64)
    for part in over_shares(
        partial(_signed_triangles, start, neighbour, state, split, by_rank),
        shares((start[1:] - split) ** 2),
        workers,
        progress,
    ):
        closed += part
    counts = _with_open(closed, kernels.signed_wedges(start, neighbour, state, by_rank))
    rows = [
        {
            "motif": classes(3)[place].name,
            "edges": [list(edge) for edge in classes(3)[place].edges],
            "signs": signs,
            "known": "?" not in signs,
            "count": counts.get((place, signs), 0),
        }
        for place, signs in sorted(set(_patterns().values()))
    ]
    edges = pa.list_(pa.list_(pa.int32()))
    schema = [("motif", pa.string()), ("edges", edges), ("signs", pa.string()), ("known", pa.bool_())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*schema, ("count", pa.int64())]))


def _signed_triangles(
    start: Any, neighbour: Any, state: Any, split: Any, by_rank: Any, low: int, high: int
) -> npt.NDArray[np.int64]:
    from graphlab.motifs.kernels.signed import signed_triangles

    return np.asarray(signed_triangles(start, neighbour, state, split, by_rank, low, high))


def _with_open(closed: npt.NDArray[np.int64], wedges: npt.NDArray[np.int64]) -> dict[Pattern, int]:
    """All patterns: every wedge of one is either open or inside a closed triad."""
    counts: dict[Pattern, int] = {}

    def add(code: int, signs: tuple[int, ...], count: int) -> None:
        if count:
            pattern = _patterns()[code, signs]
            counts[pattern] = counts.get(pattern, 0) + count

    for centre, x, y in zip(*np.nonzero(wedges), strict=True):
        add(_wedge(x // 3 + 1, y // 3 + 1), (int(centre), int(x % 3), int(y % 3)), int(wedges[centre, x, y]))
    for code, number in zip(*np.nonzero(closed), strict=True):
        count = int(closed[code, number])
        signs = (int(number // 9), int(number // 3 % 3), int(number % 3))
        add(int(code), signs, count)
        for centre in range(3):
            a, b = (other for other in range(3) if other != centre)
            inside = _wedge(_seen(int(code), centre, a), _seen(int(code), centre, b))
            add(inside, (signs[centre], signs[a], signs[b]), -count)
    return counts


def _wedge(first: int, second: int) -> int:
    """Code of neuron 0 in states ``first`` and ``second`` to 1 and 2."""
    return int(first) | int(second) << 2


def _seen(code: int, u: int, v: int) -> int:
    """State of the dyad of u and v seen from u."""
    low, high = min(u, v), max(u, v)
    state = (code >> (2 * (high * (high - 1) // 2 + low))) & 3
    return state if u < v else (state & 1) << 1 | state >> 1


@cache
def _patterns() -> dict[tuple[int, tuple[int, ...]], Pattern]:
    """The pattern of every connected code and sign of each neuron."""
    order, orders = role_orders(3)
    patterns = {}
    for code, place in enumerate(class_of_code(3)):
        one = classes(3)[place]
        if one.connected:
            for signs in itertools.product(range(3), repeat=3):
                ways = [
                    "".join(MARKS[signs[order[code, k, a]]] for a, _ in one.edges) for k in range(int(orders[code]))
                ]
                patterns[code, signs] = int(place), min(ways)
    return patterns

"""Four-cycles where the small counters of a pair run over, against closed forms and loops."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.motifs.census.orbits import orbits
from graphlab.motifs.census.tetrads import tetrad_counts
from graphlab.motifs.kernels.four import cycles
from graphlab.motifs.kernels.four.tetrads import ranked_neighbours
from graphlab.motifs.kernels.triads import typed_neighbours
from queries.snapshot import Snapshot


def between(many: int, kinds: list[tuple[bool, bool, bool, bool]]) -> Snapshot:
    """Two neurons with ``many`` partners in common, one kind after the other.

    A kind says which connections there are: to and from the one, to and from the other.
    """
    sources, targets = [], []
    for k in range(many):
        ends = (2 + k, 0), (0, 2 + k), (2 + k, 1), (1, 2 + k)
        for there, (a, b) in zip(kinds[k % len(kinds)], ends, strict=True):
            if there:
                sources.append(a)
                targets.append(b)
    return Snapshot.from_edges(np.arange(1, many + 3, dtype=np.uint64), sources, targets)


@pytest.mark.parametrize("many", [63, 64, 65, 129, 700])
def test_wedges_of_a_pair_beyond_the_small_counter(many: int) -> None:
    """Counted as if small: classes of four-cycles are pairs of kinds of the wedges that close them."""
    kinds = [(True, False, True, False), (True, True, False, True), (False, True, True, True)]
    one = between(many, kinds)
    found, by_class = orbits(one, 4), dict.fromkeys(range(199), 0)
    of_each = np.bincount(np.arange(many) % 3, minlength=3).tolist()
    for a in range(3):
        for b in range(a, 3):
            small = tetrad_counts(between(2, [kinds[a], kinds[b]]))
            (place,) = np.flatnonzero(small)
            by_class[int(place)] += of_each[a] * (of_each[a] - 1) // 2 if a == b else of_each[a] * of_each[b]
    counts = tetrad_counts(one)
    assert all(counts[place] == wanted for place, wanted in by_class.items() if wanted)
    assert list(found.class_counts().values()) == counts.tolist()


def test_more_wedges_over_a_neuron_than_its_counters_hold_at_once() -> None:
    """A hub over two neurons with all other partners in common; leaves make it the neuron of highest rank."""
    many = cycles.ROWS + 100
    hub, left, right = 2 * many, 2 * many + 1, 2 * many + 2
    common, leaves = np.arange(many), np.arange(many, 2 * many)
    sources = np.concatenate([[left, right], common, common, leaves])
    targets = np.concatenate([[hub, hub], np.full(many, left), np.full(many, right), np.full(many, hub)])
    one = Snapshot.from_edges(np.arange(1, 2 * many + 4, dtype=np.uint64), sources, targets)
    typed = typed_neighbours(one.out_start, one.out_target, one.in_start, one.in_source)
    start, neighbour, state, split, _, order = ranked_neighbours(*typed)
    packed, marked = neighbour.astype(np.uint32) << 2 | state, np.zeros((one.n, 9), dtype=np.int32)
    ends, middles = np.zeros((2, 9, 9), dtype=np.int64), np.zeros((4, 3, 9), dtype=np.int64)
    found, counts = np.zeros((one.n, 1), dtype=np.int64), np.zeros(one.n, dtype=np.int64)
    cycles.cycle_places(start, split, packed, marked, ends, middles, 0, one.n, found)
    counts[order] = found[:, 0]
    pairs = many * (many - 1) // 2
    assert counts[[hub, left, right]].tolist() == [many, many + pairs, many + pairs]
    assert (counts[common] == many).all()
    assert not counts[leaves].any()
    assert not marked.any()

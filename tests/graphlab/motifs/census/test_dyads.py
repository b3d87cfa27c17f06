"""Dyad census against pair by pair."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.dyads import DYADS, dyad_counts, reciprocity
from queries.snapshot import Snapshot


def graph_of(n: int, edges: set[tuple[int, int]]) -> Snapshot:
    pairs = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


@settings(deadline=None)  # the first example compiles
@given(n=st.integers(0, 9), data=st.data())
def test_counts_equal_pair_by_pair(n: int, data: st.DataObject) -> None:
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    edges = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    seen = [((a, b) in edges) + ((b, a) in edges) for a, b in combinations(range(n), 2)]
    one = graph_of(n, edges)
    assert dyad_counts(one).tolist() == [seen.count(0), seen.count(1), seen.count(2)]
    share = reciprocity(one)
    if edges:
        assert share == 2 * seen.count(2) / len(edges)
    else:
        assert math.isnan(share)


def test_names_are_in_the_order_of_the_counts() -> None:
    found = dyad_counts(graph_of(4, {(0, 1), (1, 0), (2, 3)}))
    assert dict(zip(DYADS, found.tolist(), strict=True)) == {"null": 4, "asymmetric": 1, "mutual": 1}

"""Triangles by rank: lists and counts against networkx, in one piece and in two."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries import csr_relations, triangle_kernel
from queries.engine import Source, run
from queries.snapshot import Snapshot
from queries.triangle_kernel import AHEAD, entries_after, ranked, triangles

PAIRS = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=70)


@given(PAIRS)
@settings(deadline=None, max_examples=60)
def test_entries_are_pairs_and_triangles_are_found_once(pairs: set[tuple[int, int]]) -> None:
    edges = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    view = Snapshot.from_edges(np.arange(12, dtype=np.uint64), edges[:, 0], edges[:, 1])
    lists = (view.out_start, view.out_target, view.in_start, view.in_source)
    first, entries = ranked(*lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triangle_kernel, "PARALLEL", 0)
        for one, other in zip(ranked(*lists), (first, entries), strict=True):
            np.testing.assert_array_equal(one, other)
    joined = nx.Graph(edges[edges[:, 0] != edges[:, 1]].tolist())
    assert first[-1] == joined.number_of_edges() == len(entries) - AHEAD
    states = np.bincount(entries[: first[-1]] & 3, minlength=4)
    assert states[0] == 0
    assert states[1] + states[2] + 2 * states[3] == view.m
    sizes = np.diff(first)
    rows = np.repeat(np.arange(12), sizes)
    expected = np.bincount(rows, sizes[entries[: first[-1]] >> 2], minlength=12)
    np.testing.assert_array_equal(entries_after(first, entries), expected)
    found, mark = np.zeros(64, np.int64), np.zeros(12, np.uint8)
    triangles(first, entries, 0, 12, mark, found, np.zeros(1, np.uint8))
    assert found.sum() == sum(nx.triangles(joined).values()) // 3
    assert not mark.any()


def test_rows_numbered_by_two_threads_are_the_same(toy: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "SELECT a, c FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b)-[]->(c) COLUMNS (a.root_id AS a, c.root_id AS c))"
    )
    alone = run(text, toy, engine="csr").table
    toy.cache.clear()
    monkeypatch.setattr(csr_relations, "PARALLEL", 0)
    assert len(alone) > 0
    assert run(text, toy, engine="csr").table.equals(alone)

"""Triangles by rank: lists and counts against networkx, in one piece and in two."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.csr import lists as lists_of
from queries.csr import relations
from queries.csr import triangles as csr_triangles
from queries.csr.kernels import kept
from queries.csr.kernels.constants import AHEAD
from queries.csr.lists import ranked, ranked_rows
from queries.engine import Source, run
from queries.snapshot import Snapshot

PAIRS = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=70)


@given(PAIRS)
@settings(deadline=None, max_examples=60)
def test_entries_are_pairs_and_triangles_are_found_once(pairs: set[tuple[int, int]]) -> None:
    edges = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    view = Snapshot.from_edges(np.arange(12, dtype=np.uint64), edges[:, 0], edges[:, 1])
    lists = (view.out_start, view.out_target, view.in_start, view.in_source)
    first, entries, order = ranked(*lists)
    assert sorted(order.tolist()) == list(range(12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists_of, "PARALLEL", 0)
        for one, other in zip(ranked(*lists), (first, entries, order), strict=True):
            np.testing.assert_array_equal(one, other)
    joined = nx.Graph(edges[edges[:, 0] != edges[:, 1]].tolist())
    assert first[-1] == joined.number_of_edges() == len(entries) - AHEAD
    states = np.bincount(entries[: first[-1]] & 3, minlength=4)
    assert states[0] == 0
    assert states[1] + states[2] + 2 * states[3] == view.m
    found, mark = np.zeros(64, np.int64), np.zeros(12, np.uint8)
    kept.triangles(first, entries, 0, 12, mark, found, np.zeros(1, np.uint8))
    assert found.sum() == sum(nx.triangles(joined).values()) // 3
    assert not mark.any()


ROWS = st.lists(st.tuples(st.integers(-1, 11), st.integers(-1, 11)), max_size=60)


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_rows_in_any_order_give_the_entries_of_sorted_lists(rows: list[tuple[int, int]]) -> None:
    ends = np.array(rows, np.int32).reshape(-1, 2)
    found = ranked_rows(ends[:, 0].copy(), ends[:, 1].copy(), 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists_of, "PARALLEL", 0)
        again = ranked_rows(ends[:, 0].copy(), ends[:, 1].copy(), 12)
    there = [(a, b) for a, b in rows if a >= 0 and b >= 0 and a != b]
    if len(set(there)) < len(there):
        assert found is None
        assert again is None
        return
    assert found is not None
    assert again is not None
    edges = np.array(there, np.int64).reshape(-1, 2)
    view = Snapshot.from_edges(np.arange(12, dtype=np.uint64), edges[:, 0], edges[:, 1])
    first, entries, _ = ranked(view.out_start, view.out_target, view.in_start, view.in_source)
    for mine in (found, again):
        np.testing.assert_array_equal(mine[0], first)
        for begin, end in pairwise(first.tolist()):
            assert sorted(mine[1][begin:end]) == sorted(entries[begin:end])
        np.testing.assert_array_equal(mine[1][first[-1] :], entries[first[-1] :])
        assert mine[2] == any(a == b >= 0 for a, b in rows)


def test_rows_numbered_by_two_threads_are_the_same(toy: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "SELECT a, c FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b)-[]->(c) COLUMNS (a.root_id AS a, c.root_id AS c))"
    )
    alone = run(text, toy, engine="csr").table
    toy.cache.clear()
    monkeypatch.setattr(relations, "PARALLEL", 0)
    assert len(alone) > 0
    assert run(text, toy, engine="csr").table.equals(alone)


def test_more_rows_than_places_count_are_joined_otherwise(toy: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "SELECT count(*) FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b)-[]->(c), (a)-[]->(c) COLUMNS (a.root_id AS a))"
    )
    counted = run(text, toy, engine="csr").scalar()
    toy.cache.clear()
    monkeypatch.setattr(lists_of, "MOST_PLACES", 1)
    assert counted == run(text, toy, engine="csr").scalar() > 0


PATTERNS = st.tuples(*[st.sampled_from(["({0})-[{2} IS synapse]->({1})", "({1})-[{2} IS synapse]->({0})"])] * 3)


def closed(directions: tuple[str, ...], keep: str) -> str:
    ends = (("a", "b", "e"), ("b", "c", "f"), ("a", "c", "g"))
    paths = ", ".join(text.format(*names) for text, names in zip(directions, ends, strict=True))
    weights = " AND ".join(f"{name}.weight >= 2" for name in "efg")
    columns = "a.root_id AS a, b.root_id AS b, c.root_id AS c"
    return f"GRAPH_TABLE (connectome MATCH {paths} WHERE {weights} {keep} COLUMNS ({columns}))"


@pytest.mark.parametrize("keep", ["", "KEEP DISTINCT VERTICES"])
def test_listed_patterns_agree_with_sql(
    helpers: Any, scratch: Source, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    listed: list[int] = []
    whole = kept.list_triangles

    def noted(*arguments: Any) -> Any:
        found = whole(*arguments)
        listed.append(found[1])
        return found

    monkeypatch.setattr(csr_triangles, "RANKING", -1.0)
    monkeypatch.setattr(kept, "list_triangles", noted)

    @given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.1, 0.4, 0.9]), directions=PATTERNS)
    @settings(deadline=None, max_examples=60)
    def agrees(seed: int, share: float, directions: tuple[str, ...]) -> None:
        rng = np.random.default_rng(seed)
        pairs = np.argwhere((rng.random((12, 12)) < share) & ~np.eye(12, dtype=bool)).tolist()
        neurons = tuple((k + 1, None) for k in range(12))
        weighed = tuple((a + 1, b + 1, int(rng.integers(1, 5)), "chemical") for a, b in pairs)
        helpers.fill(scratch.connection, helpers.SmallGraph(neurons, weighed))
        source = Source(scratch.connection)
        text = f"SELECT * FROM {closed(directions, keep)}"
        found = run(text, source, engine="csr").table.to_pylist()
        by_sql = run(text, source, engine="duckdb").table.to_pylist()
        assert sorted(map(str, found)) == sorted(map(str, by_sql))
        some = run(f"{text} LIMIT 2", source, engine="csr").table.to_pylist()
        assert some == found[:2]

    agrees()
    assert max(listed) > 50, "no graph had triangles, or another way was taken"


def test_listing_grows_and_is_the_same_whatever_the_workers(scratch: Source, helpers: Any) -> None:
    rng = np.random.default_rng(3)
    pairs = np.unique(rng.integers(0, 90, (4_000, 2)), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    view = Snapshot.from_edges(np.arange(90, dtype=np.uint64), pairs[:, 0], pairs[:, 1])
    first, entries, order = ranked(view.out_start, view.out_target, view.in_start, view.in_source)
    ways = csr_triangles._ways(((0, 1), (1, 2), (0, 2)))
    stop = np.zeros(1, np.uint8)

    def listed(begin: int, end: int) -> np.ndarray:
        mark, closing, out = np.zeros(90, np.uint8), np.empty(91, np.int32), np.empty((500_000, 3), np.int32)
        reached, written, _ = kept.list_triangles(first, entries, order, begin, end, mark, ways, closing, out, stop)
        assert reached == end
        assert not mark.any()
        return out[:written]

    matrix = np.zeros((90, 90), np.int64)
    matrix[pairs[:, 0], pairs[:, 1]] = 1
    found = listed(0, 90)
    assert len(found) == ((matrix @ matrix) * matrix).sum() - np.trace((matrix @ matrix) * matrix) > 1024
    assert matrix[found[:, [0, 1, 0]], found[:, [1, 2, 2]]].all()
    assert len(np.unique(found, axis=0)) == len(found)
    np.testing.assert_array_equal(np.concatenate([listed(0, 40), listed(40, 90)]), found)
    mark, closing, parts, at, room = np.zeros(90, np.uint8), np.empty(91, np.int32), [], 0, 8
    while at < 90:  # an array that is full ends before the vertex whose matches it has no room for
        out = np.empty((room, 3), np.int32)
        at, written, _ = kept.list_triangles(first, entries, order, at, 90, mark, ways, closing, out, stop)
        assert not mark.any()
        parts.append(out[:written])
        room *= 2
    assert len(parts) > 4
    np.testing.assert_array_equal(np.concatenate(parts), found)


@pytest.mark.parametrize("keep", ["", "KEEP DISTINCT VERTICES"])
def test_counted_patterns_agree_with_sql(
    helpers: Any, scratch: Source, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    counted: list[int] = []
    whole = csr_triangles.closed_lists

    def noted(*arguments: Any) -> Any:
        found = whole(*arguments)
        counted.append(found is not None)
        return found

    monkeypatch.setattr(csr_triangles, "closed_lists", noted)

    @given(
        seed=st.integers(0, 2**32 - 1),
        share=st.sampled_from([0.1, 0.4, 0.9]),
        directions=PATTERNS,
        loops=st.booleans(),
        typed=st.booleans(),
    )
    @settings(deadline=None, max_examples=40)
    def agrees(seed: int, share: float, directions: tuple[str, ...], loops: bool, typed: bool) -> None:
        rng = np.random.default_rng(seed)
        pairs = np.argwhere((rng.random((9, 9)) < share) & (loops | ~np.eye(9, dtype=bool))).tolist()
        neurons = tuple((k + 1, "A" if rng.random() < 0.7 else "B") for k in range(9))
        weighed = tuple((a + 1, b + 1, int(rng.integers(1, 5)), "chemical") for a, b in pairs)
        helpers.fill(scratch.connection, helpers.SmallGraph(neurons, weighed))
        source = Source(scratch.connection)
        text = f"SELECT count(*) FROM {closed(directions, keep)}"
        for name in "abc" if typed else "":
            text = text.replace(f"({name})", f"({name} WHERE {name}.cell_type = 'A')")
        assert run(text, source, engine="csr").scalar() == run(text, source, engine="duckdb").scalar()

    agrees()
    assert any(counted)

"""Degree statistics by SQL and from numbered rows: the same numbers."""

from __future__ import annotations

import dataclasses

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.csr import estimate
from queries.csr.estimate import note_degrees
from queries.csr.lists import ends_of_rows
from queries.csr.relations import numbered
from queries.duckdb.statistics import Cardinalities, clustering_of_rows, degree_moments, edge_statistics, statistics_key
from queries.engine import Source, parse
from queries.planning.bind import bind
from queries.planning.bound import BoundPattern

ROWS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=30)


def source_of(rows: list[tuple[int, int]]) -> Source:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE neurons AS SELECT CAST(i AS UBIGINT) AS root_id FROM range(1, 7) AS r(i)")
    connection.execute(
        "CREATE TABLE connections (pre_root_id UBIGINT, post_root_id UBIGINT, weight DOUBLE, kind VARCHAR)"
    )
    if rows:
        connection.executemany("INSERT INTO connections VALUES (?, ?, 1, 'chemical')", rows)
    connection.execute("INSERT INTO connections VALUES (1, 2, 1, 'electrical')")
    return Source(connection)


def bound_to(source: Source) -> BoundPattern:
    text = "FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse WHERE e.weight > 5]->(b) COLUMNS (a.root_id AS a))"
    return bind(parse(text).slots[0].pattern, source, text)


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_numbered_rows_and_sql_give_the_same_statistics(rows: list[tuple[int, int]]) -> None:
    source = source_of(rows)
    bound = bound_to(source)
    (edge,) = bound.pattern.edges
    found = numbered(bound, edge, source, {}, 1000)
    assert found is not None
    assert len(found.source) == len(rows)
    by_sql = edge_statistics(source, bound.edge_tables["e"][0])
    ends = ends_of_rows(found.source, found.target, 100)
    assert degree_moments(len(rows), *ends) == by_sql
    source.cache.clear()
    note_degrees(bound, source, {})  # the kernels are loaded by now
    assert source.cache[statistics_key(bound.edge_tables["e"][0])] == by_sql
    assert Cardinalities(bound, source, {}).statistics(edge) == [by_sql]


def test_large_tables_are_left_to_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of([(1, 2), (2, 3), (3, 1)])
    bound = bound_to(source)
    (edge,) = bound.pattern.edges
    assert numbered(bound, edge, source, {}, 2) is None
    monkeypatch.setattr(estimate, "MOST_NUMBERED", 2)
    note_degrees(bound, source, {})
    assert statistics_key(bound.edge_tables["e"][0]) not in source.cache
    (found,) = Cardinalities(bound, source, {}).statistics(edge)
    assert dataclasses.astuple(found) == (3.0, 3.0, 3.0, 3.0)
    assert "csr" not in source.cache or not any(key[0] == "rows" for key in source.cache["csr"])


def test_clustering_is_about_one_by_chance_and_high_where_neighbours_are_joined() -> None:
    rng = np.random.default_rng(1)
    n, rows = 500, 25_000
    pre = rng.integers(0, n, rows)
    for post, low, high in (
        (rng.integers(0, n, rows), 0.6, 1.6),
        ((pre + rng.integers(1, 60, rows)) % n, 2.5, 10.0),
    ):
        key = np.unique(pre * n + post)
        source, target = (key // n).astype(np.int32), (key % n).astype(np.int32)
        found = clustering_of_rows(source, target, np.bincount(source, minlength=n))
        assert found is not None
        assert low < found < high
    assert clustering_of_rows(source[::-1].copy(), target, np.bincount(source, minlength=n)) is None

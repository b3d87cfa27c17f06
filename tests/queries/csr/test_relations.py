"""Rows of edges: pieces of a sorted table are put in order, and every row stays with its columns."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.csr.relations import MOST_PIECES, pieces_in_order, vertices_of
from queries.ir.property_graph import VertexTable
from queries.source import Limits, Source


def rows_of(source: np.ndarray, target: np.ndarray, place: pa.Table | None) -> list[tuple[int, int, int]]:
    assert place is not None
    return list(zip(source.tolist(), target.tolist(), place["place"].to_pylist(), strict=True))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-1, 9), st.integers(-1, 9)), max_size=60), st.integers(1, 8), st.randoms())
def test_rows_are_the_same_and_pieces_of_a_sorted_table_in_order(
    pairs: list[tuple[int, int]], several: int, random: object
) -> None:
    """Threads take blocks of a sorted table: pieces go on with a later block as well as fall back to an earlier one."""
    ascending = sorted(set(pairs))
    blocks = [ascending[i : i + several] for i in range(0, len(ascending), several)]
    random.shuffle(blocks)  # type: ignore[attr-defined]
    for given_rows, sorted_after in (([pair for block in blocks for pair in block], True), (pairs, False)):
        source, target = (np.array([pair[i] for pair in given_rows], np.int32) for i in (0, 1))
        place = pa.table({"place": np.arange(len(given_rows))})
        made = pieces_in_order(source, target, place)
        after = rows_of(made.source, made.target, made.columns)
        assert sorted(after) == sorted(rows_of(source, target, place))
        if sorted_after:
            assert [row[:2] for row in after] == ascending
        assert pieces_in_order(source, target, None).source.tolist() == made.source.tolist()


def test_blocks_of_many_rows_are_cut_where_others_begin() -> None:
    """Rows enough that places are searched for one by one."""
    n = 60_000
    source, target = np.arange(n, dtype=np.int32) // 7, np.arange(n, dtype=np.int32) % 7 - 1
    blocks = np.array_split(np.arange(n), 6)
    order = np.concatenate([blocks[i] for i in (0, 2, 5, 1, 3, 4)])
    made = pieces_in_order(source[order], target[order], pa.table({"place": order}))
    assert made.columns is not None
    for found, wanted in (
        (made.source, source),
        (made.target, target),
        (made.columns["place"].to_numpy(), np.arange(n)),
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("count", [MOST_PIECES - 1, MOST_PIECES])
def test_many_pieces_are_left_alone(count: int) -> None:
    source, target = np.arange(count, dtype=np.int32)[::-1].copy(), np.zeros(count, np.int32)
    made = pieces_in_order(source, target, None).source
    assert made.tolist() == (sorted(source.tolist()) if count < MOST_PIECES else source.tolist())


@pytest.mark.parametrize("keys", [[1, 3, 5], [5, 1, 3], [5, 1, 5, 3], [1, 3, 3, 5], []])
def test_vertices_are_numbered_by_key_in_whatever_order_they_lie(keys: list[int]) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE neurons AS SELECT CAST(unnest($keys) AS UBIGINT) AS root_id", {"keys": keys})
    found = vertices_of(Source(connection), VertexTable("neurons", "root_id", ("neuron",)), Limits())
    assert found.keys.tolist() == sorted(set(keys))
    assert found.unique == (len(set(keys)) == len(keys))
    assert found.keys.flags.writeable

"""Kept answers: views against plain Python, and what goes when there is no room."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlab.web.errors import GoneError
from graphlab.web.results import Kept, Results, View
from ingest.schema.errors import SchemaError, UnknownNameError
from queries.result import Result
from queries.source import LimitError

MB = 1 << 20


def table_of(rows: list[tuple[int | None, float | None, str | None]]) -> pa.Table:
    numbers, floats, texts = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {"n": pa.array(numbers, pa.uint64()), "f": pa.array(floats, pa.float64()), "t": pa.array(texts, pa.string())}
    )


numbers = st.none() | st.integers(0, 2**64 - 1)
floats = st.none() | st.floats(allow_infinity=True)
texts = st.none() | st.text("abAB%_.", max_size=3)


@given(
    st.lists(st.tuples(numbers, floats, texts), max_size=12),
    st.sampled_from(["n", "f", "t", None]),
    st.booleans(),
    st.text("abAB%_.1", max_size=2),
    st.sampled_from(["n", "t", None]),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_views_are_those_of_python(
    rows: list[tuple[int | None, float | None, str | None]],
    sort: str | None,
    descending: bool,
    text: str,
    column: str | None,
    offset: int,
    limit: int,
) -> None:
    kept = Kept(Result(table_of(rows)))
    table, total = kept.rows(View(sort, descending, text, column), offset, limit)
    places = ["n", "t"] if column is None else [column]
    words = [{name: row[{"n": 0, "t": 2}[name]] for name in places} for row in rows]
    # Floats are written in more than one way; whether theirs is met is not asked here.
    if column is None and text:
        kept = Kept(Result(table_of(rows).drop_columns("f")))
        sort = None if sort == "f" else sort
        table, total = kept.rows(View(sort, descending, text, column), offset, limit)
    chosen = [
        row
        for row, said in zip(rows, words, strict=True)
        if not text or any(v is not None and text.lower() in str(v).lower() for v in said.values())
    ]
    if sort is not None:
        at = "nft".index(sort)

        def rank(row: tuple[int | None, float | None, str | None]) -> int:
            value = row[at]
            return 2 if value is None else int(isinstance(value, float) and math.isnan(value))

        plain = sorted((r for r in chosen if rank(r) == 0), key=lambda r: r[at], reverse=descending)  # type: ignore[arg-type,return-value]
        if descending:  # sorted() keeps equal rows in their order, turned round or not
            plain = sorted((r for r in chosen if rank(r) == 0), key=lambda r: r[at], reverse=True)  # type: ignore[arg-type,return-value]
        chosen = plain + [r for r in chosen if rank(r) == 1] + [r for r in chosen if rank(r) == 2]
    assert total == len(chosen)
    got = table.select(["n", "t"]).to_pylist()
    assert got == [{"n": row[0], "t": row[2]} for row in chosen[offset : offset + limit]]


def test_what_has_no_order_is_refused() -> None:
    kept = Kept(Result(pa.table({"l": [[1]], "n": [1]})))
    with pytest.raises(SchemaError, match="no order"):
        kept.rows(View("l"))
    with pytest.raises(UnknownNameError, match="did you mean 'n'"):
        kept.rows(View("N"))
    assert kept.rows(View(filter="1"))[1] == 1


def test_the_oldest_go_first_and_bytes_are_bounded() -> None:
    table = pa.table({"x": pa.array(range(50_000), pa.int64())})
    results = Results(MB, 10**6, MB)
    names = [results.keep("g", Result(table))[0] for _ in range(2)]
    results.get("g", names[0])
    names.append(results.keep("g", Result(table))[0])
    assert results.nbytes <= MB
    assert results.get("g", names[0]).table is table
    with pytest.raises(GoneError, match="no longer kept"):
        results.get("g", names[1])
    with pytest.raises(GoneError):
        results.get("another", names[2])
    with pytest.raises(LimitError, match="--answer-mb"):
        Results(MB, 10**6, 1000).keep("g", Result(table))

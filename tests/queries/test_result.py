"""Result: the doors to Arrow, pandas and polars, how it shows itself, and that nothing is cut in silence."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ingest.schema.errors import IdError, SchemaError, UnknownNameError
from queries.engine import Source, run
from queries.result import Result, plain_types, to_pandas

IDS = pa.array([1, 2**62 + 1, None], pa.uint64())


def test_ids_keep_every_digit_through_every_door() -> None:
    result = Result(pa.table({"root_id": IDS, "n": pa.array([1, 2, 3], pa.int64()), "x": [0.5, None, 1.5]}))
    frame = result.to_pandas()
    assert str(frame["root_id"].dtype) == "Int64"
    assert frame["root_id"].tolist()[:2] == [1, 2**62 + 1]
    assert str(frame["n"].dtype) == "int64"
    assert result.to_polars().schema["root_id"] == pl.UInt64
    assert result.to_polars()["root_id"].to_list() == [1, 2**62 + 1, None]
    assert result.to_arrow().schema.field("root_id").type == pa.uint64()
    whole = Result(pa.table({"root_id": IDS.drop_null()}))
    assert str(whole.to_pandas()["root_id"].dtype) == "int64"
    with pytest.raises(IdError, match="does not fit pandas"):
        Result(pa.table({"root_id": pa.array([2**63], pa.uint64())})).to_pandas()


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (a)-[e]->(b) WHERE e.weight > 99 RETURN a.bodyId AS a, e.weight AS w, count(*) AS n, b.type AS t",
        "A -> B [weight > 99]",
        "FROM GRAPH_TABLE (connectome MATCH p = (a)-[e]->{1,2}(b) WHERE a.root_id = 99 COLUMNS (a.root_id AS a, "
        "sum(e.weight) AS w, vertices(p) AS v))",
    ],
)
def test_no_rows_and_some_rows_have_the_same_types(toy: Source, text: str) -> None:
    none = run(text, toy)
    some = run(text.replace("99", "0"), toy) if "= 99" not in text else run(text.replace("= 99", "= 1"), toy)
    assert (len(none), len(some) > 0) == (0, True)
    assert none.to_arrow().schema.equals(some.to_arrow().schema)
    assert isinstance(none.to_pandas(), pd.DataFrame)
    assert list(none.to_polars().schema.items()) == list(some.to_polars().schema.items())


def test_sums_of_whole_numbers_are_int64_or_said_to_be_too_large(toy: Source) -> None:
    assert str(run("SELECT sum(i) AS s FROM range(5) t(i)", toy).to_arrow().schema.field("s").type) == "int64"
    with pytest.raises(SchemaError, match="past 2\\^63"):
        run("SELECT sum(i) * 9223372036854775807 AS s FROM range(5) t(i)", toy)
    assert plain_types(pa.table({"x": [1]})).schema.field("x").type == pa.int64()


def test_what_ran_is_told(toy: Source) -> None:
    result = run("A -> B [weight > 6]", toy)
    assert result.engine == "duckdb"
    assert "FROM" in result.sql
    assert result.pattern is not None
    assert [edge.source for edge in result.pattern.edges] == ["A"]
    assert "engine" in result.plan
    two = "SELECT count(*) FROM {0} a, {0} b".format("GRAPH_TABLE (connectome MATCH (a) COLUMNS (a.root_id))")
    assert run(two, toy).pattern is None
    assert len(run(two, toy).patterns) == 2
    # What is shown as SQL can be run as it stands.
    assert len(run(run("SELECT 1 AS x", toy).sql, toy)) == 1


def test_only_a_limit_cuts_and_it_says_so(toy: Source) -> None:
    every = run("SELECT * FROM range(300000)", toy)
    assert (len(every), every.truncated) == (300_000, False)
    cut = run("SELECT * FROM range(300000)", toy, limit=10)
    assert (len(cut), cut.truncated) == (10, True)
    assert "there are more (limit)" in repr(cut)
    assert not run("SELECT * FROM range(10)", toy, limit=10).truncated
    assert run("SELECT * FROM range(10)", toy, limit=0).truncated
    with pytest.raises(SchemaError, match="wanted 0 or more"):
        run("SELECT 1", toy, limit=-1)


def test_batches_are_all_rows(toy: Source) -> None:
    result = run("SELECT * FROM range(200000) t(i)", toy)
    sizes = [batch.num_rows for batch in result.batches(1000)]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 1000
    assert sum(sum(batch["i"].to_pylist()) for batch in result.batches()) == sum(range(200_000))


def test_scalar_wants_one_value(toy: Source) -> None:
    assert run("SELECT 7", toy).scalar() == 7
    for text in ("SELECT 1, 2", "SELECT * FROM range(2)", "SELECT 1 WHERE false"):
        with pytest.raises(SchemaError, match="one row of one column"):
            run(text, toy).scalar()


def test_text_and_html_show_the_first_rows_and_escape(toy: Source) -> None:
    result = run("SELECT '<script>alert(1)</script>' AS \"<b>\", i FROM range(30) t(i)", toy)
    page = result._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<tr>") == 21
    assert "30 rows, 20 shown" in page
    assert "30 rows, 20 shown; duckdb" in repr(result)
    assert "1 row;" in repr(run("SELECT 'a\nb' AS x, NULL AS y, 0.1 + 0.2 AS z", toy))
    assert len(repr(run("SELECT repeat('x', 5000) AS x", toy))) < 200
    assert "0 rows" in run("SELECT 1 AS x WHERE false", toy)._repr_html_()


def test_two_columns_of_one_name_are_told_apart(toy: Source) -> None:
    result = run("SELECT 1 AS a, 2 AS a, 3 AS a_1", toy)
    assert len(set(result.columns)) == 3
    assert list(to_pandas(result.to_arrow())) == result.columns


def test_results_iterate_slice_and_have_a_head() -> None:
    table = pa.table({"root_id": pa.array([2**63 + k for k in range(10)], pa.uint64()), "n": list(range(10))})
    result = Result(table, notes=("told",))
    rows = table.to_pylist()
    assert list(result) == rows
    assert [result[0], result[-1], result[9]] == [rows[0], rows[-1], rows[9]]
    for part in (slice(2, 5), slice(None, None, 3), slice(None, None, -1), slice(-3, None), slice(5, 2)):
        assert list(result[part]) == rows[part]
        assert result[part].notes == ("told",)
        assert result[part].table.schema == table.schema
    assert list(result.head()) == rows[:5]
    assert list(result.head(100)) == rows
    assert result["n"].to_pylist() == list(range(10))
    for wrong in (10, -11):
        with pytest.raises(IndexError, match="an answer with 10 rows"):
            result[wrong]
    with pytest.raises(UnknownNameError, match="root_id"):
        result["root_ids"]
    with pytest.raises(SchemaError, match="wanted 0 or more"):
        result.head(-1)

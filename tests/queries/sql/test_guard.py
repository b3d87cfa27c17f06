"""Nothing but reading gets through: by the guard's own word, and on a graph's real connection without the guard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import GraphlabError, ParseError, UnsupportedError
from queries.engine import Source, run

PASSWORDS = "/etc/passwd"
WRITES = [
    "CREATE TABLE x AS SELECT 1", "CREATE TEMP TABLE x (i INT)", "CREATE VIEW v AS SELECT 1", "CREATE MACRO f(x) AS x",
    "CREATE SCHEMA s", "CREATE SEQUENCE s", "CREATE TYPE t AS ENUM ('a')", "CREATE SECRET s (TYPE S3)",
    "CREATE INDEX i ON neurons (root_id)", "INSERT INTO neurons (root_id) VALUES (1)", "DELETE FROM neurons",
    "UPDATE neurons SET name = 'x'", "TRUNCATE neurons", "DROP TABLE neurons", "ALTER TABLE neurons ADD COLUMN x INT",
    "MERGE INTO neurons USING neurons n ON true WHEN MATCHED THEN DELETE", "COMMENT ON TABLE neurons IS 'x'",
    "WITH x AS (DELETE FROM neurons RETURNING *) FROM x",
    "WITH x AS (INSERT INTO neurons (root_id) VALUES (9) RETURNING *) FROM x",
]  # fmt: skip
SYSTEM = [
    "PRAGMA database_list", "PRAGMA threads=1", "CALL pragma_database_size()", "SET threads = 1", "RESET threads",
    "SET enable_external_access = true", "SET VARIABLE x = 1", "INSTALL httpfs", "FORCE INSTALL json",
    "LOAD httpfs", f"LOAD '{PASSWORDS}'", "ATTACH 'x.db'", "ATTACH ':memory:' AS m", "DETACH graph", "USE main",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE", "BEGIN", "COMMIT", "ROLLBACK", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'", "EXPLAIN ANALYZE SELECT 1", "COPY neurons TO 'x.csv'", f"COPY neurons FROM '{PASSWORDS}'",
    "COPY (SELECT 1) TO 'x.parquet'", "SELECT 1; DROP TABLE neurons", "SELECT 1; SELECT 2",
]  # fmt: skip
FILES = [
    f"SELECT * FROM '{PASSWORDS}'", "FROM 'x.parquet'", "FROM 'x.csv'", 'FROM "x.json"',
    f"FROM read_csv('{PASSWORDS}')",
    "FROM read_csv_auto('x')", "FROM read_parquet('x')", "FROM parquet_scan('x')", "FROM parquet_metadata('x')",
    "FROM read_json('x')", "FROM read_json_objects('x')", "FROM read_ndjson('x')", f"FROM read_text('{PASSWORDS}')",
    "FROM read_blob('x')", "FROM glob('/*')", "FROM sniff_csv('x')", "FROM query('SELECT 1')",
    "FROM query_table('neurons')",
    "FROM arrow_scan(1, 2, 3)", "FROM pandas_scan(1)", "FROM sqlite_scan('x', 'y')", "FROM duckdb_settings()",
    "FROM duckdb_secrets()", "FROM duckdb_extensions()", "FROM pragma_database_list()", "FROM pragma_version()",
    "SELECT getenv('HOME')", "SELECT current_setting('temp_directory')", "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT pg_sleep(1)", f"SELECT (SELECT content FROM read_text('{PASSWORDS}'))",
    f"SELECT * FROM neurons WHERE name IN (SELECT content FROM read_text('{PASSWORDS}'))",
    f"WITH x AS (FROM read_text('{PASSWORDS}')) FROM x",
    f"SELECT 1 UNION ALL SELECT size FROM read_text('{PASSWORDS}')",
    f"FROM neurons, LATERAL (SELECT * FROM read_text('{PASSWORDS}'))", "FROM range(3) t(i), read_csv('x')",
]  # fmt: skip


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph.create(tmp_path_factory.mktemp("guard") / "g") as made:
        made.ingest(pa.table({"root_id": pa.array([1, 2], pa.uint64()), "name": ["a", "b"]}), as_="neurons")
        yield made


@pytest.mark.parametrize("text", [*WRITES, *SYSTEM, *FILES])
def test_refused_in_sql(graph: Graph, text: str) -> None:
    with pytest.raises((ParseError, UnsupportedError)) as caught:
        graph.query(text)
    assert str(caught.value)
    assert graph.query("SELECT count(*) FROM neurons").scalar() == 2


@pytest.mark.parametrize("text", FILES)
def test_refused_around_graph_table(graph: Graph, text: str) -> None:
    pattern = "GRAPH_TABLE (connectome MATCH (a IS neuron) COLUMNS (a.root_id AS a))"
    for around in (f"SELECT (SELECT count(*) FROM ({text})), a FROM {pattern}", f"FROM {pattern} UNION ALL ({text})"):
        with pytest.raises(ParseError):
            graph.query(around)


@pytest.mark.parametrize(
    "call",
    ["getenv('HOME')", "current_setting('threads')", "read_text('/etc/passwd')", "glob('/*')", "query('SELECT 1')",
     "nextval('s')", "setseed(0.5)", "write_log('x')", "pg_sleep(1)", "read_csv('x')", "pragma_version()"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["COLUMNS ({} AS x)", "WHERE {} = 'x' COLUMNS (a.root_id AS x)"])
def test_refused_inside_a_pattern(graph: Graph, call: str, place: str) -> None:
    text = f"FROM GRAPH_TABLE (connectome MATCH (a IS neuron) {place.format(call)})"
    with pytest.raises(ParseError) as caught:
        graph.query(text)
    assert text[caught.value.position :].startswith(call.split("(")[0])
    with pytest.raises(ParseError, match="no function"):
        graph.query(f"MATCH (a:Neuron) RETURN {call} AS x", language="cypher")


@pytest.mark.parametrize(
    "text",
    ["MATCH (n:Neuron) SET n.name = 'x' RETURN n", "MATCH (n:Neuron) DELETE n", "MATCH (n:Neuron) DETACH DELETE n",
     "CREATE (n:Neuron {bodyId: 5}) RETURN n", "MERGE (n:Neuron {bodyId: 5}) RETURN n",
     "MATCH (n) REMOVE n.name RETURN n", "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
     "CALL dbms.listConfig()", "CALL apoc.load.json('file:///etc/passwd') YIELD value RETURN value.x",
     "CALL apoc.cypher.runTimeboxed(\"MATCH (n) DELETE n\", {}, 10) YIELD value RETURN value.x AS x",
     "MATCH (n) FOREACH (x IN [1] | SET n.y = x)", "USE other MATCH (n) RETURN n"],
)  # fmt: skip
def test_refused_in_cypher(graph: Graph, text: str) -> None:
    with pytest.raises(ParseError):
        graph.query(text, language="cypher")
    assert graph.query("SELECT count(*) FROM neurons").scalar() == 2


@pytest.mark.parametrize("text", ["A -> B; DROP TABLE neurons", 'A -> B [name = "x\'; DROP TABLE neurons; --"]'])
def test_refused_or_bound_in_dotmotif(graph: Graph, text: str) -> None:
    with pytest.raises(ParseError):
        graph.query(text, language="dotmotif")
    assert len(graph.query('A -> B\nA.name = "x\'; DROP TABLE neurons; --"', language="dotmotif")) == 0
    assert graph.query("SELECT count(*) FROM neurons").scalar() == 2


LOCKED = [text for text in [*SYSTEM, *FILES] if any(word in text.lower() for word in (
    "external_access", "install", "load", "attach 'x", "passwd", "x.", "('x')", "glob", "export", "threads"))
    and "write_log" not in text]  # fmt: skip


@pytest.mark.parametrize("text", LOCKED)
def test_the_connection_itself_refuses_too(graph: Graph, text: str) -> None:
    """Were the guard passed by, DuckDB's own locks would hold: no files, no extensions, no settings."""
    cursor = graph.folder.cursor()
    with pytest.raises(duckdb.Error):
        cursor.execute(text).fetchall()
    row = cursor.execute("SELECT current_setting('enable_external_access'), current_setting('lock_configuration')")
    assert row.fetchall() == [(False, True)]


def test_files_of_the_graph_are_no_door_either(graph: Graph, tmp_path: Path) -> None:
    inside = graph.path / "graph.duckdb"
    for text in (f"FROM '{inside}'", f"ATTACH '{inside}' AS g", f"COPY neurons TO '{tmp_path / 'out.csv'}'"):
        with pytest.raises(duckdb.Error):
            graph.folder.cursor().execute(text).fetchall()
        with pytest.raises(GraphlabError):
            graph.query(text)
    assert not (tmp_path / "out.csv").exists()


def test_python_variables_are_no_tables(graph: Graph) -> None:
    secret = pa.table({"x": [1]})
    assert secret.num_rows == 1
    with pytest.raises(ParseError, match="no table 'secret'"):
        graph.query("FROM secret")


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "FROM neurons", "VALUES (1)", "TABLE neurons", "SHOW TABLES", "DESCRIBE neurons", "SUMMARIZE neurons",
     "SELECT * FROM range(3)", "SELECT unnest([1, 2])", "FROM information_schema.tables", "SELECT 1;",
     "FROM (VALUES (1)) AS t(x)", "SELECT name FROM main.neurons", "SELECT list_sum([1, 2])",
     "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
     "SELECT * FROM neurons WHERE name = 'DROP TABLE neurons; COPY'", "SELECT 'a''b' -- ; DROP TABLE neurons",
     "SELECT $$; DROP TABLE neurons$$", "(SELECT 1) UNION (SELECT 2)"],
)  # fmt: skip
def test_reading_is_let_through(graph: Graph, text: str) -> None:
    assert graph.query(text).columns


def test_unknown_names_get_the_nearest(toy: Source) -> None:
    for text, nearest, word in (
        ("SELECT * FROM neurn", "did you mean 'neurons'", "neurn"),
        ("SELECT cel_type FROM neurons", "cell_type", "cel_type"),
        ("SELECT uper(name) FROM neurons", "upper", "uper"),
        ("SELECT * FROM generate_serie(3)", "did you mean 'generate_series'", "generate_serie"),
    ):
        with pytest.raises(ParseError, match=nearest) as caught:
            run(text, toy)
        assert text[caught.value.position :].startswith(word)


def test_values_of_parameters_stay_values(toy: Source) -> None:
    hostile: list[Any] = ["'; DROP TABLE neurons; --", "x' OR 1=1", "$y", "\\", "NULL"]
    for value in hostile:
        result = run(
            "SELECT $x AS x, (SELECT count(*) FROM neurons WHERE cell_type = $x) AS n", toy, parameters={"x": value}
        )
        assert result.to_arrow().to_pylist() == [{"x": value, "n": 0}]
        assert value not in result.sql.replace("$x", "") or value == "NULL"
    with pytest.raises(
        ParseError, match=r"no value for the parameter \$x; did you mean 'X1'|no value for the parameter"
    ):
        run("SELECT $x", toy, parameters={"X1": 1})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) t, {}c",
        "WITH a AS (WITH c AS (SELECT 1) FROM c) SELECT * FROM a, {}c",
        "WITH a AS (SELECT * FROM {}c), c AS (SELECT 1) SELECT * FROM a",
        "WITH c AS (SELECT * FROM {}c) SELECT * FROM c",
        "(WITH c AS (SELECT 1) FROM c) UNION ALL (SELECT * FROM {}c)",
        "SELECT (WITH c AS (SELECT 1) SELECT * FROM c), (SELECT max(x) FROM {}c t(x))",
        "WITH c AS (SELECT 1) SELECT * FROM main.{}c",
    ],
)
@pytest.mark.parametrize("name", ["c", '"x.csv"', "sqlite_master", "duckdb_settings", "pg_class"])
def test_names_of_ctes_count_only_where_they_are_in_scope(graph: Graph, text: str, name: str) -> None:
    query = text.replace("{}c", name).replace("c AS (", f"{name} AS (").replace("FROM c", f"FROM {name}")
    with pytest.raises(ParseError, match="there is no table|looks like a file") as caught:
        graph.query(query)
    assert query[caught.value.position :].strip("(main. ").startswith(name) or "main" in text


@pytest.mark.parametrize(
    "text",
    ["WITH a AS (SELECT 1 AS x), b AS (FROM a) SELECT * FROM b, a",
     "WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a) UNION ALL (WITH b AS (FROM a) FROM b)",
     "WITH a AS (SELECT 1 AS x) SELECT * FROM (SELECT 2) t, LATERAL (SELECT x FROM A)",
     "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3), u AS (FROM t) SELECT sum(n) FROM u",
     "WITH a AS (WITH b AS (SELECT 1 AS x) FROM b) SELECT x FROM a ORDER BY (SELECT max(x) FROM a)",
     "WITH neurons AS (SELECT 5 AS x) SELECT x FROM neurons",
     "SELECT * FROM neurons WHERE EXISTS (WITH n AS (SELECT 1) FROM n)"],
)  # fmt: skip
def test_names_of_ctes_in_scope_are_read(graph: Graph, text: str) -> None:
    assert graph.query(text).columns

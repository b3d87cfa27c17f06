"""The query command, in process: every option of it, one JSON document, one error."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from graphlab.cli import app
from graphlab.graph import Graph
from ingest.schema.errors import GraphlabError

BIG = 864691135941359220
ALL = "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) RETURN a.bodyId AS a, b.bodyId AS b, e.weight AS w ORDER BY w DESC"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("asking") / "g"
    rows = pd.DataFrame([(BIG, BIG + 1, 5.0), (BIG + 1, 3, 2.0), (3, BIG, 1.0)],
                        columns=["pre_root_id", "post_root_id", "weight"])  # fmt: skip
    with Graph.create(place) as graph:
        graph.ingest(rows, as_="connections")
    return place


def ask(folder: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["query", str(folder), *arguments], input=text)


def failure(folder: Path, *arguments: str) -> GraphlabError:
    done = ask(folder, *arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, GraphlabError), done.exception
    return done.exception


def test_every_language_by_itself_and_by_name(folder: Path) -> None:
    rows = json.loads(ask(folder, ALL, "--json").stdout)
    assert rows == [
        {"a": str(BIG), "b": str(BIG + 1), "w": 5.0},
        {"a": str(BIG + 1), "b": "3", "w": 2.0},
        {"a": "3", "b": str(BIG), "w": 1.0},
    ]
    assert json.loads(ask(folder, ALL, "--json", "--language", "cypher").stdout) == rows
    motif = json.loads(ask(folder, "A -> B [weight > 1]\nB -> C", "--json").stdout)
    assert motif == [
        {"A": str(BIG), "B": str(BIG + 1), "C": "3"},
        {"A": str(BIG + 1), "B": "3", "C": str(BIG)},
    ] or motif == [
        {"A": str(BIG + 1), "B": "3", "C": str(BIG)},
        {"A": str(BIG), "B": str(BIG + 1), "C": "3"},
    ]
    assert json.loads(ask(folder, "FROM neurons SELECT count(*) AS n", "--json").stdout) == [{"n": 3}]


def test_text_from_a_file_and_from_standard_input(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "question.cypher").write_text(ALL)
    assert len(json.loads(ask(folder, f"@{tmp_path / 'question.cypher'}", "--json").stdout)) == 3
    assert len(json.loads(ask(folder, "-", "--json", text=ALL).stdout)) == 3
    assert "does not exist" in str(failure(folder, "@" + str(tmp_path / "absent")))


@pytest.mark.parametrize("text", [ALL, "A -> B", "FROM connections", "SELECT 1 WHERE false"])
def test_counts(folder: Path, text: str) -> None:
    number = 0 if "false" in text else 3
    assert json.loads(ask(folder, text, "--count", "--json").stdout) == [{"count": number}]
    assert ask(folder, text, "--count").stdout == f"{number}\n"
    assert ask(folder, text, "--count", "--limit", "2").stdout == f"{min(number, 2)}\n"


def test_a_limit_is_said(folder: Path) -> None:
    done = ask(folder, ALL, "--limit", "2", "--json")
    assert len(json.loads(done.stdout)) == 2
    assert "there are more" in done.stderr
    assert "there are more" not in ask(folder, ALL, "--limit", "3", "--json").stderr


def test_explain(folder: Path) -> None:
    rows = json.loads(ask(folder, ALL, "--explain", "--json").stdout)
    parts = {row["part"] for row in rows}
    assert {"graph", "semantics", "vertex", "edge", "engine", "sql"} <= parts
    assert "distinct edges" in ask(folder, ALL, "--explain").stdout


def test_engines_and_parameters(folder: Path) -> None:
    text = "MATCH (a)-[e]->(b) WHERE a.bodyId IN $ids AND e.weight > $w RETURN b.bodyId AS b"
    assert "no value for the parameter" in str(failure(folder, text))
    one = "MATCH (a)-[e]->(b) WHERE a.bodyId = CASE WHEN $w = 'x' THEN 0 ELSE 3 END RETURN b.bodyId AS b"
    hostile = "'; DROP TABLE neurons; --"
    assert json.loads(ask(folder, one, "--parameter", f"w={hostile}", "--json").stdout) == [{"b": str(BIG)}]
    assert json.loads(ask(folder, ALL, "--engine", "duckdb", "--count", "--json").stdout) == [{"count": 3}]
    assert ask(folder, ALL, "--engine", "fast").exit_code == 2
    assert ask(folder, ALL, "--language", "sparql").exit_code == 2


def test_limits_of_time_and_memory(folder: Path) -> None:
    slow = "SELECT count(*) FROM range(100000000000) AS r(i) WHERE hash(i) = 0"
    assert "time limit of 0.3 s" in str(failure(folder, slow, "--time-limit", "0.3"))
    assert "is no size" in str(failure(folder, ALL, "--memory-limit", "much"))
    assert ask(folder, ALL, "--time-limit", "60", "--memory-limit", "1GB", "--count").stdout == "3\n"


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "json"])
def test_files(folder: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"rows.{ending}"
    done = ask(folder, ALL, "-o", str(target))
    assert "3 rows" in done.stdout
    if ending == "parquet":
        from pyarrow import parquet

        assert parquet.read_table(target).schema.field("a").type == pa.uint64()
    if ending == "json":
        assert json.loads(target.read_text())[0] == {"a": str(BIG), "b": str(BIG + 1), "w": 5.0}
    if ending == "csv":
        assert target.read_text().splitlines()[:2] == ["a,b,w", f"{BIG},{BIG + 1},5.0"]


def test_a_property_graph_is_kept_and_asked(folder: Path) -> None:
    text = (
        "CREATE OR REPLACE PROPERTY GRAPH mine VERTEX TABLES (neurons) EDGE TABLES (connections "
        "SOURCE KEY (pre_root_id) REFERENCES neurons DESTINATION KEY (post_root_id) REFERENCES neurons LABEL touches)"
    )
    assert json.loads(ask(folder, text, "--json").stdout) == [{"property_graph": "mine"}]
    assert "is kept" in ask(folder, text).stdout
    again = "FROM GRAPH_TABLE (mine MATCH (a)-[e IS touches]->(b) COLUMNS (a.root_id))"
    assert ask(folder, again, "--count").stdout == "3\n"
    assert "did you mean 'touches'" in str(failure(folder, again.replace("touches", "tuches")))


@pytest.mark.parametrize(
    "text",
    ["DROP TABLE neurons", "COPY neurons TO 'x.csv'", "ATTACH 'x.db'", "SELECT * FROM read_csv('/etc/passwd')",
     "CREATE TABLE x (i INT)", "MATCH (n) DELETE n", "MATCH (n) SET n.x = 1 RETURN n", "PRAGMA database_list"],
)  # fmt: skip
def test_what_writes_or_reads_files_is_refused(folder: Path, text: str) -> None:
    error = failure(folder, text)
    assert "refused" in str(error) or "not answered" in str(error)


ONES = "MATCH (n) WHERE n.bodyId IN $ids RETURN n.bodyId AS n ORDER BY n"


@pytest.mark.parametrize(
    "value",
    [f"[{BIG}, 3]", f'["{BIG}", "3"]', "@ids.txt", "@ids.json", "@told.json"],
)
def test_lists_as_parameters(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text(f"\ufeff{BIG}\r\n\r\n 3\n", encoding="utf-8")
    Path("ids.json").write_text(f" [{BIG},\n3]", encoding="utf-8")
    Path("told.json").write_text(ask(folder, f"MATCH (n) WHERE n.bodyId IN [{BIG}, 3] RETURN n.bodyId", "--json").stdout
                                 .replace('{"n.bodyId": ', "").replace("}", ""), encoding="utf-8")  # fmt: skip
    rows = json.loads(ask(folder, ONES, "--parameter", f"ids={value}", "--json").stdout)
    assert rows == [{"n": "3"}, {"n": str(BIG)}]


@pytest.mark.parametrize(
    ("value", "message"),
    [("3,7", "IN wants a list"), ("[3", "is no JSON"), ("[3.5]", "a float cannot hold"),
     ("@none.txt", "does not exist"), ("@empty.txt", "holds no value"),
     ("@header.txt", "no whole number"), ("[true]", "truth value")],
)  # fmt: skip
def test_lists_that_are_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n", encoding="utf-8")
    Path("header.txt").write_text("root_id\n3\n", encoding="utf-8")
    assert message in str(failure(folder, ONES, "--parameter", f"ids={value}"))


def test_texts_stay_texts(folder: Path) -> None:
    for value in ("Mi1", '"Mi1"', "a,b"):
        done = ask(folder, "MATCH (n) WHERE n.type = $t RETURN count(*) AS n", "--parameter", f"t={value}", "--json")
        assert json.loads(done.stdout) == [{"n": 0}]


def test_ids_beside_weights_keep_their_digits_in_json(folder: Path) -> None:
    rows = json.loads(ask(folder, "MATCH (a)-[e {weight: 5}]->() RETURN [a.bodyId, e.weight] AS v", "--json").stdout)
    assert rows == [{"v": {"root_id": str(BIG), "weight": 5.0}}]


def test_parts_of_a_question_are_gathered_to_its_answer(folder: Path, tmp_path: Path) -> None:
    text = "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) RETURN a.bodyId AS a, b.bodyId AS b, e.weight AS w"
    shared = ("--shared", str(tmp_path / "parts"), "--json")
    for part in ("1/2", "2/2"):
        assert json.loads(ask(folder, text, "--part", part, *shared).stdout)["parts"] == 2
    rows = json.loads(ask(folder, text, "--part", "gather", *shared).stdout)
    assert rows == json.loads(ask(folder, text, "--workers", "2", "--json").stdout)
    assert rows == sorted(json.loads(ask(folder, text, "--json").stdout), key=lambda row: int(row["a"]))
    assert json.loads(ask(folder, text, "--part", "2/2", *shared).stdout)["tasks"] is None  # nothing is left
    assert ask(folder, "A -> B", "--count", "--shared", str(tmp_path / "kept")).stdout == "3\n"
    assert "ORDER BY in the pattern" in str(failure(folder, ALL, "--workers", "1"))

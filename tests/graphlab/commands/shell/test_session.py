"""The shell: answers, commands with a dot, errors that end a question and never the session."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from graphlab import Graph
from graphlab.commands.shell.prompt import run_shell
from graphlab.commands.shell.session import COMMANDS, Quit, Session
from ingest.schema.errors import GraphlabError

COUNT = "MATCH (a)-[e]->(b) RETURN count(*) AS n"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    folder = tmp_path_factory.mktemp("shell") / "g"
    with Graph.create(folder, dataset="four") as made:
        made.ingest(pd.DataFrame({"root_id": [1, 2, 3, 4], "cell_type": ["A", "B", "MBON01", "MBON02"]}), as_="neurons")
        rows = {"pre_root_id": [1, 2, 3], "post_root_id": [2, 3, 4], "weight": [5.0, 2.0, 7.0]}
        made.ingest(pd.DataFrame(rows), as_="connections")
        made.sets.save("mine", [1, 2])
    with Graph.open(folder, read_only=True) as opened:
        yield opened


@pytest.fixture
def session(graph: Graph) -> Session:
    return Session(graph)


def said(session: Session, capsys: pytest.CaptureFixture[str], text: str) -> str:
    session.respond(text)
    return capsys.readouterr().out


def test_every_language_is_answered(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    for text in (COUNT + ";", "SELECT count(*) AS n FROM connections;"):
        assert "3" in said(session, capsys, text).split()
    assert "3 rows" in said(session, capsys, "A -> B")
    out = said(session, capsys, "SELECT root_id FROM neurons WHERE list_contains($mine, root_id) ORDER BY 1")
    assert "2 rows" in out
    assert "s, duckdb" in out


def test_settings_hold_for_the_questions_to_come(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(session, capsys, ".limit") == "limit: off\n"
    assert said(session, capsys, ".limit 2") == "limit: 2 rows\n"
    assert "2 rows; there are more (.limit is 2)" in said(session, capsys, "A -> B")
    assert said(session, capsys, ".limit off") == "limit: off\n"
    assert said(session, capsys, ".engine csr") == "engine: csr\n"
    assert "s, csr" in said(session, capsys, "A -> B")
    assert said(session, capsys, ".timing off") == "timing: off\n"
    assert " s, " not in said(session, capsys, "A -> B")
    assert said(session, capsys, ".language dotmotif") == "language: dotmotif\n"
    with pytest.raises(GraphlabError):
        session.respond(COUNT)
    assert said(session, capsys, ".language auto") == "language: auto\n"
    assert said(session, capsys, ".kind electrical") == "kind: electrical\n"
    assert "0" in said(session, capsys, COUNT).split()


def test_the_last_answer_is_saved(session: Session, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(GraphlabError, match="no answer yet"):
        session.respond(".save x.csv")
    said(session, capsys, "SELECT root_id FROM neurons ORDER BY 1;")
    said(session, capsys, ".count A -> B")
    assert said(session, capsys, ".explain A -> B")
    assert "1 rows" in said(session, capsys, f".save '{tmp_path / 'two words.csv'}'")
    assert pd.read_csv(tmp_path / "two words.csv").iloc[0, 0] == 3
    with pytest.raises(GraphlabError):
        session.respond(f".save {tmp_path / 'x.doc'}")
    for odd in (".save it's.csv", ".save a.csv b.csv", ".save"):
        with pytest.raises(GraphlabError, match="takes a file"):
            session.respond(odd)
    assert "3" in said(session, capsys, ".count\nA -> B").split(), "a question may begin on the next line"


def test_what_there_is(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    helped = said(session, capsys, ".help")
    assert all(word in helped for word in COMMANDS)
    assert "connections: pre_root_id" in said(session, capsys, ".tables")
    assert "UBIGINT" in said(session, capsys, ".columns neurons")
    values = said(session, capsys, ".values cell_type mbon")
    assert "MBON01" in values
    assert "A " not in values
    assert "mine" in said(session, capsys, ".sets")
    with pytest.raises(Quit):
        session.respond(".quit")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".hlep", "did you mean '.help'"),
        (".engine duckbd", "did you mean 'duckdb'"),
        (".limit many", "found 'many'"),
        (".timing 3", "found '3'"),
        (".columns neuron", "did you mean 'neurons'"),
        (".values cell_typ", "did you mean 'cell_type'"),
        (".count", "wanted a question"),
        (".save", "takes a file"),
        ("MATCH (a RETURN a", "line 1"),
        ("CREATE TABLE x (y INT)", "."),
    ],
)
def test_wrong_input_is_one_error(graph: Graph, text: str, message: str) -> None:
    session = Session(graph)
    session.respond("SELECT 1 AS x")
    with pytest.raises(GraphlabError, match=message):
        session.respond(text)


def test_questions_from_a_pipe(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several lines to a question, an error in the middle, a last question without an end."""
    lines = f"{COUNT};\nMATCH (a\n;\n.timing off\nSELECT root_id\nFROM neurons\n\nA -> B [weight > 4]"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    run_shell(session)
    told = capsys.readouterr()
    assert told.err.count("error: ") == 1
    assert "1 row, " in told.out
    assert told.out.count("root_id") == 1
    assert session.last is not None
    assert len(session.last) == 2


def test_answers_as_json(graph: Graph, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(graph, json=True)
    out = said(session, capsys, "A -> B")
    assert len(json.loads(out)) == 3
    assert json.loads(said(session, capsys, "SELECT root_id FROM neurons ORDER BY 1;"))[0] == {"root_id": "1"}

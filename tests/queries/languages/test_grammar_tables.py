"""Tables of grammars kept between processes: the same parser from them, nothing from a place others may write."""

from __future__ import annotations

import logging
import os
from importlib.resources import files
from pathlib import Path

import pytest
from lark import Transformer

from ingest.schema.errors import ParseError
from queries.languages.grammar import Grammar
from queries.languages.grammar_tables import cache_file
from queries.languages.sql_pgq import parser as sql_pgq

QUESTION = (
    "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[s:synapse]->{1,3}(b) WHERE a.cell_type IN ('A', $t) "
    "KEEP DISTINCT VERTICES COLUMNS (a.root_id AS pre, sum(s.weight) AS w))"
)
WRONG = "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[s:synapse]->(b WHERE a.x > 1 COLUMNS (a.root_id))"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    return tmp_path / "c" / "graphlab" / "grammars"


def parsed() -> tuple[str, str]:
    """A question and the complaint about a wrong one, from a grammar made in this moment."""
    sql_pgq._grammar.cache_clear()
    with pytest.raises(ParseError) as wrong:
        sql_pgq.parse(WRONG)
    return repr(sql_pgq.parse(QUESTION)), str(wrong.value)


def test_kept_tables_parse_alike_and_broken_ones_are_made_anew(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = parsed()
    (kept,) = place.iterdir()
    whole = kept.read_bytes()
    before = kept.stat().st_mtime_ns
    assert parsed() == made
    assert kept.stat().st_mtime_ns == before, "written again, so not read"
    for broken in (b"", whole[:1000], whole.replace(b"\n", b"x\n", 1)):
        kept.write_bytes(broken)
        with caplog.at_level(logging.CRITICAL):
            assert parsed() == made
    assert not caplog.records


def test_another_grammar_never_reads_these_tables(place: Path) -> None:
    source = (files("queries.languages.sql_pgq") / "sql_pgq.lark").read_text(encoding="utf-8")
    paths = {cache_file(source, "body"), cache_file(source, "path"), cache_file(source + "\n", "body")}
    assert len(paths) == 3
    assert Grammar('start: "a"', "start", Transformer(), {}).parse("a").data == "start"
    assert Grammar('start: "b"', "start", Transformer(), {}).parse("b").data == "start"
    assert len(list(place.iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
def test_a_folder_that_others_may_write_is_not_used(place: Path) -> None:
    place.mkdir(parents=True)
    place.chmod(0o777)
    assert cache_file("a", "start") is None
    assert parsed()[0]
    assert not list(place.iterdir())
    place.chmod(0o700)
    assert cache_file("a", "start") is not None


def test_without_a_place_the_tables_are_made_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_file("a", "start") is None
    assert parsed()[0]

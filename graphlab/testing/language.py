"""The contract of the QueryLanguage seam.

Tests: tests/contracts/test_languages.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphlab.testing.refusal import refusal
from graphlab.testing.toy import toy_graph
from ingest.schema.errors import GraphlabError, ParseError
from queries.engine import LANGUAGES, detect
from queries.ir.statement import Statement
from queries.languages.language import QueryLanguage

TEXTS = {
    "pgq": "SELECT count(*) FROM neurons",
    "cypher": "MATCH (a)-[e]->(b) RETURN a.bodyId",
    "dotmotif": "A -> B\nB -> C",
}
"""Questions that are of one of our languages without doubt."""
ODD = ("", " ", "\n", ";", "(", "'", "\x00", "é → ü", "a" * 10_000, "$x", "-- note", "/*")


class LanguageContract:
    """What every query language does.

    ::

        class TestAcme(LanguageContract):
            name = "acme"
            text = "1 to ?"
            rows = [{"post": 2}, {"post": 3}]
            broken = "1 to to"
    """

    name: str
    """Of the entry point."""
    text: str
    """A question over ``graphlab.testing.toy``."""
    rows: list[dict[str, Any]]
    """Its answer, in any order."""
    broken: str
    """A text that does not parse."""

    @property
    def language(self) -> QueryLanguage:
        return LANGUAGES.get(self.name)

    def test_its_question_is_answered_counted_and_explained(self, tmp_path: Path) -> None:
        with toy_graph(tmp_path / "toy") as graph:
            for engine in ("auto", "duckdb"):
                found = graph.query(self.text, language=self.name, engine=engine).to_arrow().to_pylist()
                assert _sorted(found) == _sorted(self.rows), f"{engine} finds {found}"
            assert graph.query(self.text, language=self.name, count=True).scalar() == len(self.rows)
            assert len(graph.query(self.text, language=self.name, limit=1)) == min(1, len(self.rows))
            explained = graph.query(self.text, language=self.name, explain=True)
            assert "sql" in explained.to_arrow()["part"].to_pylist()

    def test_a_text_gives_the_same_statement_each_time(self) -> None:
        first, second = (self.language.parse(self.text) for _ in "12")
        assert isinstance(first, Statement)
        assert first == second
        assert first.language, "a statement says its language"

    def test_what_it_recognizes_is_its_own(self) -> None:
        if self.language.recognizes(self.text):
            assert LANGUAGES.get(detect(self.text)) is self.language
        for name, text in TEXTS.items():
            if LANGUAGES.get(name) is not self.language:
                assert not self.language.recognizes(text), f"it takes {text!r}, which is {name}"
                assert detect(text) == name
        for text in ODD:
            assert self.language.recognizes(text) in (True, False)

    def test_a_broken_text_is_a_parse_error_with_the_place(self) -> None:
        error = refusal(repr(self.broken), lambda: self.language.parse(self.broken), ParseError)
        assert error.message
        assert 0 <= error.position <= len(self.broken), f"position {error.position} lies outside of the text"

    def test_any_part_of_a_text_is_parsed_or_refused(self) -> None:
        parts = [self.text[:end] for end in range(len(self.text))] + [self.text[at:] for at in range(len(self.text))]
        for part in (*parts, *ODD):
            try:
                self.language.parse(part)
            except GraphlabError:
                continue


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: repr(sorted(row.items())))

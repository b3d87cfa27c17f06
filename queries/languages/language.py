"""The QueryLanguage seam: a text in, a Statement out; and which language a text is in."""

from __future__ import annotations

import re
from typing import Protocol

from ingest.registry import Registry
from queries.ir.statement import Statement


class QueryLanguage(Protocol):
    """A language that people ask in. It comes down to patterns (``queries.ir``) with SQL around them."""

    @property
    def name(self) -> str:
        """``"cypher"``, ``"dotmotif"``, ..."""
        ...

    def recognizes(self, text: str) -> bool:
        """Whether a text can only be of this language, by how it begins; False where another may be meant."""
        ...

    def parse(self, text: str) -> Statement:
        """The statement; ParseError or UnsupportedError with the place in ``text``. Reads no graph, writes nothing."""
        ...


LANGUAGES: Registry[QueryLanguage] = Registry("query language", "graphlab.languages", QueryLanguage)

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|//[^\n]*\n|#[^\n]*\n|/\*.*?\*/|\()*([A-Za-z_]+)", re.DOTALL)
_CYPHER = frozenset({"MATCH", "OPTIONAL", "UNWIND", "CALL", "RETURN"})
_SQL = frozenset({"SELECT", "FROM", "WITH", "VALUES", "SHOW", "DESCRIBE", "SUMMARIZE", "TABLE", "EXPLAIN", "CREATE"})
_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_SQL_WITH = re.compile(
    rf"WITH\b{_BLANK}*(?:RECURSIVE\b|(?:[^\W\d]\w*|\"(?:[^\"]|\"\")*\"){_BLANK}*"
    rf"(?:\([^()]*\){_BLANK}*)?(?:USING\b|AS\b{_BLANK}*(?:(?:NOT\b{_BLANK}*)?MATERIALIZED\b{_BLANK}*)?\())",
    re.IGNORECASE | re.DOTALL,
)
"""How SQL goes on after WITH: a name and a query in brackets. Cypher has a value there, however long."""
_MATCH = re.compile(r"\b(?:MATCH|RETURN)\b", re.IGNORECASE)
_DOTMOTIF = re.compile(r"^\s*(?:[^\W\d]\w*\s*[-~!][>+|-]|[^\W\d]\w*\s*\([\w\s,]*\)\s*\{|#)", re.MULTILINE)


def detect(text: str) -> str:
    """The language of a text by its first word, comments aside; SQL where no language recognizes it."""
    return next((name for name, language in LANGUAGES if language.recognizes(text)), Pgq.name)


class Cypher:
    """openCypher patterns; its parser is loaded by the first question in it, like those of the others."""

    name = "cypher"

    def recognizes(self, text: str) -> bool:
        word, at = _first_word(text)
        return word in _CYPHER or (word == "WITH" and not _SQL_WITH.match(text, at) and bool(_MATCH.search(text)))

    def parse(self, text: str) -> Statement:
        from queries.languages.cypher.parser import parse

        return parse(text)


class Pgq:
    """SQL with GRAPH_TABLE patterns, also called ``sql``."""

    name = "pgq"

    def recognizes(self, text: str) -> bool:
        return _first_word(text)[0] in _SQL and not Cypher().recognizes(text)

    def parse(self, text: str) -> Statement:
        from queries.languages.sql_pgq.parser import parse

        return parse(text)


class DotMotif:
    """Edges of a motif, one a line."""

    name = "dotmotif"

    def recognizes(self, text: str) -> bool:
        return _first_word(text)[0] not in _SQL | _CYPHER and bool(_DOTMOTIF.search(text[:10_000]))

    def parse(self, text: str) -> Statement:
        from queries.languages.dotmotif.parser import parse

        return parse(text)


def _first_word(text: str) -> tuple[str, int]:
    """In capitals, and where it begins."""
    found = _FIRST_WORD.match(text)
    return (found.group(1).upper(), found.start(1)) if found else ("", 0)


_PGQ = Pgq()
for _language in (_PGQ, DotMotif(), Cypher()):
    LANGUAGES.register(_language.name, _language)
LANGUAGES.register("sql", _PGQ)

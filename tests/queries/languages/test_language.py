"""Which language a text is in: by its first words, then by what other packages recognize."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.schema.errors import PluginError
from queries.languages.language import LANGUAGES, detect

GREMLIN = """
from queries.ir.statement import Statement


class Gremlin:
    name = "gremlin"

    def recognizes(self, text):
        return text.startswith(("g.V(", "MATCH"))

    def parse(self, text):
        return Statement("SELECT 1", (), self.name, text)


LANGUAGE = Gremlin()
"""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("SELECT 1", "pgq"),
        ("  -- note\n FROM neurons", "pgq"),
        ("WITH x AS (SELECT 1) FROM x", "pgq"),
        ("(SELECT 1)", "pgq"),
        ("WITH m AS (FROM GRAPH_TABLE (connectome MATCH (a) COLUMNS (a.name))) FROM m", "pgq"),
        ("MATCH (n) RETURN n", "cypher"),
        ("// note\nmatch (n) RETURN n", "cypher"),
        ("WITH [1] AS x MATCH (n) RETURN n", "cypher"),
        ("CALL apoc.cypher.runTimeboxed('', {}, 1)", "cypher"),
        ("A -> B", "dotmotif"),
        ("# note\nA !> B", "dotmotif"),
        ("f(x, y) { x -> y }\nf(A, B)", "dotmotif"),
        ("selected -> B", "dotmotif"),
        ("", "pgq"),
        ("nonsense", "pgq"),
    ],
)
def test_the_language_is_told_by_the_first_words(text: str, language: str) -> None:
    assert detect(text) == language


def test_a_language_of_another_package_is_asked_where_none_of_ours_is_sure(package: Callable[..., Path]) -> None:
    assert detect("g.V().count()") == "pgq"
    package("acme_gremlin", {"graphlab.languages": {"gremlin": "acme_gremlin:LANGUAGE"}}, GREMLIN)
    assert detect("g.V().count()") == "gremlin"
    assert detect("MATCH (n) RETURN n") == "cypher"
    assert detect("nonsense") == "pgq"
    assert LANGUAGES.get("gremlin").parse("g.V()").language == "gremlin"


def test_one_that_cannot_be_loaded_is_left_out_until_it_is_named(package: Callable[..., Path]) -> None:
    package("acme_mute", {"graphlab.languages": {"mute": "acme_mute:LANGUAGE"}}, "raise RuntimeError('no voice')")
    assert detect("g.V().count()") == "pgq"
    with pytest.raises(PluginError, match="query language 'mute' of acme-mute 1.2 cannot be loaded: .*no voice"):
        LANGUAGES.get("mute")

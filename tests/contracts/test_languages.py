"""Every query language of ours passes the contract that others are held to."""

from __future__ import annotations

from graphlab.testing import LanguageContract
from queries.engine import LANGUAGES


class TestPgq(LanguageContract):
    name = "pgq"
    text = (
        "SELECT a, b FROM GRAPH_TABLE (connectome MATCH (x IS neuron)-[s IS synapse]->(y IS neuron) "
        "WHERE s.weight > 4 COLUMNS (x.root_id AS a, y.root_id AS b))"
    )
    rows = [{"a": 1, "b": 2}, {"a": 2, "b": 3}, {"a": 3, "b": 4}]  # noqa: RUF012
    broken = "SELECT a FROM GRAPH_TABLE (connectome MATCH (x)-[ COLUMNS (x.root_id AS a))"


class TestSql(TestPgq):
    name = "sql"
    text = "SELECT cell_type, count(*) AS n FROM neurons GROUP BY cell_type"
    rows = [{"cell_type": "A", "n": 2}, {"cell_type": "B", "n": 2}]  # noqa: RUF012


class TestCypher(LanguageContract):
    name = "cypher"
    text = "MATCH (x)-[s]->(y) WHERE s.weight > 4 RETURN x.bodyId AS a, y.bodyId AS b"
    rows = TestPgq.rows
    broken = "MATCH (x)-[s->(y) RETURN x"


class TestDotMotif(LanguageContract):
    name = "dotmotif"
    text = "A -> B [weight > 4]\nB !> A"
    rows = [{"A": 2, "B": 3}, {"A": 3, "B": 4}]  # noqa: RUF012
    broken = "A -> -> B"


def test_every_language_is_held_to_it() -> None:
    held = {kind.name for kind in (*LanguageContract.__subclasses__(), TestSql)}
    assert set(LANGUAGES.names()) <= held

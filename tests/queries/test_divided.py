"""A question by ranges of its first vertex is the question, rows sorted by their columns; else it is refused."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import UnsupportedError
from queries import divided
from queries.divided import Question, in_order
from queries.engine import Source, run

TEXTS = (
    "A -> B",
    "A -> B\nB -> C\nA !> C",
    "A -> B\nB -> C\nC -> A",
    "A -> B\nB -> A\nA.type = B.type",
    "A -> B [weight > 1]\nA -> C [weight > 1]",
    "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE e.weight > 1 RETURN b.bodyId, a.type, e.weight",
    "MATCH (b:Neuron)<-[e:ConnectsTo]-(a:Neuron) WHERE NOT (b)-->(a) RETURN a.bodyId AS a, e.weight * 2 AS w",
    "MATCH (a:Neuron) OPTIONAL MATCH (a)-[:ConnectsTo]->(b:Neuron) RETURN a.bodyId, b.bodyId",
    "MATCH (a:Neuron) RETURN a.bodyId, a.type",
    "SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b)-[IS synapse]->(a))",
    "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->{1,3}(b)"
    " COLUMNS (a.root_id AS a, b.root_id AS b))",
    "SELECT type, count(*) AS n, max(w) AS most FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b)"
    " COLUMNS (a.cell_type AS type, e.weight AS w)) GROUP BY type",
    "SELECT DISTINCT w, a FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b)"
    " COLUMNS (a.root_id AS a, e.weight AS w)) ORDER BY w DESC, a LIMIT 3",
    "SELECT x.a, y.b FROM GRAPH_TABLE (connectome MATCH (a)-[IS synapse]->(m)"
    " COLUMNS (a.root_id AS a, m.root_id AS m)) x JOIN GRAPH_TABLE (connectome MATCH (m)-[IS electrical]->(b)"
    " COLUMNS (m.root_id AS m, b.root_id AS b)) y USING (m)",
)  # fmt: skip


def in_pieces(question: Question, source: Source, limit: int | None = None) -> pa.Table:
    pieces = question.pieces(source)
    return question.answered(source, pieces, (question.rows(source, piece) for piece in pieces), limit).table


def plain(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), text=st.sampled_from(TEXTS), most=st.integers(1, 6))
def test_ranges_make_the_answer_of_the_whole(
    helpers: Any, scratch: Source, data: st.DataObject, text: str, most: int
) -> None:
    helpers.fill(scratch.connection, data.draw(helpers.graphs()))
    scratch.cache.clear()
    whole = run(text, scratch).table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(divided, "PIECES", most)
        found = in_pieces(Question(text), scratch)
        counted = None if "count(*) AS n FROM" in text else in_pieces(Question(text, count=True), scratch)
    assert found.schema == whole.schema
    assert plain(found) == plain(whole)
    if "ORDER BY" in text:
        assert found.to_pylist() == whole.to_pylist()
    else:
        assert found.equals(in_order(scratch, whole))
    if counted is not None:
        assert counted.to_pylist() == run(text, scratch, count=True).table.to_pylist()
    assert found.equals(in_pieces(Question(text, engine="duckdb"), scratch)), "whoever finds them"


def test_engines_find_the_same_ranges(toy: Source) -> None:
    text = "A -> B\nB -> C\nA !> C"
    found = [in_pieces(Question(text, engine=engine), toy) for engine in ("csr", "duckdb")]
    assert found[0].equals(found[1])
    assert len(found[0]) == 2


def test_a_limit_takes_the_first_in_order(toy: Source) -> None:
    question = Question("A -> B")
    pieces = question.pieces(toy)
    assert [piece[1:] for piece in pieces] == [("A", key, key) for key in (1, 2, 3, 4)]
    rows = [question.rows(toy, piece) for piece in pieces]
    cut = question.answered(toy, pieces, rows, limit=2)
    assert cut.truncated
    assert [tuple(row.values()) for row in cut] == [(1, 2), (1, 3)]
    assert not question.answered(toy, pieces, rows, limit=5).truncated


def test_exchanges_are_left_out_over_all_ranges(toy: Source) -> None:
    text = "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b)-[]->(a) KEEP DISTINCT VERTICES COLUMNS (a.root_id))"
    assert plain(in_pieces(Question(text, exclude_automorphisms=True), toy)) == [(1,)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT count(*) FROM neurons", "it has no pattern"),
        ("MATCH (a:Neuron) RETURN a.bodyId LIMIT 2", "takes some of its rows"),
        ("MATCH (a:Neuron) RETURN a.bodyId ORDER BY a.bodyId", "ORDER BY in the pattern"),
        ("MATCH (a:Neuron) RETURN DISTINCT a.type", "DISTINCT in the pattern"),
        ("MATCH (a:Neuron) RETURN a.type, count(*)", "aggregates in the pattern"),
        ("SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b) COLUMNS (a.root_id)) LIMIT 2", "some of its rows"),
        ("SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[]->(b) COLUMNS (a.root_id)) OFFSET 2", "some of its rows"),
        ("FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a)-[]->+(b) COLUMNS (a.root_id))", "among paths"),
    ],
)  # fmt: skip
def test_what_cannot_be_divided_is_refused(toy: Source, text: str, why: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"cannot be divided: .*{why}"):
        Question(text).pieces(toy)

"""Each rule keeps the matches and does what its name says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from queries.duckdb.writer import select
from queries.engine import Source
from queries.ir.expression import Literal, conjuncts
from queries.ir.pattern import Pattern
from queries.languages.sql_pgq.parser import parse
from queries.planning import rewrites
from queries.planning.bind import bind
from queries.planning.rewrites import RULES, rewrite
from queries.planning.values import Values

MATCH = "FROM GRAPH_TABLE (connectome MATCH {} COLUMNS (a.root_id AS a, b.root_id AS b))"
PATTERNS = [
    "(a)-[e]->(b) WHERE TRUE AND e.weight > 2 AND a.cell_type = 'A' AND a.root_id < b.root_id",
    "(a)-[e]->(b) WHERE NOT EXISTS { (b)-[f IS synapse WHERE f.weight > 2]->(a) }",
    "(a)-[e]->(b) WHERE NOT EXISTS { (b)-[f]->(a) WHERE f.weight > e.weight }",
    "(a)-[e]->(b) WHERE EXISTS { (b)-[f]->(c) WHERE TRUE AND c.root_id <> a.root_id }",
    "(a)-[e]->(b)-[f]->(c) WHERE e.weight > f.weight AND c.cell_type IS NOT NULL KEEP DISTINCT EDGES",
    "p = (a)-[e]->{1,2}(b) WHERE e.weight > 1 AND b.cell_type = 'B'",
]


def bound(text: str, source: Source) -> Any:
    return bind(parse(MATCH.format(text)).slots[0].pattern, source, text)


def answer(found: Any, pattern: Pattern, source: Source) -> list[Any]:
    values = Values({})
    sql = select(found.bound_pattern(pattern), values)
    return sorted(source.connection.execute(sql, values.bound or None).fetchall())


@pytest.mark.parametrize("text", PATTERNS[:5])
@pytest.mark.parametrize("rule", [*RULES, rewrite], ids=lambda rule: rule.__name__)
def test_a_rule_keeps_the_matches(toy: Source, text: str, rule: Any) -> None:
    found = bound(text, toy)
    before = answer(found, found.pattern, toy)
    assert before
    assert answer(found, rule(found.pattern), toy) == before
    assert rule(rule(found.pattern)) == rule(found.pattern)


def test_conditions_move_to_their_elements(toy: Source) -> None:
    pattern = rewrite(bound(PATTERNS[0], toy).pattern)
    assert pattern.edge("e").predicate is not None
    assert pattern.vertex("a").predicate is not None
    assert [sorted(part.variables()) for part in conjuncts(pattern.where)] == [["a", "b"]]


def test_truths_go_and_falsehoods_stay(toy: Source) -> None:
    pattern = bound(PATTERNS[0], toy).pattern
    assert Literal(True) in conjuncts(pattern.where)
    assert Literal(True) not in conjuncts(rewrites.drop_truths(pattern).where)
    false = replace(pattern, where=Literal(False))
    assert rewrites.drop_truths(false).where == Literal(False)


def test_an_absent_edge_is_one_only_where_it_reads_nothing_else(toy: Source) -> None:
    assert len(rewrite(bound(PATTERNS[1], toy).pattern).negative) == 1
    assert rewrite(bound(PATTERNS[2], toy).pattern).negative == ()
    assert rewrite(bound(PATTERNS[3], toy).pattern).negative == ()


def test_the_rules_are_a_tuple_one_can_read() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "inside_exists",
        "double_negations",
        "drop_truths",
        "absent_edges",
        "along_paths",
        "push_down",
    ]


@pytest.mark.parametrize("condition", ["{} = $id", "{} > $id", "{} % 2 = 0 OR {} IS NULL", "{} IN ($id, 0)"])
@pytest.mark.parametrize("direction", ["->", "-"])
def test_a_vertex_of_which_only_the_key_is_read_is_the_end_of_its_edge(
    toy: Source, condition: str, direction: str
) -> None:
    """The same rows as joins with every vertex by hand, and no table of vertices beside the edges."""
    root = toy.connection.execute("SELECT median(pre_root_id) FROM connections").fetchall()[0][0]
    own = condition.replace("$id", str(int(root)))
    found = bound(f"(a WHERE {own.format('a.root_id', 'a.root_id')})-[e]{direction}(b)", toy)
    rows = "SELECT pre_root_id AS x, post_root_id AS y FROM connections WHERE kind = 'chemical'"
    if direction == "-":
        rows = f"{rows} UNION ALL SELECT y, x FROM ({rows}) WHERE x <> y"
    by_hand = (
        f"SELECT x, y FROM ({rows}) JOIN neurons a ON a.root_id = x JOIN neurons b ON b.root_id = y "
        f"WHERE {own.format('a.root_id', 'a.root_id')}"
    )
    assert answer(found, found.pattern, toy) == sorted(toy.connection.execute(by_hand).fetchall())
    assert '"neurons"' not in select(found, Values({}))
    named = bound(f"(a WHERE {own.format('a.root_id', 'a.root_id')} OR a.cell_type = 'A')-[e]{direction}(b)", toy)
    assert '"neurons"' in select(named, Values({}))

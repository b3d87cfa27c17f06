"""Expression trees: they check themselves, compare by value, and are rebuilt only where something changes."""

from __future__ import annotations

import pytest

from queries.ir.expression import (
    AllAlong,
    Call,
    Case,
    EachAlong,
    Expression,
    Literal,
    Operation,
    Parameter,
    Property,
    Span,
    conjunction,
    conjuncts,
    is_aggregate,
    transform,
)

A, B = Property("a", "weight"), Property("b", "weight")
LESS = Operation("<", (A, B))


def test_trees_are_values_wherever_they_were_written() -> None:
    assert Property("a", "x", at=Span(1, 2)) == Property("a", "x", at=Span(8, 9))
    assert hash(LESS) == hash(Operation("<", (Property("a", "weight"), B)))
    assert Literal(1) != Literal(True) or Literal(1).value == Literal(True).value


def test_variables_are_those_that_are_read() -> None:
    along = AllAlong("x", "edges", "p", Operation(">", (Property("x", "weight"), A)))
    assert along.variables() == {"p", "a"}
    assert EachAlong("x", "vertices", "p", Property("x", "root_id")).variables() == {"p"}
    assert Operation("AND", (LESS, Literal(True))).variables() == {"a", "b"}
    assert Parameter("k").variables() == frozenset()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Operation("?", (A, B)), "no operator"),
        (lambda: Operation("<", (A,)), "has 1 operands"),
        (lambda: Operation("NOT", (A, B)), "has 2 operands"),
        (lambda: Operation("AND", (A,)), "has 1 operands"),
        (lambda: Call("Sum", (A,)), "lower case"),
        (lambda: Call("abs", (A,), distinct=True), "DISTINCT belongs to aggregates"),
        (lambda: Case((A,)), "pairs of condition and value"),
        (lambda: Case(()), "pairs of condition and value"),
        (lambda: AllAlong("x", "nodes", "p", A), "vertices and edges"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_conjuncts_and_conjunction_are_inverse() -> None:
    parts = (LESS, Literal(True), Operation("OR", (A, B)))
    assert conjuncts(conjunction(parts)) == parts
    assert conjuncts(Operation("AND", (Operation("AND", (A, B)), LESS))) == (A, B, LESS)
    assert conjunction(()) is None
    assert conjuncts(None) == ()
    assert conjunction([LESS]) is LESS


def test_transform_works_from_the_leaves_and_keeps_what_is_unchanged() -> None:
    seen: list[Expression] = []

    def note(node: Expression) -> Expression:
        seen.append(node)
        return Literal(0) if node == A else node

    tree = Operation("AND", (LESS, Case((LESS, B), A)))
    changed = transform(tree, note)
    assert changed == Operation(
        "AND", (Operation("<", (Literal(0), B)), Case((Operation("<", (Literal(0), B)), B), Literal(0)))
    )
    assert seen[0] == A
    assert isinstance(seen[-1], Operation)
    assert transform(tree, lambda node: node) is tree


def test_walk_meets_parents_first() -> None:
    assert list(Operation("NOT", (LESS,)).walk()) == [Operation("NOT", (LESS,)), LESS, A, B]


def test_aggregates_are_found_anywhere() -> None:
    assert is_aggregate(Operation("+", (Call("sum", (A,)), Literal(1))))
    assert not is_aggregate(Call("list_sum", (A,)))

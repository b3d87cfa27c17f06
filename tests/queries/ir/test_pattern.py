"""The IR checks itself: what is ill-formed cannot be built."""

from __future__ import annotations

import pytest

from queries.ir.expression import Call, ElementId, Expression, Literal, Operation, Property, conjuncts, transform
from queries.ir.pattern import Column, Edge, Exists, Mode, Path, Pattern, Quantifier, Select, Semantics, Vertex

A, B = Vertex("a", ("neuron",)), Vertex("b", ("neuron",))
AB = Edge("e", "a", "b", ("synapse",))


def test_a_pattern_gives_its_parts_back() -> None:
    pattern = Pattern("connectome", (A, B), (AB, Edge("f", "b", "a", negated=True)))
    assert pattern.vertex("a") is A
    assert pattern.edge("e") is AB
    assert pattern.positive == (AB,)
    assert [edge.variable for edge in pattern.negative] == ["f"]
    with pytest.raises(KeyError):
        pattern.vertex("c")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"vertices": (A, A)}, "declared 2 times"),
        ({"vertices": (A,), "edges": (AB,)}, "not in the pattern"),
        ({"vertices": (A, Vertex("e")), "edges": (Edge("e", "a", "e"),)}, "declared 2 times"),
        ({"vertices": (Vertex("a", predicate=Property("b", "x")), B)}, "reads b"),
        ({"vertices": (A, B), "edges": (Edge("e", "a", "b", predicate=Property("a", "x")),)}, "reads a"),
        ({"vertices": (Vertex("a", predicate=Call("count")),)}, "aggregate"),
        ({"vertices": (A, B), "symmetry": (("a", "c"),)}, "symmetry"),
        ({"vertices": (A, B), "symmetry": (("a", "a"),)}, "symmetry"),
        ({"vertices": (A,), "paths": (Path("p", ("e",), "a"),)}, "not in the pattern"),
        ({"vertices": (A,), "where": Call("sum", (Property("a", "x"),))}, "aggregate"),
        (
            {"vertices": (A,), "columns": (Column("x", Literal(1)), Column("X", Literal(2)))},
            "named 2 times",
        ),
    ],
)
def test_an_ill_formed_pattern_cannot_be_built(parts: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pattern("connectome", **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Quantifier(3, 2),
        lambda: Quantifier(-1, None),
        lambda: Edge("e", "a", "b", negated=True, quantifier=Quantifier(1, 2)),
        lambda: Path("p", (), "a"),
        lambda: Path("p", ("e",), "a", select=Select.SHORTEST_K),
        lambda: Path("p", ("e",), "a", k=3),
        lambda: Operation("<", (Literal(1),)),
        lambda: Operation("~~", (Literal(1), Literal(2))),
        lambda: Call("Count"),
        lambda: Call("lower", (Literal("x"),), distinct=True),
    ],
)
def test_an_ill_formed_part_cannot_be_built(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"."):
        build()


def test_the_mode_of_a_quantified_edge_follows_path_then_semantics() -> None:
    hop = Edge("e", "a", "b", quantifier=Quantifier(1, 3))
    modes = {s: Pattern("g", (A, B), (hop,), semantics=s).mode_of("e") for s in Semantics}
    assert modes[Semantics.HOMOMORPHIC] is Mode.WALK
    assert modes[Semantics.DISTINCT_EDGES] is Mode.TRAIL
    assert modes[Semantics.DISTINCT_VERTICES] is modes[Semantics.INDUCED] is Mode.ACYCLIC
    named = Pattern("g", (A, B), (hop,), paths=(Path("p", ("e",), "a", mode=Mode.SIMPLE),))
    assert named.mode_of("e") is Mode.SIMPLE


def test_exists_reads_what_it_shares() -> None:
    inner = Pattern("g", (A, B), (AB,), where=Property("c", "x"), outer=("a",))
    assert Exists(inner).variables() == {"a", "c"}


def test_transform_rebuilds_from_the_leaves() -> None:
    tree = Operation("AND", (Operation("=", (Property("a", "X"), Literal(1))), ElementId("a")))

    def lower(node: Expression) -> Expression:
        return Property(node.variable, node.name.lower()) if isinstance(node, Property) else node

    assert transform(tree, lower).children()[0] == Operation("=", (Property("a", "x"), Literal(1)))
    assert len(conjuncts(tree)) == 2
    assert transform(tree, lambda node: node) is tree


def test_counting_alone_is_seen() -> None:
    count = (Column("n", Call("count")),)
    assert Pattern("g", (A,), columns=count).only_counts
    assert not Pattern("g", (A,), columns=count, distinct=True).only_counts
    grouped = (*count, Column("t", Property("a", "cell_type")))
    assert not Pattern("g", (A,), columns=grouped).only_counts
    assert Pattern("g", (A,), columns=grouped).aggregates

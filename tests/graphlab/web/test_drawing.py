"""Drawings and texts of motifs follow each other: nothing is lost either way, and what cannot be drawn is said."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from graphlab.graph import Graph
from graphlab.testing.toy import random_graph
from graphlab.web.drawing import Clause, Drawing, Edge, Node, drawing_of, text_of
from ingest.schema.errors import ParseError, SchemaError
from queries.ir.expression import Literal as Constant
from queries.ir.expression import conjuncts
from queries.languages.dotmotif.parser import parse_pattern

NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="'\"", exclude_categories=("Cs",)), max_size=8)
KEYS = st.sampled_from(["weight", "cell_type", "side", "in", "cell type", "μ", "as", "neuropil"])
CLAUSES = st.builds(
    Clause,
    key=KEYS,
    operator=st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "contains", "in", "!contains", "!in"]),
    value=st.booleans() | NUMBERS | TEXTS | TEXTS.map(lambda text: f'{text}"') | TEXTS.map(lambda text: f"{text}'"),
)


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    names = draw(st.lists(st.sampled_from(["A", "B", "C", "loose", "Ünit", "x_1"]), min_size=2, unique=True))
    pairs = draw(st.lists(st.sampled_from(list(itertools.permutations(names, 2))), min_size=1, unique=True))
    some = st.lists(CLAUSES, max_size=2)
    edges = [Edge(source=a, target=b, absent=draw(st.booleans()), clauses=draw(some)) for a, b in pairs]
    rules = [
        f"{a}.side {draw(st.sampled_from(['=', '<>', '<']))} {b}.side" for a, b in pairs[:1] if draw(st.booleans())
    ]
    return Drawing(nodes=[Node(name=name, criteria=draw(some)) for name in names], edges=edges, rules=rules)


def said(drawing: Drawing) -> tuple[Any, ...]:
    """What a drawing says, whatever the order; neurons without a connection say nothing."""
    joined = {end for edge in drawing.edges for end in (edge.source, edge.target)}

    def clauses(of: list[Clause]) -> Counter[str]:
        return Counter(f"{c.key} {c.operator} {type(c.value).__name__} {c.value!r}" for c in of)

    nodes = {node.name: clauses(node.criteria) for node in drawing.nodes if node.name in joined}
    return nodes, {(e.source, e.target, e.absent): clauses(e.clauses) for e in drawing.edges}, Counter(drawing.rules)


@settings(max_examples=30)
@given(drawings())
def test_a_drawing_comes_back_from_its_text(drawing: Drawing) -> None:
    text, loose = text_of(drawing)
    again, locked = drawing_of(text)
    assert locked == []
    assert said(again) == said(drawing)
    assert {node.name for node in again.nodes} == {node.name for node in drawing.nodes} - set(loose)


DRAWABLE = (
    "A -> B",
    'A -> B [weight >= 5, weight < 9.5]\nB !> A\nA.cell_type = "L2\'s"',
    "A -> B as e\ne.weight > 4\nA.side = B.side\nB['cell_type'] != 'x'",
    "A -+ B; B ~> C; C -> A [neuropil = 'EB']",
    "A -> B\nB -> C\nA === C\nA.cell_type = A1",
    "loop(a, b) { a -> b; b -> a }\nloop(A, B)\nB -> C\nC.cell_type in 'MBON, KC'\nA.name !contains \"x\"",
)


@pytest.mark.parametrize("text", DRAWABLE)
def test_a_text_means_the_same_after_it_was_drawn(text: str, tmp_path: Path) -> None:
    drawing, locked = drawing_of(text)
    assert locked == []
    before, after = parse_pattern(text), parse_pattern(text_of(drawing)[0])

    def facts(pattern: Any) -> tuple[Any, ...]:
        names = {edge.variable: (edge.source, edge.target, edge.negated) for edge in pattern.edges}
        conditions = Counter(
            str(one).replace(name, str(ends))
            for edge in pattern.edges
            for one in conjuncts(edge.predicate)
            for name, ends in [(edge.variable, names[edge.variable])]
        )
        for one in conjuncts(pattern.where):
            shown = str(one)
            for name, ends in names.items():
                shown = shown.replace(f"'{name}'", f"'{ends}'")
            if one != Constant(True):
                conditions[shown.replace("'(", "(").replace(")'", ")")] += 1
        conditions = Counter({key.replace("'(", "(").replace(")'", ")"): n for key, n in conditions.items()})
        edges = Counter((e.source, e.target, e.negated, e.labels, e.direction) for e in pattern.edges)
        return edges, conditions, set(map(frozenset, pattern.alike)), pattern.semantics, pattern.distinct

    assert facts(before) == facts(after)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Graph, list[int], dict[tuple[int, int], float]]]:
    with random_graph(tmp_path_factory.mktemp("drawn") / "graph", 3, n=7) as graph:
        rows = graph.to_arrow("connections").to_pylist()
        weights = {(row["pre_root_id"], row["post_root_id"]): row["weight"] for row in rows}
        yield graph, graph.to_arrow("neurons")["root_id"].to_pylist(), weights


@settings(max_examples=25)
@given(st.data())
def test_what_is_drawn_is_what_is_found(made: Any, data: st.DataObject) -> None:
    """The count of a drawn motif, against every way to lay it on the neurons of a random graph."""
    graph, ids, weights = made
    names = ["A", "B", "C"]
    states = {
        pair: data.draw(st.sampled_from(["present", "absent", "either"])) for pair in itertools.permutations(names, 2)
    }
    least = data.draw(st.integers(0, 6))
    edges = [
        Edge(source=a, target=b, absent=state == "absent",
             clauses=[Clause(key="weight", operator=">=", value=least)] if least else [])
        for (a, b), state in states.items() if state != "either"
    ]  # fmt: skip
    drawing = Drawing(nodes=[Node(name=name) for name in names], edges=edges)
    text, loose = text_of(drawing)
    if not text:
        assert loose == names
        return
    drawn = [name for name in names if name not in loose]
    wanted = 0
    for chosen in itertools.permutations(ids, len(drawn)):
        at = dict(zip(drawn, chosen, strict=True))
        wanted += all((weights.get((at[e.source], at[e.target]), -1.0) >= max(least, 0)) != e.absent for e in edges)
    assert graph.query(text, "dotmotif", count=True).scalar() == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A -> A", "A connects with itself"),
        ("A -> B\nA !> B [weight > 5]", "A to B has 2 conditions"),
        ("A -> B [weight > $least]", "weight > $least"),
        ("A -> B as e\nB -> C as f\ne.weight > f.weight", "weight > "),
        ("A -> B # strong", "no comments"),
        ("\n".join(f"N{i} -> N{i + 1}" for i in range(6)), "7 neurons; a drawing has room for 6"),
    ],
)
def test_what_a_drawing_cannot_hold_is_said(text: str, told: str) -> None:
    drawing, locked = drawing_of(text)
    assert drawing.edges
    assert len(locked) == 1
    assert told in locked[0]


def test_a_hash_in_a_value_is_no_comment() -> None:
    assert drawing_of("A -> B\nA.cell_type = '#1'")[1] == []


def test_what_no_text_can_say_is_refused() -> None:
    def edge(**more: Any) -> Drawing:
        ends = {"source": "A", "target": "B", **more}
        return Drawing(nodes=[Node(name="A"), Node(name="B")], edges=[Edge(**ends)])

    both = Clause(key="cell_type", operator="=", value="a\"b'c")
    with pytest.raises(SchemaError, match="no escapes"):
        text_of(edge(clauses=[both]))
    with pytest.raises(SchemaError, match="is not drawn"):
        text_of(edge(target="D"))
    with pytest.raises(SchemaError, match="cannot name a neuron"):
        text_of(Drawing(nodes=[Node(name="in"), Node(name="B")], edges=[Edge(source="in", target="B")]))
    with pytest.raises(ParseError):
        text_of(edge().model_copy(update={"rules": ["A.side = C.side"]}))
    with pytest.raises(ValidationError):
        Node(name='A"; DROP')
    assert text_of(Drawing(nodes=[Node(name="A")])) == ("", ["A"])

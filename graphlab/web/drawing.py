"""A motif as a drawing, and as DotMotif: neurons, connections that are there or absent, and what is asked of each.

What a drawing cannot hold is said, one sentence each, so that nobody changes the drawing of a text that says more.

Tests: tests/graphlab/web/test_drawing.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.schema.errors import SchemaError
from queries.describe import expression_text
from queries.ir.expression import Expression, Operation, Property, conjuncts
from queries.ir.expression import Literal as Constant
from queries.languages.dotmotif.parser import parse_pattern

MOST_NEURONS = 6
NAME = r"^[^\W\d]\w*$"
RESERVED = frozenset({"in", "contains", "as", "true", "false"})
SAME = re.compile(r"\s*(\w+)\s*===\s*(\w+)\s*", re.ASCII)
Operator = Literal["=", "<>", "<", "<=", ">", ">=", "contains", "in", "!contains", "!in"]
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_Strict = ConfigDict(extra="ignore", strict=True)


class Clause(BaseModel):
    """One thing asked of a neuron or of a connection: a column, a comparison, a value."""

    model_config = _Strict
    key: Annotated[str, Field(min_length=1, max_length=200)]
    operator: Operator
    value: bool | int | float | Annotated[str, Field(max_length=2_000)]


class Node(BaseModel):
    """A neuron of the motif."""

    model_config = _Strict
    name: Annotated[str, Field(pattern=NAME, max_length=60)]
    criteria: Annotated[list[Clause], Field(max_length=50)] = []


class Edge(BaseModel):
    """A connection that has to be there, or not to be there; between others either will do."""

    model_config = _Strict
    source: str
    target: str
    absent: bool = False
    clauses: Annotated[list[Clause], Field(max_length=50)] = []


class Drawing(BaseModel):
    """A motif. ``rules`` are lines of DotMotif about two neurons (``A.side = B.side``, ``A === B``)."""

    model_config = _Strict
    nodes: Annotated[list[Node], Field(max_length=50)] = []
    edges: Annotated[list[Edge], Field(max_length=500)] = []
    rules: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)] = []


def drawing_of(text: str) -> tuple[Drawing, list[str]]:
    """The drawing of a text, and what of the text is not in it.

    Raises:
        ParseError: with the place in the text.
    """
    pattern = parse_pattern(text)
    beyond: list[str] = []
    nodes = {vertex.variable: Node(name=vertex.variable) for vertex in pattern.vertices}
    edges = {one.variable: Edge(source=one.source, target=one.target, absent=one.negated) for one in pattern.edges}
    rules: list[str] = []

    def place(condition: Expression) -> None:
        if condition == Constant(True):
            return
        found = _clause(condition)
        rule = _rule(condition, nodes)
        if found is not None and found[0] in nodes:
            nodes[found[0]].criteria.append(found[1])
        elif found is not None and found[0] in edges:
            edges[found[0]].clauses.append(found[1])
        elif rule is not None:
            rules.append(rule)
        else:
            beyond.append(f"A drawing cannot show {expression_text(condition)}.")

    for one in pattern.edges:
        for condition in conjuncts(one.predicate):
            place(condition)
    for condition in conjuncts(pattern.where):
        place(condition)
    for group in pattern.alike:
        rules += [f"{group[0]} === {other}" for other in group[1:]]
    beyond += _crowded(list(nodes), list(edges.values()))
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
    if "#" in unquoted:
        beyond.append("A drawing has no comments; take them out of the text to draw on.")
    return Drawing(nodes=list(nodes.values()), edges=list(edges.values()), rules=rules), beyond


def _crowded(names: list[str], edges: list[Edge]) -> list[str]:
    said = []
    if len(names) > MOST_NEURONS:
        said.append(f"The motif has {len(names)} neurons; a drawing has room for {MOST_NEURONS}.")
    pairs = Counter((one.source, one.target) for one in edges)
    said += [f"{a} to {b} has {n} conditions; a drawing shows one." for (a, b), n in pairs.items() if n > 1]
    said += [f"A drawing cannot show that {a} connects with itself." for a, b in pairs if a == b]
    return said


def _clause(condition: Expression) -> tuple[str, Clause] | None:
    """The variable and what is asked of it, where a column is compared with a value."""
    if not isinstance(condition, Operation):
        return None
    negated = condition.operator == "NOT"
    inner = condition.operands[0] if negated else condition
    if not isinstance(inner, Operation) or len(inner.operands) != 2:
        return None
    left, right = inner.operands
    operator: str | None = inner.operator if inner.operator in COMPARISONS and not negated else None
    if inner.operator == "CONTAINS":
        operator = "contains" if isinstance(left, Property) else "in"
        left, right = (left, right) if isinstance(left, Property) else (right, left)
        operator = f"!{operator}" if negated else operator
    if operator is None or not isinstance(left, Property) or not isinstance(right, Constant):
        return None
    value = right.value
    if not isinstance(value, bool | int | float | str) or not _writable(value) or '"' in left.name:
        return None
    return left.variable, Clause.model_validate({"key": left.name, "operator": operator, "value": value})


def _rule(condition: Expression, nodes: dict[str, Node]) -> str | None:
    """A comparison of two neurons as a line of DotMotif."""
    if not isinstance(condition, Operation) or condition.operator not in COMPARISONS:
        return None
    left, right = condition.operands
    if not isinstance(left, Property) or not isinstance(right, Property):
        return None
    if left.variable not in nodes or right.variable not in nodes or '"' in left.name + right.name:
        return None
    return f"{left.variable}.{_key(left.name)} {condition.operator} {right.variable}.{_key(right.name)}"


def _writable(value: bool | int | float | str) -> bool:
    """Whether DotMotif, which has no escapes, can say the value."""
    if isinstance(value, str):
        return not ('"' in value and "'" in value)
    return isinstance(value, bool) or math.isfinite(value)


def text_of(drawing: Drawing) -> tuple[str, list[str]]:
    """The text of a drawing, and its neurons that no connection has yet: these are not in the text.

    Raises:
        SchemaError: connections of neurons that are not drawn, values that no text can say. ParseError: rules that
            are none.
    """
    names = [node.name for node in drawing.nodes]
    twice = next((name for name, n in Counter(names).items() if n > 1), None)
    if twice is not None or RESERVED & set(names):
        raise SchemaError(f"{twice or min(RESERVED & set(names))!r} cannot name a neuron here; take another name")
    stray = next((end for one in drawing.edges for end in (one.source, one.target) if end not in names), None)
    if stray is not None:
        raise SchemaError(f"a connection of {stray!r}, which is not drawn")
    joined = {end for one in drawing.edges for end in (one.source, one.target)}
    loose = [name for name in names if name not in joined]
    if not drawing.edges:
        return "", loose
    lines = []
    for one in drawing.edges:
        clauses = ", ".join(f"{_key(c.key)} {c.operator} {_value(c.value)}" for c in one.clauses)
        lines.append(f"{one.source} {'!>' if one.absent else '->'} {one.target}{f' [{clauses}]' if clauses else ''}")
    for node in drawing.nodes:
        if node.name in joined:
            lines += [f"{node.name}.{_key(c.key)} {c.operator} {_value(c.value)}" for c in node.criteria]
    for rule in drawing.rules:
        same = SAME.fullmatch(rule)
        if same is None or joined >= set(same.groups()):
            lines.append(rule.strip())
    text = "\n".join(lines) + "\n"
    parse_pattern(text)
    return text, loose


def _key(name: str) -> str:
    if re.fullmatch(NAME, name) and name not in RESERVED:
        return name
    if '"' in name or "\n" in name:
        raise SchemaError(f"the column {name!r} cannot be said in DotMotif")
    return f'"{name}"'


def _value(value: bool | int | float | str) -> str:
    if not _writable(value):
        raise SchemaError(f"the value {value!r} cannot be said in DotMotif, which has no escapes")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}'" if '"' in value else f'"{value}"'
    return repr(value)

"""A pattern and its plan in words, for EXPLAIN.

Tests: tests/queries/test_agreement.py.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from queries.duckdb.expressions import Names, write
from queries.ir.expression import AllAlong, EachAlong, Expression, Parameter
from queries.ir.identifiers import COMPUTED
from queries.ir.pattern import Direction, Edge, Exists, Select
from queries.planning.bound import BoundPattern
from queries.planning.plan import Choice
from queries.planning.values import Values


class _Shown(Values):
    """Values written out instead of bound: the text is for reading, it never runs."""

    def __init__(self) -> None:
        super().__init__({})

    def constant(self, value: Any) -> str:
        return repr(list(value) if isinstance(value, tuple) else value)

    def parameter(self, parameter: Parameter) -> str:
        return f"${parameter.name}"


def expression_text(expression: Expression) -> str:
    """An expression as one would write it."""
    names = Names(
        identity=lambda variable: f"id({_plain(variable)})",
        column=lambda variable, name: f"{_plain(variable)}.{name.removesuffix(COMPUTED)}".removeprefix("."),
        length=lambda path: f"path_length({path})",
        along=_along,
        exists=_exists,
        type_of=lambda variable, name: "",
    )
    text = write(expression, names, _Shown())
    return text[1:-1] if text.startswith("(") and text.endswith(")") and _closes_last(text) else text


def _closes_last(text: str) -> bool:
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return index == len(text) - 1
    return False


def _along(node: EachAlong | AllAlong) -> str:
    what = expression_text(node.value if isinstance(node, EachAlong) else node.predicate)
    word = "each" if isinstance(node, EachAlong) else "all"
    return f"{word}({node.variable} of {node.over}({node.path}): {what})"


def _exists(node: Exists) -> str:
    inner = node.pattern
    parts = [_edge_text(edge) for edge in inner.edges] or [f"({v.variable})" for v in inner.vertices]
    where = f" where {expression_text(inner.where)}" if inner.where is not None else ""
    return f"EXISTS {{ {', '.join(parts)}{where} }}"


def _edge_text(edge: Edge) -> str:
    name = "" if edge.variable[:1].isdigit() else edge.variable
    times = ""
    if edge.quantifier is not None:
        high = "" if edge.quantifier.maximum is None else edge.quantifier.maximum
        times = f"{{{edge.quantifier.minimum},{high}}}"
    labels = " IS " + "|".join(edge.labels) if edge.labels else ""
    arrow = f"-[{name}{labels}]-{'' if edge.direction is Direction.ANY else '>'}{times}"
    return f"({_plain(edge.source)}){arrow}({_plain(edge.target)})"


def _plain(variable: str) -> str:
    return "" if variable[:1].isdigit() else variable


def pattern_lines(bound: BoundPattern) -> list[tuple[str, str]]:
    """The pattern as (part, text) lines."""
    pattern = bound.pattern
    lines = [("graph", bound.graph.name), ("semantics", pattern.semantics.value)]
    for vertex in pattern.vertices:
        where = f" where {expression_text(vertex.predicate)}" if vertex.predicate is not None else ""
        lines.append(("vertex", f"({_plain(vertex.variable)}) in {bound.vertex_tables[vertex.variable].table}{where}"))
    for edge in pattern.edges:
        tables = bound.edge_tables[edge.variable]
        names = ", ".join(t.table + "".join(f" {v}" for _, v in t.only) for t in tables)
        where = f" where {expression_text(edge.predicate)}" if edge.predicate is not None else ""
        lines.append(("absent edge" if edge.negated else "edge", f"{_edge_text(edge)} in {names}{where}"))
    for path in pattern.paths:
        mode = path.mode.value if path.mode is not None else pattern.mode_of(path.edges[0]).value
        chosen = "" if path.select is Select.ALL else f"{path.select.value} "
        lines.append(
            ("path", f"{_plain(path.variable)} {chosen}{mode} over {', '.join(map(_plain, path.edges))}".strip())
        )
    if pattern.where is not None:
        lines.append(("where", expression_text(pattern.where)))
    lines += [("symmetry", f"id({first}) < id({second})") for first, second in pattern.symmetry]
    lines += [("alike", f"one match of those that differ by exchanging {', '.join(a)}") for a in pattern.alike]
    if pattern.columns:
        lines.append(("columns", ", ".join(f"{expression_text(c.value)} AS {c.name}" for c in pattern.columns)))
    if pattern.distinct:
        lines.append(("distinct", "yes"))
    lines += [("order", f"{expression_text(k.value)}{' descending' if k.descending else ''}") for k in pattern.order]
    for word, number in (("skip", pattern.skip), ("limit", pattern.limit)):
        if number is not None:
            lines.append((word, str(number) if isinstance(number, int) else f"${number.name}"))
    return lines


def choice_lines(choice: Choice) -> list[tuple[str, str]]:
    """Estimates and the engine that was chosen as (part, text) lines."""
    lines = []
    for one in choice.considered:
        if one.refusal is not None:
            lines.append((f"{one.name} cannot", one.refusal))
        elif one.estimate is not None:
            e = one.estimate
            lines.append(
                (f"{one.name} expects", f"{e.seconds:.3g} s, {e.rows:,.0f} matches, {e.work:,.0f} steps: {e.why}")
            )
    lines.append(("engine", f"{choice.executor.name}: {choice.why}"))
    return lines


def explained(plans: list[tuple[BoundPattern, Choice]], sql: str) -> pa.Table:
    """EXPLAIN as a table of three text columns: pattern number, part, detail."""
    rows = [
        (str(number), part, detail)
        for number, (bound, choice) in enumerate(plans, 1)
        for part, detail in [*pattern_lines(bound), *choice_lines(choice)]
    ]
    rows.append(("", "sql", sql))
    columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.table(columns, names=["pattern", "part", "detail"])

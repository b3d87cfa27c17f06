"""What is asked along paths as DuckDB SQL: their lengths, and lists of their vertices and edges.

Tests: tests/queries/planning/test_rewrites.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from queries.duckdb.expressions import Names, write
from queries.ir.expression import AllAlong, EachAlong, ElementId, Expression, Property
from queries.ir.identifiers import quote
from queries.ir.pattern import Path, Pattern

if TYPE_CHECKING:
    from queries.duckdb.writer import Writer

LENGTH, VERTICES, EDGES, KEY = '"~length"', '"~vertices"', '"~edges"', '"~key"'
EACH, ID, AT, ROW, NUMBER = '"~each"', '"~id"', '"~at"', '"~row"', '"~number"'


def path_length(writer: Writer, name: str) -> str:
    """Number of edges of a path: one for each single edge, the counted length of each repeated one."""
    owner, path = writer.path(name)
    single = 0
    parts = []
    for variable in path.edges:
        if owner.pattern.edge(variable).quantifier is None:
            single += 1
        else:
            parts.append(f"{owner.alias(variable)}.{LENGTH}")
    if single or not parts:
        parts.append(str(single))
    return f"CAST({' + '.join(parts)} AS BIGINT)"


def along(writer: Writer, node: EachAlong | AllAlong) -> str:
    """A list over the elements of a path, or whether a predicate holds for all of them."""
    owner, path = writer.path(node.path)
    value: Expression = node.value if isinstance(node, EachAlong) else node.predicate
    if node.over == "edges":
        elements = _edge_list(owner, path)
        inner = _lambda_names(writer, node.variable, None)
    else:
        elements = _vertex_list(owner, path)
        inner = _lambda_names(writer, node.variable, _vertex_key(owner, path))
    each = write(value, inner, writer.values)
    if isinstance(node, AllAlong):
        # 0 false, 1 unknown, 2 true: the least says whether it holds for all, as AND does.
        least = f"list_min(list_transform({elements}, lambda {EACH}: coalesce(2 * CAST({each} AS TINYINT), 1)))"
        return f"(CASE coalesce({least}, 2) WHEN 0 THEN FALSE WHEN 2 THEN TRUE END)"
    if node.kept is not None:
        elements = f"list_filter({elements}, lambda {EACH}: {write(node.kept, inner, writer.values)})"
    return f"list_transform({elements}, lambda {EACH}: {each})"


def _lambda_names(writer: Writer, variable: str, vertex_key: str | None) -> Names:
    outside = writer.names

    def identity(name: str) -> str:
        if name != variable:
            return outside.identity(name)
        return f"{EACH}.{KEY if vertex_key is None else ID}"

    def column(name: str, column: str) -> str:
        if name != variable:
            return outside.column(name, column)
        return f"{EACH}.{ID if column == vertex_key else quote(column)}"

    return replace(outside, identity=identity, column=column, in_lambda=True)


def _vertex_key(writer: Writer, path: Path) -> str:
    return writer.bound.vertex_tables[path.start].key


def _edge_list(writer: Writer, path: Path) -> str:
    """Edges of the whole path as a list of structs."""
    columns, key = path_columns(writer, path, "edges")
    parts = []
    for variable, forward in _steps(writer.pattern, path):
        edge = writer.pattern.edge(variable)
        if edge.quantifier is None:
            fields = [f"{quote(c)} := {writer.column(variable, c)}" for c in columns]
            if key or not fields:
                fields.append(f"{KEY} := {writer.key_of(edge)}")
            parts.append(f"[struct_pack({', '.join(fields)})]")
        else:
            whole = f"{writer.alias(variable)}.{EDGES}"
            parts.append(whole if forward else f"list_reverse({whole})")
    return _concatenated(parts)


def _vertex_list(writer: Writer, path: Path) -> str:
    """Vertices of the whole path as a list of structs with the columns that are read."""
    ids = []
    at = path.start
    for index, (variable, forward) in enumerate(_steps(writer.pattern, path)):
        edge = writer.pattern.edge(variable)
        end = edge.target if forward else edge.source
        if edge.quantifier is None:
            piece = f"[{writer.ids[at]}, {writer.ids[end]}]"
        else:
            whole = f"{writer.alias(variable)}.{VERTICES}"
            piece = whole if forward else f"list_reverse({whole})"
        ids.append(piece if index == 0 else f"list_slice({piece}, 2, NULL)")
        at = end
    listed = _concatenated(ids)
    table = writer.bound.vertex_tables[path.start]
    columns = [c for c in path_columns(writer, path, "vertices")[0] if c != table.key]
    if not columns:
        return f"list_transform({listed}, lambda {EACH}: struct_pack({ID} := {EACH}))"
    fields = ", ".join(f"{quote(c)} := {writer.cell(table, ROW, c)}" for c in columns)
    # The order of the path is that of the numbers, since a join keeps none.
    return (
        f"(SELECT list(struct_pack({ID} := {AT}.{ID}, {fields}) ORDER BY {AT}.{NUMBER}) FROM "
        f"(SELECT unnest({listed}) AS {ID}, generate_subscripts({listed}, 1) AS {NUMBER}) AS {AT} "
        f"LEFT JOIN {quote(table.table)} AS {ROW} ON {ROW}.{quote(table.key)} = {AT}.{ID})"
    )


def _concatenated(parts: list[str]) -> str:
    joined = parts[0]
    for part in parts[1:]:
        joined = f"list_concat({joined}, {part})"
    return joined


def _steps(pattern: Pattern, path: Path) -> list[tuple[str, bool]]:
    """Edges of the path in order, each with whether it is walked from its source to its target."""
    steps = []
    at = path.start
    for variable in path.edges:
        edge = pattern.edge(variable)
        forward = edge.source == at
        steps.append((variable, forward))
        at = edge.target if forward else edge.source
    return steps


def path_columns(writer: Writer, path: Path, over: str) -> tuple[tuple[str, ...], bool]:
    """Columns that EachAlong and AllAlong of a path read of its edges or vertices, and whether the key too."""
    columns: dict[str, None] = {}
    key = False
    for node in writer.along_nodes(path.variable):
        if node.over != over:
            continue
        for inner in (found for part in node.parts for found in part.walk()):
            if isinstance(inner, Property) and inner.variable == node.variable:
                columns[inner.name] = None
            elif isinstance(inner, ElementId) and inner.variable == node.variable:
                key = True
    return tuple(columns), key

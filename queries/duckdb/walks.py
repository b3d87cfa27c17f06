"""Repeated edges as recursive CTEs: walks, trails, simple and acyclic paths, and shortest ones by levels.

A repeated edge becomes one relation with a row for each path: its ends, its length and, where something asks
for them, the lists of its vertices and edges. Paths set out from the vertices that the rest of the pattern
leaves possible.

Tests: tests/queries/planning/test_rewrites.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from ingest.schema.errors import UnsupportedError
from queries.duckdb.along import EACH, EDGES, ID, KEY, LENGTH, ROW, VERTICES, path_columns
from queries.duckdb.expressions import write
from queries.ir.expression import Span
from queries.ir.identifiers import quote
from queries.ir.pattern import Edge, Mode, Select, Semantics

if TYPE_CHECKING:
    from queries.duckdb.writer import Writer

S, T = '"~source"', '"~target"'
START, HOP, WALK, REACHED = '"~start"', '"~hop"', '"~walk"', '"~reached"'
H, W, R, EDGE, OPEN, PACKED = '"~h"', '"~w"', '"~r"', '"~edge"', '"~open"', '"~packed"'


@dataclass(frozen=True)
class _Needs:
    """What a path's row carries beside its ends and length."""

    vertices: bool
    edges: bool
    key: bool
    """Whether each edge of the list has its key."""
    columns: tuple[str, ...]
    """Columns of each edge of the list."""

    @property
    def lists(self) -> list[str]:
        return [name for name, wanted in ((VERTICES, self.vertices), (EDGES, self.edges)) if wanted]


def walk_relation(writer: Writer, edge: Edge) -> str:
    """``(WITH RECURSIVE ... SELECT ...) AS "edge"`` for a repeated edge."""
    return f"({_Walk(writer, edge).select()}) AS {writer.alias(edge.variable)}"


def walk_distinctness(writer: Writer) -> list[str]:
    """Conditions that keep repeated edges apart from the other elements of the pattern."""
    pattern, semantics = writer.pattern, writer.pattern.semantics
    repeated = [edge for edge in pattern.positive if edge.quantifier is not None]
    conditions: list[str] = []
    for edge in repeated:
        _check_alone(writer, edge)
        if semantics is Semantics.DISTINCT_EDGES:
            keys = _keys(writer, edge)
            for other in pattern.positive:
                if other.quantifier is None and writer.may_meet(edge, other):
                    conditions.append(f"NOT list_contains({keys}, {writer.key_of(other)})")
        elif semantics.vertices_differ:
            for vertex in pattern.vertices:
                if writer.same_table(edge, vertex.variable):
                    conditions.append(f"NOT list_contains({_interior(writer, edge)}, {writer.ids[vertex.variable]})")
    for first, second in combinations(repeated, 2):
        if semantics is Semantics.DISTINCT_EDGES and writer.may_meet(first, second):
            conditions.append(f"NOT list_has_any({_keys(writer, first)}, {_keys(writer, second)})")
        elif semantics.vertices_differ:
            conditions.append(f"NOT list_has_any({_interior(writer, first)}, {_interior(writer, second)})")
    return conditions


def _check_alone(writer: Writer, edge: Edge) -> None:
    """Refuse a chosen path beside what it must not meet: another choice might not have met it."""
    pattern, path = writer.pattern, writer.pattern.path_of(edge.variable)
    if path is None or path.select is Select.ALL:
        return
    met: list[str] = []
    if pattern.semantics is Semantics.DISTINCT_EDGES:
        met = [other.variable for other in pattern.positive if other != edge and writer.may_meet(edge, other)]
    elif pattern.semantics.vertices_differ:
        ends = (edge.source, edge.target)
        met = [v.variable for v in pattern.vertices if v.variable not in ends and writer.same_table(edge, v.variable)]
    if met:
        at = edge.at or Span(0, 1)
        raise UnsupportedError(
            f"the path is chosen as {path.select.value}, and then must not meet the rest of the pattern "
            f"({pattern.semantics.value}): another choice might not have met it",
            writer.text, at.start, at.end - at.start,
            "Write the path in a separate MATCH; in SQL/PGQ leave KEEP out, or give it a separate GRAPH_TABLE.",
        )  # fmt: skip


def _keys(writer: Writer, edge: Edge) -> str:
    return f"list_transform({writer.alias(edge.variable)}.{EDGES}, lambda {EACH}: {EACH}.{KEY})"


def _interior(writer: Writer, edge: Edge) -> str:
    return f"list_slice({writer.alias(edge.variable)}.{VERTICES}, 2, -2)"


class _Walk:
    """SQL of one repeated edge."""

    def __init__(self, writer: Writer, edge: Edge) -> None:
        assert edge.quantifier is not None
        self.writer = writer
        self.edge = edge
        self.mode = writer.pattern.mode_of(edge.variable)
        self.path = writer.pattern.path_of(edge.variable)
        self.select_ = self.path.select if self.path else Select.ALL
        self.listing = self.select_ in (Select.ALL, Select.SHORTEST_K)
        self.low, self.high = edge.quantifier.minimum, edge.quantifier.maximum
        self.needs = self._needs()
        self.table = writer.bound.vertex_tables[edge.source]
        # Set out from the end that fewer vertices can be.
        self.flipped = writer.restricted(edge.target) and not writer.restricted(edge.source)
        self._check()

    def select(self) -> str:
        if self.listing:
            ctes = [self._walks()]
        elif self.select_ is Select.ALL_SHORTEST:
            ctes = [self._shortest(REACHED, []), self._along_distances()]
        else:
            ctes = [self._shortest(WALK, self.needs.lists)]
        conditions = [f"{LENGTH} >= {self.low}"]
        if not self.listing and self.mode is Mode.ACYCLIC and self.low > 0:
            conditions.append(f"{S} <> {T}")
        ends = f"{T} AS {S}, {S} AS {T}" if self.flipped else f"{S}, {T}"
        lists = [f"list_reverse({name}) AS {name}" if self.flipped else name for name in self.needs.lists]
        outputs = ", ".join([ends, LENGTH, *lists])
        ctes = [f"{START} AS ({self._start()})", f"{HOP} AS ({self._hops()})", *ctes]
        rows = f"SELECT {outputs} FROM {WALK} WHERE {' AND '.join(conditions)}"
        return f"WITH RECURSIVE {', '.join(ctes)} {rows}{self._first_k()}"

    def _first_k(self) -> str:
        """Of each pair of ends the k shortest paths; of paths of one length those over smaller ids."""
        if self.select_ is not Select.SHORTEST_K:
            return ""
        assert self.path is not None
        way = f"list_reverse({VERTICES})" if self.flipped else VERTICES
        by = ", ".join([LENGTH, way, *([EDGES] if self.needs.edges else [])])
        return f" QUALIFY row_number() OVER (PARTITION BY {S}, {T} ORDER BY {by}) <= {self.path.k}"

    def _check(self) -> None:
        if self.select_ is Select.ALL:
            if self.high is None and self.mode is Mode.WALK:
                raise self._unsupported(
                    "a walk without an upper bound has no end",
                    "Write {1,n}, or ANY SHORTEST, TRAIL, SIMPLE or ACYCLIC before the path.",
                )
        elif self.path is not None and len(self.path.edges) > 1:
            raise self._unsupported(
                f"{self.select_.value} goes with a path of one repeated edge",
                "Write the rest as a separate pattern: p = ANY SHORTEST (a)-[e]->+(b), (b)-[f]->(c)",
            )
        elif self.select_ is Select.SHORTEST_K:
            if self.high is None:
                raise self._unsupported(
                    "the k shortest paths are looked for up to a length",
                    "Write {1,n}, in Cypher also *1..n; or use Graph.paths(..., k=...), which needs no bound.",
                )
        elif self.low > 1:
            raise self._unsupported(
                f"{self.select_.value} begins at length 0 or 1, not at {self.low}",
                f"Write {{1,n}}; or list all paths of {{{self.low},n}}, and order them by their length.",
            )
        tables = self.writer.bound.edge_tables[self.edge.variable]
        if len({end for table in tables for end in (table.source, table.target)}) > 1:
            raise self._unsupported(
                "a repeated edge stays within one vertex table", "Write edges that lead to another table one by one."
            )

    def _unsupported(self, message: str, hint: str) -> UnsupportedError:
        at = self.edge.at or Span(0, 1)
        return UnsupportedError(message, self.writer.text, at.start, at.end - at.start, hint)

    def _needs(self) -> _Needs:
        writer, edge = self.writer, self.edge
        columns: dict[str, None] = {}
        key = vertices = listed = False
        for path in writer.pattern.paths:
            if edge.variable not in path.edges:
                continue
            nodes = list(writer.along_nodes(path.variable))
            names, identity = path_columns(writer, path, "edges")
            columns.update(dict.fromkeys(names))
            key |= identity
            listed |= any(node.over == "edges" for node in nodes)
            vertices |= any(node.over == "vertices" for node in nodes)
        trail = self.mode is Mode.TRAIL and self.listing
        among = writer.pattern.semantics is Semantics.DISTINCT_EDGES and len(writer.pattern.positive) > 1
        key |= trail or among
        vertices |= (self.mode in (Mode.ACYCLIC, Mode.SIMPLE) and self.listing) or self.select_ is Select.SHORTEST_K
        vertices |= writer.pattern.semantics.vertices_differ
        return _Needs(vertices, listed or key, key or (listed and not columns), tuple(columns))

    # -- pieces --

    def _start(self) -> str:
        """Where paths set out: vertices of the source that the rest of the pattern leaves possible."""
        return self.writer.possible(self.edge.target if self.flipped else self.edge.source)

    def _hops(self) -> str:
        writer, edge = self.writer, self.edge
        tables = writer.bound.edge_tables[edge.variable]
        own = tuple(writer.read.get(edge.variable, {}))
        columns = tuple(dict.fromkeys((*self.needs.columns, *own)))
        rows = writer.edge_rows(edge, columns, self.needs.key, filtered=True)
        outputs = [f"{H}.{T} AS {S}", f"{H}.{S} AS {T}"] if self.flipped else [f"{H}.{S}", f"{H}.{T}"]
        if self.needs.edges:
            fields = [f"{quote(c)} := {H}.{quote(c)}" for c in self.needs.columns]
            if self.needs.key:
                fields.append(f"{KEY} := {H}.{KEY}")
            outputs.append(f"struct_pack({', '.join(fields)}) AS {EDGE}")
        if edge.interior is not None:
            outputs.append(f"{H}.{T if self.flipped else S} IN ({self._interior()}) AS {OPEN}")
        reached = S if self.flipped else T
        whole = all(table.complete for table in tables) and not self.table.only
        kept = "" if whole else f" WHERE {H}.{reached} IN ({self._vertices()})"
        return f"SELECT {', '.join(outputs)} FROM ({rows}) AS {H}{kept}"

    def _vertices(self) -> str:
        only = _where(self.writer.only(self.table, ROW))
        return f"SELECT {ROW}.{quote(self.table.key)} FROM {quote(self.table.table)} AS {ROW}{only}"

    def _interior(self) -> str:
        assert self.edge.interior is not None
        name = self.edge.interior.variable
        names = replace(
            self.writer.names,
            identity=lambda v: f"{quote(name)}.{quote(self.table.key)}" if v == name else self.writer.names.identity(v),
            column=lambda v, c: self.writer.cell(self.table, quote(v), c),
        )
        predicate = write(self.edge.interior.predicate, names, self.writer.values)
        alias = quote(name)
        return f"SELECT {alias}.{quote(self.table.key)} FROM {quote(self.table.table)} AS {alias} WHERE {predicate}"

    def _seed(self, lists: list[str]) -> str:
        # The empty list has the type of the hops' edges.
        values = {VERTICES: f"[{ID}]", EDGES: f"coalesce((SELECT list({H}.{EDGE}) FROM {HOP} AS {H} WHERE FALSE), [])"}
        return f"SELECT {_row(ID, ID, '0', values, lists)} FROM {START}"

    def _first_hops(self, lists: list[str]) -> str:
        values = {VERTICES: f"[{H}.{S}, {H}.{T}]", EDGES: f"[{H}.{EDGE}]"}
        row = _row(f"{H}.{S}", f"{H}.{T}", "1", values, lists)
        return f"SELECT {row} FROM {START} JOIN {HOP} AS {H} ON {H}.{S} = {START}.{ID}"

    def _step(self, lists: list[str]) -> str:
        values = {VERTICES: f"list_append({W}.{VERTICES}, {H}.{T})", EDGES: f"list_append({W}.{EDGES}, {H}.{EDGE})"}
        return f"SELECT {_row(f'{W}.{S}', f'{H}.{T}', f'{W}.{LENGTH} + 1', values, lists)}"

    def _limits(self) -> list[str]:
        conditions = [] if self.high is None else [f"{W}.{LENGTH} < {self.high}"]
        if self.edge.interior is not None:
            conditions.append(f"({W}.{LENGTH} = 0 OR {H}.{OPEN})")
        return conditions

    def _walks(self) -> str:
        conditions = self._limits()
        if self.mode is Mode.TRAIL:
            keys = f"list_transform({W}.{EDGES}, lambda {EACH}: {EACH}.{KEY})"
            conditions.append(f"NOT list_contains({keys}, {H}.{EDGE}.{KEY})")
        elif self.mode is Mode.ACYCLIC:
            conditions.append(f"NOT list_contains({W}.{VERTICES}, {H}.{T})")
        elif self.mode is Mode.SIMPLE:
            conditions.append(f"({W}.{LENGTH} = 0 OR {W}.{S} <> {W}.{T})")
            conditions.append(f"({H}.{T} = {W}.{S} OR NOT list_contains({W}.{VERTICES}, {H}.{T}))")
        lists = self.needs.lists
        return (
            f"{WALK}({_columns(lists)}) AS ({self._seed(lists)} UNION ALL "
            f"{self._step(lists)} FROM {WALK} AS {W} JOIN {HOP} AS {H} ON {H}.{S} = {W}.{T}{_where(conditions)})"
        )

    def _shortest(self, name: str, lists: list[str]) -> str:
        """Breadth first: a pair of ends keeps the first path that reached it."""
        first = self._seed(lists) if self.low == 0 else _first_of_each(self._first_hops(lists), lists)
        step = (
            f"{self._step(lists)} FROM {name} AS {W} JOIN {HOP} AS {H} ON {H}.{S} = {W}.{T} "
            f"LEFT JOIN recurring.{name} AS {R} ON {R}.{S} = {W}.{S} AND {R}.{T} = {H}.{T}"
            f"{_where([*self._limits(), f'{R}.{S} IS NULL'])}"
        )
        return f"{name}({_columns(lists)}) USING KEY ({S}, {T}) AS ({first} UNION {_first_of_each(step, lists)})"

    def _along_distances(self) -> str:
        """All paths whose every step is one further from where they set out."""
        lists = self.needs.lists
        first = self._seed(lists)
        if self.low > 0:
            near = f"{R}.{S} = {H}.{S} AND {R}.{T} = {H}.{T} AND {R}.{LENGTH} = 1"
            first = f"{self._first_hops(lists)} JOIN {REACHED} AS {R} ON {near}"
        return (
            f"{WALK}({_columns(lists)}) AS ({first} UNION ALL {self._step(lists)} FROM {WALK} AS {W} "
            f"JOIN {HOP} AS {H} ON {H}.{S} = {W}.{T} JOIN {REACHED} AS {R} ON {R}.{S} = {W}.{S} AND {R}.{T} = {H}.{T} "
            f"AND {R}.{LENGTH} = {W}.{LENGTH} + 1{_where(self._limits())})"
        )


def _columns(lists: list[str]) -> str:
    return ", ".join([S, T, LENGTH, *lists])


def _row(begin: str, end: str, length: str, values: dict[str, str], lists: list[str]) -> str:
    return ", ".join(
        [f"{begin} AS {S}", f"{end} AS {T}", f"{length} AS {LENGTH}", *(f"{values[name]} AS {name}" for name in lists)]
    )


def _where(conditions: list[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _first_of_each(rows: str, lists: list[str]) -> str:
    """One row for each pair of ends; the lists are of one path, not mixed from several."""
    if not lists:
        return f"SELECT {S}, {T}, min({LENGTH}) AS {LENGTH} FROM ({rows}) GROUP BY {S}, {T}"
    packed = ", ".join(f'"~l{i}" := {name}' for i, name in enumerate(lists))
    unpacked = ", ".join(f'{PACKED}."~l{i}" AS {name}' for i, name in enumerate(lists))
    return (
        f"SELECT {S}, {T}, {LENGTH}, {unpacked} FROM (SELECT {S}, {T}, min({LENGTH}) AS {LENGTH}, "
        f"first(struct_pack({packed})) AS {PACKED} FROM ({rows}) GROUP BY {S}, {T})"
    )

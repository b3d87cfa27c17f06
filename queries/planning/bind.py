"""Tie a pattern's names to tables and columns of a property graph, or say what was meant instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.ir.connectome import CONNECTOME
from queries.ir.expression import (
    AGGREGATES,
    WHOLE_PART,
    AllAlong,
    Call,
    EachAlong,
    Expression,
    Literal,
    Property,
    Span,
    transform,
)
from queries.ir.identifiers import COMPUTED, OURS
from queries.ir.pattern import Column, Edge, Exists, Interior, Pattern, Vertex
from queries.ir.property_graph import Derived, EdgeTable, Partial, PropertyGraph, VertexTable
from queries.planning.bound import BoundPattern, ends_of, shown_name
from queries.planning.columns import columns_of, nearest_property, resolve_alias, row_number
from queries.planning.elements import IS_LABEL, whole
from queries.planning.keys import check_unique
from queries.source import Source
from queries.sql import guard

Elements = tuple[VertexTable | EdgeTable, ...]

_ALONG = (EachAlong, AllAlong)


def bind(pattern: Pattern, source: Source, text: str = "") -> BoundPattern:
    """Resolve labels to tables, properties to columns, ``*`` to all columns.

    Args:
        text: the user's text, for messages.

    Raises:
        ParseError: an unknown graph, label or property with the nearest known, a vertex that could be of
            several tables, an edge whose tables do not join the vertices it stands between.
    """
    return _Binder(source, source.graph(pattern.graph), text).bound(pattern)


class _Binder:
    def __init__(self, source: Source, graph: PropertyGraph, text: str) -> None:
        self.source = source
        self.graph = graph
        self.text = text
        self.vertices: dict[str, VertexTable] = {}
        self.edges: dict[str, tuple[EdgeTable, ...]] = {}
        self.types: dict[tuple[str, str], str] = {}
        self.paths: dict[str, tuple[str, ...]] = {}
        self.derived: dict[tuple[str, str], Derived] = {}

    def bound(self, pattern: Pattern) -> BoundPattern:
        resolved = self.pattern(pattern)
        tables = {table.table: table for edge_tables in self.edges.values() for table in edge_tables}
        if self.graph.name != CONNECTOME.name:  # whose keys the store keeps unique
            for vertex_table in set(self.vertices.values()):
                check_unique(vertex_table, self.source)
            for edge_table in tables.values():
                check_unique(edge_table, self.source)
        for name in {table.table for table in self.vertices.values()} | set(tables):
            self.source.provide(name)
        keys = {name: table.key or row_number(self.source, name) for name, table in tables.items()}
        columns = {name: frozenset(columns_of(self.source, name)) for name in tables}
        return BoundPattern(
            resolved, self.graph, self.vertices, self.edges, self.types, keys, columns, self.derived, self._taken()
        )

    def _taken(self) -> frozenset[str]:
        """Columns of the tables of the pattern, and of those that computed properties read."""
        tables = {table.table for table in self.vertices.values()}
        tables |= {table.table for edge_tables in self.edges.values() for table in edge_tables}
        if self.derived:
            tables |= {table.table for table in self.graph.edge_tables if table.derived or table.by_name}
        known = guard.known_relations(self.source.connection) if self.derived else ()
        return frozenset(
            name.lower()
            for table in tables
            if not self.derived or table.lower() in known
            for name in columns_of(self.source, table)
        )

    def pattern(self, pattern: Pattern) -> Pattern:
        self._resolve_tables(pattern)
        vertices = tuple(self._vertex(vertex) for vertex in pattern.vertices)
        edges = tuple(self._edge(edge) for edge in pattern.edges)
        where = None if pattern.where is None else self.expression(pattern.where)
        columns = [bound for column in pattern.columns for bound in self._column(pattern, column)]
        order = tuple(replace(key, value=self.expression(key.value)) for key in pattern.order)
        return replace(pattern, vertices=vertices, edges=edges, where=where, columns=self._unique(columns), order=order)

    def fault(self, message: str, at: Span | None, hint: str = "") -> ParseError:
        span = at or Span(0, 1)
        return ParseError(message, self.text, span.start, span.end - span.start, hint)

    # -- labels --

    def _resolve_tables(self, pattern: Pattern) -> None:
        for path in pattern.paths:
            self.paths[path.variable] = path.edges
        for vertex in pattern.vertices:
            if vertex.variable not in self.vertices and vertex.labels:
                self.vertices[vertex.variable] = self._labelled(vertex)
        for edge in pattern.edges:
            self.edges[edge.variable] = self._edge_tables(edge)
        # A vertex without a label takes the table its edges lead to; a few rounds settle chains of them.
        for _ in pattern.vertices:
            for edge in pattern.edges:
                self._infer(edge)
        for edge in pattern.edges:
            if not self._fitting(edge):
                raise self._no_edge(edge)
        for vertex in pattern.vertices:
            if vertex.variable not in self.vertices:
                plain = [table for table in self.graph.vertex_tables if not table.by_name]
                if len(plain) != 1:
                    raise self.fault(
                        f"vertex {shown_name(vertex.variable)} could be of several tables",
                        vertex.at,
                        hint=f"Give it one of the labels {', '.join(self.graph.vertex_labels())}: (a IS label).",
                    )
                self.vertices[vertex.variable] = plain[0]
        for edge in pattern.edges:
            self._fit(edge)

    def _labelled(self, vertex: Vertex) -> VertexTable:
        labelled: dict[str, VertexTable] = {}
        for label in vertex.labels:
            table = self.graph.vertices_of(label)
            if table is None:
                raise self._unknown_label("vertex", label, self.graph.vertex_labels(), vertex.at)
            labelled[table.table] = table
        if len(labelled) > 1:
            raise self.fault(
                f"the labels of vertex {shown_name(vertex.variable)} are different tables ({', '.join(labelled)})",
                vertex.at,
                hint="Ask for each in a separate GRAPH_TABLE and put UNION ALL between them.",
            )
        return next(iter(labelled.values()))

    def _unknown_label(self, what: str, label: str, known: list[str], at: Span | None) -> ParseError:
        start = at.start if at else 0
        if at is not None and (place := self.text.find(label, at.start)) >= 0:
            start = place
        why = next((why for name, why in self.graph.missing if name.lower() == label.lower()), None)
        if why is not None:
            return UnsupportedError(f"{label}: {why}", self.text, start, len(label))
        return self.fault(
            f"{self.graph.name} has no {what} label {label!r}{did_you_mean(label, known)}",
            Span(start, start + len(label)),
        )

    def _edge_tables(self, edge: Edge) -> tuple[EdgeTable, ...]:
        if not edge.labels:
            tables = tuple(table for table in self.graph.edge_tables if not table.by_name)
            if not tables:
                raise self.fault(f"{self.graph.name} has no edges without a label", edge.at)
            return tables
        labelled: list[EdgeTable] = []
        for label in edge.labels:
            tables = self.graph.edges_of(label)
            if not tables:
                raise self._unknown_label("edge", label, self.graph.edge_labels(), edge.at)
            if edge.quantifier is not None and not all(table.by_name for table in tables):
                tables = tuple(table for table in tables if not table.by_name)
            labelled.extend(table for table in tables if table not in labelled)
        # The same rows under two labels would be met twice: `synapse|connection` is `connection`.
        return tuple(
            table
            for table in labelled
            if not any(
                other is not table
                and other.table == table.table
                and (other.source_key, other.target_key) == (table.source_key, table.target_key)
                and set(other.only) <= set(table.only)
                and (set(other.only) < set(table.only) or labelled.index(other) < labelled.index(table))
                for other in labelled
            )
        )

    def _infer(self, edge: Edge) -> None:
        tables = self._fitting(edge)
        for end, names in (
            (edge.source, {side for table in tables for side in ends_of(table, edge)[0]}),
            (edge.target, {side for table in tables for side in ends_of(table, edge)[1]}),
        ):
            if end not in self.vertices and len(names) == 1:
                self.vertices[end] = self.graph.vertex_table(next(iter(names)))

    def _fitting(self, edge: Edge) -> tuple[EdgeTable, ...]:
        source, target = self.vertices.get(edge.source), self.vertices.get(edge.target)

        def fits(table: EdgeTable) -> bool:
            ways = [(table.source, table.target)]
            if edge.direction.value == "-":
                ways.append((table.target, table.source))
            return any(
                (source is None or source.table.lower() == a.lower())
                and (target is None or target.table.lower() == b.lower())
                for a, b in ways
            )

        if edge.quantifier is not None:  # what lies between may be of other tables
            return self.edges[edge.variable]
        return tuple(table for table in self.edges[edge.variable] if fits(table))

    def _fit(self, edge: Edge) -> None:
        fitting = self._fitting(edge)
        if not fitting:
            raise self._no_edge(edge)
        self.edges[edge.variable] = fitting

    def _no_edge(self, edge: Edge) -> ParseError:
        ends = (self.vertices.get(edge.source), self.vertices.get(edge.target))
        known = [table.labels[0] if table else "anything" for table in ends]
        label = f"with label {' or '.join(edge.labels)} " if edge.labels else ""
        return self.fault(f"no edge {label}joins {' to '.join(known)}", edge.at)

    # -- properties --

    def _tables(self, variable: str) -> Elements:
        if variable in self.vertices:
            return (self.vertices[variable],)
        return self.edges[variable]

    def _vertex(self, vertex: Vertex) -> Vertex:
        predicate = None if vertex.predicate is None else self.expression(vertex.predicate)
        return replace(vertex, predicate=predicate)

    def _edge(self, edge: Edge) -> Edge:
        predicate = None if edge.predicate is None else self.expression(edge.predicate)
        inside = edge.interior
        if inside is not None:
            tables = self._interior_tables(edge)
            inside = Interior(inside.variable, self.expression(inside.predicate, {inside.variable: tables}))
        return replace(edge, predicate=predicate, interior=inside)

    def _interior_tables(self, edge: Edge) -> Elements:
        names = dict.fromkeys(table.target for table in self.edges[edge.variable])
        return tuple(self.graph.vertex_table(name) for name in names)

    def expression(self, expression: Expression, local: Mapping[str, Elements] | None = None) -> Expression:
        """The tree with every property in its table's spelling and every sub-pattern bound."""
        known = local or {}

        def change(node: Expression) -> Expression:
            if isinstance(node, Property):
                if node.variable in inner:
                    return node
                tables = known.get(node.variable) or self._tables(node.variable)
                if node.name.startswith(IS_LABEL):
                    return self._has_label(node, tables)
                return replace(node, name=self._column_name(node, tables))
            if isinstance(node, Exists):
                return replace(node, pattern=self.pattern(node.pattern))
            if isinstance(node, Call) and node.function not in {*AGGREGATES, WHOLE_PART}:
                at = node.at or Span(0, 1)
                length = min(at.end - at.start, len(node.function))
                guard.check_function(
                    node.function, self.source.connection, self.source.cache, self.text, at.start, length
                )
            if isinstance(node, _ALONG):
                tables = self._along_tables(node)
                inside = {**known, node.variable: tables}
                if isinstance(node, AllAlong):
                    return replace(node, predicate=self.expression(node.predicate, inside))
                kept = None if node.kept is None else self.expression(node.kept, inside)
                return replace(node, value=self.expression(node.value, inside), kept=kept)
            return node

        # Properties of a path's elements are bound when their EachAlong is met, with its tables.
        inner = {node.variable for node in expression.walk() if isinstance(node, _ALONG)} - set(known)
        return transform(expression, change)

    def _along_tables(self, node: Expression) -> Elements:
        assert isinstance(node, _ALONG)
        tables: list[VertexTable | EdgeTable] = []
        for edge in self.paths[node.path]:
            for table in self.edges[edge]:
                if node.over == "edges":
                    tables.append(table)
                else:
                    tables += [self.graph.vertex_table(table.source), self.graph.vertex_table(table.target)]
        return tuple(dict.fromkeys(tables))

    def _column_name(self, node: Property, tables: Elements) -> str:
        visible: dict[str, str] = {}
        for table in tables:
            for name, kind in self._visible(table).items():
                visible.setdefault(name, kind)
        column = self._own_name(node, tables) if node.name.startswith(OURS) else None
        column = column or self._derived_name(node, tables, declared=True)
        column = column or self._written_name(node, tables, visible)
        if column is None:
            column = self._derived_name(node, tables)
        if column is None:
            # DotMotif's ``-|`` asks for a sign in two characters.
            at = Span(max(node.at.start, node.at.end - len(node.name)), node.at.end) if node.at else None
            raise self.fault(
                f"{tables[0].labels[0]} has no property {node.name!r}{nearest_property(node.name, tables, visible)}",
                at,
                hint="Graph.set_signs gives neurons and connections their sign." if node.name.lower() == "sign" else "",
            )
        if column in visible:
            self.types[(node.variable, column)] = visible[column]
            self._check_partial(column, node.at, tables)
        return column

    def _written_name(self, node: Property, tables: Elements, visible: Mapping[str, str]) -> str | None:
        """The column of the name that was written, or that this is another word for; refused where it may be both."""
        by_lower = {name.lower(): name for name in visible}
        wanted = node.name.lower()
        for table in tables:
            own = wanted.removeprefix(f"{table.table.lower()}.")
            if own != wanted and wanted not in by_lower and own in by_lower:
                return by_lower[own]
        match = by_lower.get(wanted)
        for table in tables:
            aliases = {alias.lower(): column.lower() for alias, column in table.aliases}
            other = by_lower.get(aliases.get(wanted, ""))
            if match is None or other is None or match == other:
                match = match or other
                continue
            chosen = resolve_alias(self.source, table.table, match, other)
            if chosen is None:
                raise self.fault(
                    f"{node.name!r} is a column of {table.table} and another word for {other!r}, and the two differ",
                    node.at,
                    hint=f"Write {other}, or `{table.table}.{match}` for the column of that name.",
                )
            match = chosen
        return match

    def _check_partial(self, column: str, at: Span | None, tables: Elements) -> None:
        """Refuse a column that holds only a part of what the graph knows."""
        for table in tables:
            for partial in table.partial if isinstance(table, EdgeTable) else ():
                if partial.column == column and not self._whole(partial):
                    raise self.fault(partial.message, at, partial.hint)

    def _whole(self, partial: Partial) -> bool:
        key = ("whole", partial.whole)
        if key not in self.source.cache:
            self.source.cache[key] = bool(self.source.connection.execute(partial.whole).fetchall()[0][0])
        known: bool = self.source.cache[key]
        return known

    def _derived_name(self, node: Property, tables: Elements, declared: bool = False) -> str | None:
        """The name of a property that is computed, never that of a column; noted for every table that has it.

        declared: only those that the property graph names, which no column of a table hides.
        """
        column: str | None = None
        for table in tables:
            wanted = node.name.lower()
            there = [d for d in table.derived if d.name.lower() == wanted and not (declared and d.yields)]
            derived = next((d for d in there if set(d.reads) <= self._visible(table).keys()), None)
            flags = table.membership if isinstance(table, VertexTable) else None
            if derived is None and not declared and flags is not None and node.name in self._members(flags.names):
                derived = Derived(node.name, "BOOLEAN", flags.sql, node.name)
            if derived is not None:
                column = derived.name + COMPUTED
                self.derived[(table.table, column)] = derived
                self.types[(node.variable, column)] = derived.type
        return column

    def _own_name(self, node: Property, tables: Elements) -> str:
        """The name of what Cypher asks of an element as a whole: its labels, type, keys and properties."""
        column = node.name + COMPUTED
        for table in tables:
            derived = whole(node.name, table, self._visible(table))
            self.derived[(table.table, column)] = derived
            self.types[(node.variable, column)] = derived.type
        return column

    def _has_label(self, node: Property, tables: Elements) -> Literal:
        label = node.name.removeprefix(IS_LABEL)
        vertex = isinstance(tables[0], VertexTable)
        table = self.graph.vertices_of(label)
        meant: Elements = (() if table is None else (table,)) if vertex else self.graph.edges_of(label)
        if not meant:
            known = self.graph.vertex_labels() if vertex else self.graph.edge_labels()
            raise self._unknown_label("vertex" if vertex else "edge", label, known, node.at)
        met = [table in meant for table in tables]
        if any(met) and not all(met):
            raise self.fault(
                f"{shown_name(node.variable)} is of several tables", node.at, "Write the label in the pattern."
            )
        return Literal(all(met), at=node.at)

    def _members(self, names: str) -> frozenset[str]:
        key = ("members", names)
        if key not in self.source.cache:
            self.source.cache[key] = frozenset(str(row[0]) for row in self.source.connection.execute(names).fetchall())
        members: frozenset[str] = self.source.cache[key]
        return members

    def _visible(self, table: VertexTable | EdgeTable) -> dict[str, str]:
        columns = columns_of(self.source, table.table)
        if table.properties is None:
            return columns
        allowed = {name.lower() for name in table.properties}
        return {name: kind for name, kind in columns.items() if name.lower() in allowed}

    # -- output --

    def _column(self, pattern: Pattern, column: Column) -> list[Column]:
        value = column.value
        if not (isinstance(value, Property) and value.name == "*"):
            return [Column(column.name, self.expression(value))]
        if value.variable == "*":
            plain = [e.variable for e in pattern.positive if e.quantifier is None]
            chosen = [name for name in (*(v.variable for v in pattern.vertices), *plain) if not name[0].isdigit()]
            return [bound for name in chosen for bound in self._all_of(name, prefix=f"{name}.")]
        stars = sum(isinstance(c.value, Property) and c.value.name == "*" for c in pattern.columns)
        return self._all_of(value.variable, prefix=f"{value.variable}." if stars > 1 else "")

    def _all_of(self, variable: str, prefix: str) -> list[Column]:
        columns: dict[str, Column] = {}
        for table in self._tables(variable):
            for name, kind in self._visible(table).items():
                self.types.setdefault((variable, name), kind)
                columns.setdefault(name, Column(prefix + name, Property(variable, name)))
        return list(columns.values())

    def _unique(self, columns: list[Column]) -> tuple[Column, ...]:
        seen: set[str] = set()
        for column in columns:
            if column.name.lower() in seen:
                at = column.value.at
                raise self.fault(f"two output columns are called {column.name!r}", at, hint="Name them: ... AS name.")
            seen.add(column.name.lower())
        return tuple(columns)

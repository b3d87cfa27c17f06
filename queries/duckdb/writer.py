"""A bound pattern as DuckDB SQL: one relation an element, joins in WHERE, anti joins for what must not be.

DuckDB chooses the join order. The writer leaves out a vertex table that would change nothing: when the store
guarantees that every edge ends in it and nothing but the key is read.

Tests: tests/queries/planning/test_rewrites.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, permutations

from ingest.schema.errors import SchemaError
from queries.duckdb.alike import least_of_alike
from queries.duckdb.along import ID, along, path_length
from queries.duckdb.expressions import Names, write
from queries.duckdb.walks import walk_distinctness, walk_relation
from queries.ir.expression import AllAlong, EachAlong, Expression, is_aggregate
from queries.ir.identifiers import quote
from queries.ir.parts import columns_read, expressions, identified, reachable_part
from queries.ir.pattern import Direction, Edge, Exists, Order, Path, Pattern, Semantics
from queries.ir.property_graph import EdgeTable, VertexTable
from queries.planning.bound import BoundPattern
from queries.planning.values import Values

SOURCE, TARGET, KEY, OTHER = '"~source"', '"~target"', '"~key"', '"~other"'


def select(bound: BoundPattern, values: Values) -> str:
    """The whole pattern as one SELECT; ``values`` collects what it binds."""
    return Writer(bound, values).select()


class Writer:
    """Writes one pattern; sub-patterns of EXISTS get a writer of their own that knows this one."""

    def __init__(self, bound: BoundPattern, values: Values, outer: Writer | None = None) -> None:
        self.bound = bound
        self.pattern = bound.pattern
        self.alias = bound.alias
        self.values = values
        self.outer = outer
        self.read: dict[str, dict[str, None]] = outer.read if outer else columns_read(bound.pattern)
        self.identified: set[str] = outer.identified if outer else identified(bound.pattern)
        self.ids: dict[str, str] = {}
        self.names = Names(self.identity, self.column, self.length, self.along, self.exists, self.type_of)

    # -- the statement --

    def select(self) -> str:
        pattern = self.pattern
        relations, conditions = self.relations()
        outputs = [f"{self.sql(c.value)} AS {quote(c.name)}" for c in pattern.columns] or ["1"]
        parts = [
            f"SELECT {'DISTINCT ' if pattern.distinct else ''}{', '.join(outputs)}",
            f"FROM {', '.join(relations)}",
        ]
        if conditions:
            parts.append(f"WHERE {' AND '.join(conditions)}")
        if pattern.alike:
            parts.append(least_of_alike({v.variable: self.ids[v.variable] for v in pattern.vertices}, pattern.alike))
            if pattern.only_counts:
                return "\n".join([parts[0], "FROM (SELECT 1", *parts[1:], ")"])
        if pattern.aggregates and not all(is_aggregate(column.value) for column in pattern.columns):
            parts.append("GROUP BY ALL")
        if pattern.order:
            parts.append("ORDER BY " + ", ".join(map(self._order, pattern.order)))
        for word, number in (("LIMIT", pattern.limit), ("OFFSET", pattern.skip)):
            if number is not None:
                parts.append(f"{word} {number if isinstance(number, int) else self.values.parameter(number)}")
        return "\n".join(parts)

    def _order(self, key: Order) -> str:
        nulls = "" if key.nulls_first is None else f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        return f"{self.sql(key.value)}{' DESC' if key.descending else ''}{nulls}"

    def relations(self) -> tuple[list[str], list[str]]:
        """FROM items and WHERE conditions of everything in the pattern but its outputs."""
        pattern = self.pattern
        relations: list[str] = []
        conditions: list[str] = []
        for edge in pattern.positive:
            relations.append(self._edge_relation(edge, conditions))
        for vertex in pattern.vertices:
            self._vertex_relation(vertex.variable, relations, conditions)
        for edge in pattern.positive:
            source, target = self.ends(edge)
            for end, own in ((source, self.ids[edge.source]), (target, self.ids[edge.target])):
                if end != own:
                    conditions.append(f"{end} = {own}")
            if edge.predicate is not None and edge.quantifier is None:
                conditions.append(self.sql(edge.predicate))
        conditions += [self._absent(edge) for edge in pattern.negative]
        conditions += self._distinctness()
        conditions += [f"{self.ids[first]} < {self.ids[second]}" for first, second in pattern.symmetry]
        if pattern.where is not None:
            conditions.append(self.sql(pattern.where))
        return relations or ["(SELECT 1)"], list(dict.fromkeys(conditions))

    def sql(self, expression: Expression) -> str:
        return write(expression, self.names, self.values)

    # -- vertices --

    def _vertex_relation(self, variable: str, relations: list[str], conditions: list[str]) -> None:
        if variable in self.pattern.outer:
            assert self.outer is not None
            self.ids[variable] = self.outer.id_of(variable)
            own = self.pattern.vertex(variable).predicate
            if own is not None:
                conditions.append(self.sql(own))
            return
        table = self.bound.vertex_tables[variable]
        through = self._stand_in(variable, table)
        if through is not None:
            self.ids[variable] = through
        else:
            relations.append(f"{quote(table.table)} AS {self.alias(variable)}")
            self.ids[variable] = f"{self.alias(variable)}.{quote(table.key)}"
            conditions += self.only(table, self.alias(variable))
        predicate = self.pattern.vertex(variable).predicate
        if predicate is not None:
            conditions.append(self.sql(predicate))

    def _stand_in(self, variable: str, table: VertexTable) -> str | None:
        """The end of an edge that always is a row of the vertex table, where no column but the key is read."""
        if table.only or set(self.read.get(variable, {})) - {table.key}:
            return None
        for edge in self.pattern.positive:
            if edge.quantifier is None and all(t.complete for t in self.bound.edge_tables[edge.variable]):
                source, target = self.ends(edge)
                if edge.source == variable:
                    return source
                if edge.target == variable:
                    return target
        return None

    def id_of(self, variable: str) -> str:
        """The key of a vertex of this pattern or of one around it."""
        if variable in self.ids:
            return self.ids[variable]
        assert self.outer is not None, variable
        return self.outer.id_of(variable)

    def only(self, table: VertexTable | EdgeTable, alias: str) -> list[str]:
        """Conditions that a row of the table belongs to the property graph."""
        return [f"{alias}.{quote(column)} = {self.values.constant(value)}" for column, value in table.only]

    # -- edges --

    def _edge_relation(self, edge: Edge, conditions: list[str]) -> str:
        if edge.quantifier is not None:
            return walk_relation(self, edge)
        tables = self.bound.edge_tables[edge.variable]
        if len(tables) == 1 and edge.direction is Direction.RIGHT:
            conditions += self.only(tables[0], self.alias(edge.variable))
            return f"{quote(tables[0].table)} AS {self.alias(edge.variable)}"
        needs_key = self.pattern.semantics is Semantics.DISTINCT_EDGES or edge.variable in self.identified
        rows = self.edge_rows(edge, list(self.read.get(edge.variable, {})), needs_key)
        return f"({rows}) AS {self.alias(edge.variable)}"

    def edge_rows(self, edge: Edge, columns: Iterable[str], needs_key: bool, filtered: bool = False) -> str:
        """All edges of an edge variable as one SELECT of ends, key and columns; both ways where it has none.

        ``filtered``: the edge's predicate is applied inside.
        """
        parts = []
        for table in self.bound.edge_tables[edge.variable]:
            alias = self.alias(edge.variable)
            known = {name for name in columns if self._has(table, name)}
            outputs = [f"{self.cell(table, alias, c) if c in known else 'NULL'} AS {quote(c)}" for c in columns]
            if needs_key:
                outputs.append(f"{self.key(table, edge.variable)} AS {KEY}")
            conditions = self.only(table, alias)
            source, target = f"{alias}.{quote(table.source_key)}", f"{alias}.{quote(table.target_key)}"
            if filtered and edge.predicate is not None:
                conditions.append(self.sql(edge.predicate))
            ways = [(source, target, conditions)]
            if edge.direction is Direction.ANY:
                ways.append((target, source, [*conditions, f"{source} <> {target}"]))
            for begin, end, kept in ways:
                where = f" WHERE {' AND '.join(kept)}" if kept else ""
                listed = ", ".join([f"{begin} AS {SOURCE}", f"{end} AS {TARGET}", *outputs])
                parts.append(f"SELECT {listed} FROM {quote(table.table)} AS {alias}{where}")
        return " UNION ALL ".join(parts)

    def _has(self, table: EdgeTable, column: str) -> bool:
        return column in self.bound.edge_columns[table.table] or (table.table, column) in self.bound.derived

    def cell(self, table: VertexTable | EdgeTable, alias: str, column: str) -> str:
        """A property of a row of a table: its column, or what stands for it."""
        derived = self.bound.derived.get((table.table, column))
        if derived is None:
            return f"{alias}.{quote(column)}"
        value = "" if derived.value is None else self.values.constant(derived.value)
        return derived.sql.format(row=alias, value=value)

    def ends(self, edge: Edge) -> tuple[str, str]:
        """Source and target of an edge's relation."""
        alias = self.alias(edge.variable)
        tables = self.bound.edge_tables[edge.variable]
        if edge.quantifier is None and len(tables) == 1 and edge.direction is Direction.RIGHT:
            return f"{alias}.{quote(tables[0].source_key)}", f"{alias}.{quote(tables[0].target_key)}"
        return f"{alias}.{SOURCE}", f"{alias}.{TARGET}"

    def key(self, table: EdgeTable, variable: str) -> str:
        """What tells an edge from others, comparable over all edge tables of the pattern."""
        parts = {c: f"{self.alias(variable)}.{quote(c)}" for c in self._key_columns(table)}
        if len(self.bound.edge_keys) > 1:
            return f"concat_ws('|', {self.values.constant(table.table)}, {', '.join(parts.values())})"
        return f"struct_pack({', '.join(f'{quote(name)} := {part}' for name, part in parts.items())})"

    def _key_columns(self, table: EdgeTable) -> tuple[str, ...]:
        columns = self.bound.edge_keys[table.table]
        if not columns:
            raise SchemaError(
                f"nothing tells the rows of the view {table.table} apart, which distinct edges need; "
                f"say what does in CREATE PROPERTY GRAPH: {table.table} KEY (columns) SOURCE KEY ..."
            )
        return columns

    def key_of(self, edge: Edge) -> str:
        """The key of a single (not repeated) edge."""
        tables = self.bound.edge_tables[edge.variable]
        if len(tables) == 1 and edge.direction is Direction.RIGHT:
            return self.key(tables[0], edge.variable)
        return f"{self.alias(edge.variable)}.{KEY}"

    # -- what must not be --

    def _absent(self, edge: Edge) -> str:
        rows = self.edge_rows(edge, list(self.read.get(edge.variable, {})), False, filtered=True)
        return self._no_row(rows, self.ids[edge.source], self.ids[edge.target])

    def _no_row(self, rows: str, source: str, target: str) -> str:
        met = f"{OTHER}.{SOURCE} = {source} AND {OTHER}.{TARGET} = {target}"
        return f"NOT EXISTS (SELECT 1 FROM ({rows}) AS {OTHER} WHERE {met})"

    def _distinctness(self) -> list[str]:
        pattern, semantics = self.pattern, self.pattern.semantics
        conditions = walk_distinctness(self)
        if semantics is Semantics.DISTINCT_EDGES:
            single = [edge for edge in pattern.positive if edge.quantifier is None]
            conditions += [self._differ(a, b) for a, b in combinations(single, 2) if self.may_meet(a, b)]
        if semantics.vertices_differ:
            for a, b in combinations([v.variable for v in pattern.vertices], 2):
                if self.bound.vertex_tables[a].table == self.bound.vertex_tables[b].table:
                    conditions.append(f"{self.ids[a]} <> {self.ids[b]}")
        if semantics is Semantics.INDUCED:
            conditions += self._no_further_edges()
        return conditions

    def may_meet(self, a: Edge, b: Edge) -> bool:
        tables = [{t.table for t in self.bound.edge_tables[e.variable]} for e in (a, b)]
        return bool(tables[0] & tables[1])

    def _differ(self, a: Edge, b: Edge) -> str:
        return f"{self.key_of(a)} <> {self.key_of(b)}"

    def _no_further_edges(self) -> list[str]:
        pattern = self.pattern
        covered = {(e.source, e.target) for e in pattern.positive}
        covered |= {(e.target, e.source) for e in pattern.positive if e.direction is Direction.ANY}
        tables = dict.fromkeys(t for e in pattern.positive for t in self.bound.edge_tables[e.variable])
        conditions = []
        for a, b in permutations([v.variable for v in pattern.vertices], 2):
            if (a, b) in covered:
                continue
            ends = (self.bound.vertex_tables[a].table, self.bound.vertex_tables[b].table)
            for table in tables:
                if (table.source, table.target) == ends:
                    met = [f"{OTHER}.{quote(table.source_key)} = {self.ids[a]}"]
                    met += [f"{OTHER}.{quote(table.target_key)} = {self.ids[b]}", *self.only(table, OTHER)]
                    kept = " AND ".join(met)
                    conditions.append(f"NOT EXISTS (SELECT 1 FROM {quote(table.table)} AS {OTHER} WHERE {kept})")
        return conditions

    # -- what repeated edges ask --

    @property
    def text(self) -> str:
        """The user's text, for messages."""
        return self.values.text

    def same_table(self, edge: Edge, vertex: str) -> bool:
        """Whether a vertex could lie on an edge."""
        name = self.bound.vertex_tables[vertex].table.lower()
        return any(name in (t.source.lower(), t.target.lower()) for t in self.bound.edge_tables[edge.variable])

    def along_nodes(self, path: str) -> Iterator[EachAlong | AllAlong]:
        """Everything in the pattern that goes along a path."""
        for root in expressions(self.pattern):
            for node in root.walk():
                if isinstance(node, EachAlong | AllAlong) and node.path == path:
                    yield node

    def restricted(self, vertex: str) -> bool:
        """Whether predicates leave only some rows for a vertex."""
        return reachable_part(self._declaring(vertex), vertex) is not None

    def possible(self, vertex: str) -> str:
        """``SELECT ... AS "~id"``: keys that a vertex can have by itself and by the single edges around it."""
        pattern = self._declaring(vertex)
        part = reachable_part(pattern, vertex) or Pattern(
            pattern.graph, (replace(pattern.vertex(vertex), predicate=None),)
        )
        writer = Writer(self.bound.bound_pattern(part), self.values)
        relations, conditions = writer.relations()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        distinct = "DISTINCT " if part.edges else ""
        return f"SELECT {distinct}{writer.ids[vertex]} AS {ID} FROM {', '.join(relations)}{where}"

    def _declaring(self, vertex: str) -> Pattern:
        """The pattern in which a vertex is first met."""
        if vertex in self.pattern.outer:
            assert self.outer is not None
            return self.outer._declaring(vertex)
        return self.pattern

    # -- names in expressions --

    def identity(self, variable: str) -> str:
        if variable in self.bound.vertex_tables:
            return self.id_of(variable)
        writer = self._owner(variable)
        return writer.key_of(writer.pattern.edge(variable))

    def column(self, variable: str, name: str) -> str:
        if variable in self.bound.vertex_tables and name == self.bound.vertex_tables[variable].key:
            return self.id_of(variable)
        if variable in self.bound.vertex_tables:
            return self.cell(self.bound.vertex_tables[variable], self.alias(variable), name)
        tables = self.bound.edge_tables.get(variable, ())
        if len(tables) == 1 and self._plain(variable):
            return self.cell(tables[0], self.alias(variable), name)
        return f"{self.alias(variable)}.{quote(name)}"

    def _plain(self, edge: str) -> bool:
        """Whether the relation of an edge is its table, so that its properties are still to be computed."""
        for writer in self._around():
            for other in writer.pattern.edges:
                if other.variable == edge:
                    inside = other.negated or other.quantifier is not None
                    return inside or other.direction is Direction.RIGHT
        return True

    def _around(self) -> Iterator[Writer]:
        writer: Writer | None = self
        while writer is not None:
            yield writer
            writer = writer.outer

    def type_of(self, variable: str, name: str) -> str:
        return self.bound.column_types.get((variable, name), "")

    def _owner(self, edge: str) -> Writer:
        if any(e.variable == edge for e in self.pattern.edges):
            return self
        assert self.outer is not None, edge
        return self.outer._owner(edge)

    def path(self, name: str) -> tuple[Writer, Path]:
        """A path and the writer whose pattern it belongs to."""
        for path in self.pattern.paths:
            if path.variable == name:
                return self, path
        assert self.outer is not None, name
        return self.outer.path(name)

    def length(self, name: str) -> str:
        return path_length(self, name)

    def along(self, node: EachAlong | AllAlong) -> str:
        return along(self, node)

    def exists(self, node: Exists) -> str:
        inner = Writer(self.bound.bound_pattern(node.pattern), self.values, outer=self)
        relations, conditions = inner.relations()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        if node.counted:
            return f"(SELECT count(*) FROM {', '.join(relations)}{where})"
        return f"EXISTS (SELECT 1 FROM {', '.join(relations)}{where})"

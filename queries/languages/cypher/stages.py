"""What follows the first pattern of a Cypher query, as SQL around it: one SELECT a clause, a pattern for each MATCH.

Rows have a column for each name. Of a node or an edge that is its key; what later clauses read of it comes in columns
beside it, and so do values along paths.

Tests: tests/queries/languages/cypher/test_stages.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.duckdb.expressions import Names, write
from queries.ir.builder import WrittenExists
from queries.ir.expression import (
    AllAlong,
    Call,
    EachAlong,
    ElementId,
    Expression,
    Literal,
    MapOf,
    Operation,
    Parameter,
    Part,
    PathLength,
    Property,
    Span,
    is_aggregate,
    transform,
)
from queries.ir.identifiers import quote
from queries.ir.pattern import Column, Pattern, Vertex
from queries.ir.statement import Slot, Statement
from queries.languages.cypher.clauses import Clause, Match, Projection, Unwind, item_name, number_of, sort_key
from queries.languages.cypher.maps import (
    EDGE,
    EDGES,
    JSON,
    LIST,
    MAP,
    VERTEX,
    VERTICES,
    entries_of,
    kind_of,
    membership,
    settled,
)
from queries.languages.cypher.needs import PATH, Found, Name, Needs, needs_of
from queries.languages.grammar import Fault
from queries.planning.elements import PROPERTIES
from queries.planning.values import Values

ROWS, FOUND, ORDER, BY = '"~rows"', '"~found"', '"~order"', "~by"


class Stages:
    """Rows under way; ``statement`` ends them."""

    def __init__(self, text: str, graph: str, find: Callable[[Match, Stages, Needs], Found]) -> None:
        self.text = text
        self.find = find
        self.graph = graph
        self.parts: list[str | Pattern] = ["SELECT 1"]
        self.names: dict[str, Name] = {}
        self.values = Values({}, text, prefix="graphlab_c")
        self.ordered = False
        self._numbered = 0
        self._made: dict[str, str] = {}
        self._counts: list[tuple[WrittenExists, str]] = []
        self.visible = Names(self._identity, self._column, self._refused, self._refused, self._refused, lambda v, n: "")

    def begin(self, found: Found) -> None:
        """Rows of the first pattern."""
        self.parts = ["SELECT * FROM ", found.pattern]
        self.names = dict(found.names)

    def values_only(self, scope: Mapping[str, Expression]) -> None:
        """One row of values, before anything is matched."""
        names = {n: Name(n, kind_of(value, self.kinds), entries=entries_of(value)) for n, value in scope.items()}
        listed = [f"{self.sql(value)} AS {quote(name)}" for name, value in scope.items()]
        self.parts, self.names = [f"SELECT {', '.join(listed) or '1'}"], names

    def statement(self) -> Statement:
        """The SQL as it stands, with its patterns."""
        text, slots = "", []
        for part in self.parts:
            if isinstance(part, Pattern):
                slots.append(Slot(len(text), len(text) + 1, part))
                text += "?"
            else:
                text += part
        return Statement(text, tuple(slots), "cypher", self.text, self.values.bound)

    def fresh(self) -> str:
        """The name of a column of ours."""
        self._numbered += 1
        return f"~{self._numbered}"

    # -- clauses --

    def match(self, found: Found, optional: bool, clause: Match) -> None:
        """Rows joined with the matches of one more pattern; kept without one where it is OPTIONAL."""
        kept = self._listed()
        for name in found.names:
            self._check_new(name, clause.at)
        new = [quote(column) for name in found.names.values() for column in name.columns]
        conditions = [f"{ROWS}.{quote(self.names[n].column)} = {FOUND}.{quote(c)}" for n, c in found.shared.items()]
        before = self.names
        self.names = {**before, **found.names}
        conditions += [self.sql(self.resolved(part)) for part in found.rest]
        if self.ordered:
            kept.append(ORDER)
        outputs = ", ".join([*kept, *new]) or "1"
        join = "LEFT JOIN" if optional else "JOIN"
        self.parts = [f"SELECT {outputs} FROM (", *self.parts, f") AS {ROWS} {join} ", found.pattern]
        self.parts.append(f" AS {FOUND} ON {' AND '.join(conditions) or 'TRUE'}")

    def unwind(self, clause: Unwind, needs: Needs) -> None:
        """A row for each item of a list; none for an empty or unknown one."""
        value = self.resolved(clause.value)
        kind = kind_of(value, self.kinds)
        if kind in (MAP, VERTEX, EDGE):
            raise self.fault("UNWIND wants a list", clause.at)
        if kind == EDGES:
            raise self.fault("relationships of a list are not gone through", clause.at, "Go through nodes(p).")
        self._check_new(clause.name, clause.at)
        listed = f"CAST({self.sql(value)} AS JSON[])" if kind == JSON else self.sql(value)
        kept = [*self._listed(), *([ORDER] if self.ordered else [])]
        outputs = ", ".join([*kept, f"unnest({listed}) AS {quote(clause.name)}"])
        self.parts = [f"SELECT {outputs} FROM (", *self.parts, f") AS {ROWS}"]
        inner = {VERTICES: VERTEX, JSON: JSON}.get(kind, "")
        self.names[clause.name] = Name(clause.name, inner, labels=self._labels_of(value))
        self.complete(needs)

    def project(self, clause: Projection, rest: Sequence[Clause]) -> None:
        """WITH or RETURN."""
        needs = needs_of(rest, self.text)
        self._look([item.value for item in clause.items] + [key.value for key in clause.order])
        items, names = self._items(clause, needs)
        grouped = any(is_aggregate(value) for _, value in items)
        merged = grouped or clause.distinct
        if merged and any(name.kind == PATH for name in names.values()):
            raise self.fault(
                "rows are not told apart by a path", clause.at, "Name what tells them apart: WITH nodes(p) AS nodes."
            )
        ordered, self.visible = self.ordered, replace(self.visible, order=ORDER if self.ordered else "")
        outputs = {column: self.sql(value) for column, value in items}
        if not clause.final:
            carried = (c for name in names.values() for c in name.columns if c not in outputs)
            outputs.update({column: quote(column) for column in carried})
        keys = [(self.sql(self.resolved(sort_key(k.value, clause, self.text))), k.descending) for k in clause.order]
        self.visible, self.ordered = replace(self.visible, order=""), False
        if clause.order and not clause.final:
            outputs |= {f"{BY}{number}": sql for number, (sql, _) in enumerate(keys)}
        elif ordered and not merged and not clause.final:
            outputs[ORDER.strip('"')] = ORDER
            self.ordered = True
        listed = ", ".join(f"{sql} AS {quote(column)}" for column, sql in outputs.items())
        tail = " GROUP BY ALL" if grouped else ""
        if clause.final:
            down = [f"{sql}{' DESC' if descending else ''}" for sql, descending in keys]
            down = down or ([ORDER] if ordered and not merged else [])
            tail += f" ORDER BY {', '.join(down)}" if down else ""
        self.parts = [f"SELECT {'DISTINCT ' if clause.distinct else ''}{listed or '1'} FROM (", *self.parts, f"){tail}"]
        self.names = names
        if clause.order and not clause.final:
            self._in_order([descending for _, descending in keys])
        self._cut(clause)
        self.complete(needs)
        self.where(clause.where)

    def sort(self, keys: Sequence[tuple[str, bool]], clause: Projection) -> None:
        """Rows that have a column for each sort key in order, and then SKIP and LIMIT."""
        listed = [*self._listed(), *(f"{quote(column)} AS {quote(f'{BY}{i}')}" for i, (column, _) in enumerate(keys))]
        self.parts = [f"SELECT {', '.join(listed)} FROM (", *self.parts, ")"]
        self._in_order([descending for _, descending in keys])
        self._cut(clause)

    def where(self, condition: Expression | None) -> None:
        """Rows of which it is true."""
        if condition is not None:
            self._look([condition])
            self.parts = ["SELECT * FROM (", *self.parts, f") WHERE {self.sql(self.resolved(condition))}"]

    def _look(self, expressions: Iterable[Expression | None]) -> None:
        """How often each pattern in them is matched at the nodes of a row, as a column of its own."""
        self._counts = []
        for node in (n for e in expressions if e is not None for n in e.walk() if isinstance(n, WrittenExists)):
            at = node.at or Span(0, 1)
            found = self.find(Match(node.chains, node.where, at), self, Needs())
            if found.rest:
                raise self.fault(
                    "a pattern in an expression reads its own names and those of nodes", at, "Put it into a MATCH."
                )
            number = self.fresh()
            keys = [column for column in found.pattern.columns if column.name in found.shared.values()]
            pattern = replace(found.pattern, columns=(*keys, Column(number, Call("count"))))
            met = [f"{ROWS}.{quote(self.names[n].column)} = {FOUND}.{quote(c)}" for n, c in found.shared.items()]
            before = [quote(column) for _, column in self._counts]
            kept = [*self._listed(), *before, *([ORDER] if self.ordered else []), quote(number)]
            self.parts = [f"SELECT {', '.join(kept)} FROM (", *self.parts, f") AS {ROWS} LEFT JOIN ", pattern]
            self.parts.append(f" AS {FOUND} ON {' AND '.join(met) or 'TRUE'}")
            self._counts.append((node, number))

    def _in_order(self, descending: Sequence[bool]) -> None:
        keys = ", ".join(f"{quote(f'{BY}{i}')}{' DESC' if down else ''}" for i, down in enumerate(descending))
        numbered = f"row_number() OVER (ORDER BY {keys}) AS {ORDER}"
        self.parts = [f"SELECT {', '.join([*self._listed(), numbered])} FROM (", *self.parts, ")"]
        self.ordered = True

    def _cut(self, clause: Projection) -> None:
        numbers = [(word, number_of(n, self.text)) for word, n in (("LIMIT", clause.limit), ("OFFSET", clause.skip))]
        cuts = [f" {word} {f'${n.name}' if isinstance(n, Parameter) else n}" for word, n in numbers if n is not None]
        for _, number in numbers:
            if isinstance(number, Parameter):
                self.values.expect(number.name)
        if cuts and not clause.final:
            order = f" ORDER BY {ORDER}" if self.ordered else ""
            self.parts = ["SELECT * FROM (", *self.parts, f"){order}{''.join(cuts)}"]
        elif cuts:
            self.parts.append("".join(cuts))

    def _items(self, clause: Projection, needs: Needs) -> tuple[list[tuple[str, Expression]], dict[str, Name]]:
        """Columns with their values, and the names that they are from now on."""
        items: list[tuple[str, Expression]] = []
        names: dict[str, Name] = {}
        for item in clause.items:
            if item.value is None:
                for name, meaning in self.names.items():
                    self._put(items, names, name, ElementId(name), meaning, item.at)
                continue
            name = item_name(item, self.text)
            value = self.resolved(item.value)
            kind = kind_of(value, self.kinds)
            meaning = Name(name, kind, labels=self._labels_of(value), entries=entries_of(value))
            if isinstance(value, ElementId):
                old = self.names.get(value.variable, meaning)
                computed = tuple((replace(made, path=name), column) for made, column in old.computed)  # type: ignore[call-arg]
                meaning = replace(old, column=name, computed=computed)
                if clause.final and item.name is not None and old.kind in (VERTEX, EDGE):
                    value = Property(value.variable, PROPERTIES, at=value.at)
            self._put(items, names, name, value, meaning, item.at)
        return items, names

    def _put(
        self,
        items: list[tuple[str, Expression]],
        names: dict[str, Name],
        name: str,
        value: Expression,
        meaning: Name,
        at: Span,
    ) -> None:
        if name.lower() in map(str.lower, names):
            raise ParseError(f"two columns are called {name!r}", self.text, at.start, at.end - at.start, "Write AS.")
        names[name] = meaning
        if meaning.kind != PATH:
            items.append((meaning.column, value))

    # -- elements of lists --

    def _labels_of(self, value: Expression) -> tuple[str, ...] | None:
        """Labels of the vertices that a value is made of."""
        found = {
            self.names[node.variable].labels
            for node in value.walk()
            if isinstance(node, ElementId) and node.variable in self.names
        }
        return found.pop() if len(found) == 1 else ()

    def complete(self, needs: Needs) -> None:
        """Properties of vertices that came out of lists, where later clauses read any."""
        for name, meaning in list(self.names.items()):
            missing = [p for p in needs.of(name) if p not in meaning.properties] if meaning.kind == VERTEX else []
            if not missing:
                continue
            if meaning.labels is None:
                raise UnsupportedError(
                    f"the table of {name!r} is not known", self.text, 0, 1, "Write its label where it is matched."
                )
            columns = {p: self.fresh() for p in missing}
            key = self.fresh()
            pattern = Pattern(
                self.graph,
                (Vertex(name, meaning.labels),),
                columns=(
                    Column(key, ElementId(name)),
                    *(Column(column, Property(name, p)) for p, column in columns.items()),
                ),
            )
            kept = [*self._listed(), *([ORDER] if self.ordered else []), *map(quote, columns.values())]
            self.parts = [f"SELECT {', '.join(kept)} FROM (", *self.parts, f") AS {ROWS} LEFT JOIN ", pattern]
            self.parts.append(f" AS {FOUND} ON {ROWS}.{quote(meaning.column)} = {FOUND}.{quote(key)}")
            self.names[name] = replace(meaning, properties={**meaning.properties, **columns})

    # -- expressions --

    def kinds(self, name: str) -> str:
        """The kind of a name, or of a value along a path."""
        return self.names[name].kind if name in self.names else self._made.get(name, "")

    def resolved(self, expression: Expression) -> Expression:
        """Every name in it is one of the rows'."""

        def change(node: Expression) -> Expression:
            if isinstance(node, WrittenExists):
                return self._counted(node)
            if isinstance(node, Property | ElementId) and not node.variable.startswith("~"):
                return self._meant(node)
            if isinstance(node, Part) and isinstance(node.operand, MapOf) and isinstance(node.key, Literal):
                return dict(zip(node.operand.keys, node.operand.values, strict=True)).get(
                    str(node.key.value), Literal(None)
                )
            try:
                return membership(settled(node, self.kinds))
            except Fault as fault:
                raise fault.error(self.text) from None

        # Values along paths are compared as they were written.
        return transform(transform(expression, self._along), change)

    def sql(self, expression: Expression) -> str:
        """A resolved expression."""
        for node in expression.walk():
            if isinstance(node, Parameter):
                self.values.expect(node.name)
        return write(expression, self.visible, self.values)

    def fault(self, message: str, at: Span, hint: str = "") -> UnsupportedError:
        return UnsupportedError(message, self.text, at.start, at.end - at.start, hint)

    def _counted(self, node: WrittenExists) -> Expression:
        column = next((column for known, column in self._counts if known == node), None)
        if column is None:
            raise self._elsewhere(node)
        number = Call("coalesce", (ElementId(column), Literal(0)), at=node.at)
        return number if node.counted else Operation(">", (number, Literal(0)), at=node.at)

    def _meant(self, node: Property | ElementId) -> Expression:
        meaning = self.names.get(node.variable)
        at = node.at or Span(0, 1)
        if meaning is None:
            raise ParseError(
                f"there is no {node.variable!r} here{did_you_mean(node.variable, self.names)}", self.text, at.start,
                len(node.variable), "WITH carries on only the names it lists.",
            )  # fmt: skip
        if meaning.kind == PATH and isinstance(node, Property):
            raise self.fault(f"{node.variable!r} is a path and has no properties", at)
        if isinstance(node, ElementId) or meaning.kind in (VERTEX, EDGE):
            return node
        if meaning.kind == MAP and node.name not in meaning.entries:
            return Literal(None, at=node.at)
        if meaning.kind in (LIST, VERTICES, EDGES):
            raise self.fault(f"{node.variable!r} is a list and has no properties", at)
        return settled(Part(ElementId(node.variable, at=node.at), Literal(node.name), at=node.at), self.kinds)

    def _along(self, node: Expression) -> Expression:
        if not isinstance(node, PathLength | EachAlong | AllAlong):
            return node
        for made, column in self.names[node.path].computed if node.path in self.names else ():
            if made == node:
                self._made[column] = kind_of(made, self.kinds)
                return ElementId(column, at=node.at)
        at = node.at or Span(0, 1)
        raise ParseError(
            f"there is no path {node.path!r} here{did_you_mean(node.path, self.names)}", self.text, at.start,
            at.end - at.start, "WITH carries on only the names it lists.",
        )  # fmt: skip

    def _identity(self, name: str) -> str:
        if name.startswith("~"):
            return quote(name)
        if self.names[name].kind == PATH:
            raise UnsupportedError(
                f"{name!r} is a path, and what it is made of is returned", self.text, 0, 1,
                "Write nodes(p), relationships(p) or length(p).",
            )  # fmt: skip
        return quote(self.names[name].column)

    def _column(self, name: str, part: str) -> str:
        return quote(self.names[name].properties[part])

    def _refused(self, node: Any) -> str:
        raise self._elsewhere(node)

    def _elsewhere(self, node: Any) -> UnsupportedError:
        at = getattr(node, "at", None) or Span(0, 1)
        return self.fault(
            "a pattern is not looked for here", at, "Put it into a MATCH or OPTIONAL MATCH of its own.",
        )  # fmt: skip

    def _check_new(self, name: str, at: Span) -> None:
        clash = next((known for known in self.names if known.lower() == name.lower()), None)
        if clash is not None:
            raise self.fault(f"the name {name!r} is taken already by {clash!r}", at, "Give it another name.")

    def _listed(self) -> list[str]:
        return list(dict.fromkeys(quote(column) for name in self.names.values() for column in name.columns))

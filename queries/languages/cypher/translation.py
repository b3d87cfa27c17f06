"""Clauses of a Cypher query, one after the other, into one pattern; what that cannot say becomes SQL around it.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.ir.builder import PatternBuilder, WrittenExists, WrittenPath, check_depth
from queries.ir.expression import (
    AllAlong,
    ElementId,
    Expression,
    Literal,
    MapOf,
    Operation,
    Part,
    PathLength,
    Property,
    Span,
    conjuncts,
    is_aggregate,
    transform,
)
from queries.ir.pattern import Column, Mode, Order, Pattern, Select, Semantics
from queries.ir.statement import Slot, Statement
from queries.languages.cypher.clauses import Clause, Item, Match, Projection, Unwind, item_name, number_of, sort_key
from queries.languages.cypher.found import found_by, labels_of
from queries.languages.cypher.maps import (
    EDGE,
    EDGES,
    LIST,
    VERTEX,
    VERTICES,
    entries_of,
    kind_of,
    kinds_in,
    membership,
    settled,
)
from queries.languages.cypher.needs import PATH, Found, Name, Needs, needs_of
from queries.languages.cypher.stages import Stages
from queries.planning.elements import PROPERTIES


class Translation:
    """Clauses, one after the other, into one pattern; what follows an aggregating WITH becomes SQL around it."""

    def __init__(self, text: str, graph: str) -> None:
        self.text = text
        self.builder = PatternBuilder(graph, text)
        self.scope: dict[str, Expression] = {}
        self.local: dict[str, str] = {}
        """Kinds of the names within EXISTS."""

    def statement(self, clauses: Sequence[Clause]) -> Statement:
        """One query, from its first clause to RETURN.

        Raises:
            ParseError, UnsupportedError: with the place. Fault: a function that means nothing for its argument.
        """
        last = clauses[-1]
        if not isinstance(last, Projection) or not last.final:
            raise ParseError("the query ends without RETURN", self.text, len(self.text), hint="RETURN n.bodyId")
        for clause in clauses[:-1]:
            if isinstance(clause, Projection) and clause.final:
                raise ParseError("RETURN ends the query", self.text, clause.at.start, 6)
        total = sum(isinstance(clause, Match) for clause in self._plain(clauses))
        for index, clause in enumerate(clauses):
            rest = clauses[index + 1 :]
            if isinstance(clause, Match) and not clause.optional:
                self.match(clause, alone=total == 1)
            elif isinstance(clause, Projection) and self.builder.vertices and (clause.final or self._breaks(clause)):
                return self._ended(clause, rest, total)
            elif isinstance(clause, Projection) and not clause.final and not self._breaks(clause):
                self._carry(clause)
            else:
                return self._staged(clauses[index:], total)
        raise AssertionError("the last clause is RETURN")

    def _plain(self, clauses: Sequence[Clause]) -> Sequence[Clause]:
        """The clauses before the first that ends the first pattern."""
        for index, clause in enumerate(clauses):
            ends = clause.optional if isinstance(clause, Match) else isinstance(clause, Unwind)
            if ends or (isinstance(clause, Projection) and (clause.final or self._breaks(clause))):
                return clauses[:index]
        return clauses

    def fault(self, message: str, at: Span, hint: str = "") -> UnsupportedError:
        return UnsupportedError(message, self.text, at.start, at.end - at.start, hint)

    # -- MATCH --

    def match(self, clause: Match, alone: bool) -> None:
        """One more MATCH in the same pattern."""
        before = set(self.builder.edges)
        for chain in clause.chains:
            for name in self._named(chain):
                if name in self.builder.known() and name not in self.scope:
                    raise self.fault(
                        f"{name!r} was dropped by WITH and is used again", chain.at, "Give it another name."
                    )
            self.builder.add(self._chain(chain, alone))
            for name in self._named(chain):
                self.scope.setdefault(name, ElementId(name))
        new = [edge for name, edge in self.builder.edges.items() if name not in before]
        if not alone:
            # Edges differ within a MATCH, not between two of them.
            if any(edge.quantifier for edge in new) and len(new) > 1:
                raise self.fault(
                    "a repeated edge beside other edges, and a second MATCH", clause.at, "Put all of it in one MATCH."
                )
            for first, second in combinations(new, 2):
                differ = Operation("<>", (ElementId(first.variable), ElementId(second.variable)))
                self.builder.where(differ)
        if clause.where is not None:
            condition = self._resolved(clause.where)
            for part in conjuncts(condition):
                self._check_choice(part, clause.at)
            self.builder.where(condition)

    def _check_choice(self, part: Expression, at: Span) -> None:
        """Refuse what a shortest path would have to meet before it is chosen, and only all() of it can."""
        chosen = {name: path.edges for name, path in self.builder.paths.items() if path.select is not Select.ALL}
        read = part.variables()
        if not any(read & {name, *edges} for name, edges in chosen.items()) or _known_beforehand(part):
            return
        raise self.fault(
            "the shortest path is to meet a condition on the path as a whole, so a longer one may be the answer",
            getattr(part, "at", None) or at,
            "all(), none() and length(p) <= n are looked at on the way. Others: list paths by *1..n, with ORDER BY "
            "length(p) LIMIT 1, or filter what was found: WITH nodes(p) AS nodes, length(p) AS steps WHERE ...",
        )

    def _chain(self, chain: WrittenPath, alone: bool) -> WrittenPath:
        vertices = tuple(
            replace(v, name=self._element_name(v.name), where=self._own(v.where, v.name)) for v in chain.vertices
        )
        arrows = tuple(
            replace(a, element=replace(a.element, where=self._own(a.element.where, a.element.name)))
            for a in chain.arrows
        )
        mode = chain.mode
        if not alone and any(a.quantifier for a in arrows):
            mode = Mode.TRAIL
        return replace(chain, vertices=vertices, arrows=arrows, mode=mode)

    def _element_name(self, name: str | None) -> str | None:
        meant = self.scope.get(name) if name else None
        return meant.variable if isinstance(meant, ElementId) else name

    def _own(self, where: Expression | None, name: str | None) -> Expression | None:
        """The condition of a property map, whose values may be names of an earlier WITH."""
        if where is None:
            return None
        own = {name, "~"}

        def change(node: Expression) -> Expression:
            if isinstance(node, Property | ElementId) and node.variable not in own:
                return self._meant(node)
            return node

        return transform(where, change)

    def _named(self, chain: WrittenPath) -> list[str]:
        names = [v.name for v in chain.vertices] + [a.element.name for a in chain.arrows] + [chain.name]
        return [name for name in names if name is not None]

    # -- WITH that only carries names on --

    def _breaks(self, clause: Projection) -> bool:
        if clause.distinct or clause.order or clause.skip is not None or clause.limit is not None:
            return True
        return any(item.value is not None and is_aggregate(item.value) for item in clause.items)

    def _carry(self, clause: Projection) -> None:
        carried: dict[str, Expression] = {}
        for item in clause.items:
            if item.value is None:
                carried.update(self.scope)
                continue
            carried[item_name(item, self.text)] = self._resolved(item.value)
        self.scope = carried
        if clause.where is not None:
            self.builder.where(self._resolved(clause.where))

    def _resolved(self, expression: Expression) -> Expression:
        """The expression over the pattern's elements: names of earlier WITHs replaced by what they mean."""
        check_depth(expression, self.text)

        def change(node: Expression) -> Expression:
            if isinstance(node, Property | ElementId) and not node.variable.startswith("~"):
                return self._meant(node)
            if isinstance(node, WrittenExists):
                return self._exists(node)
            return membership(settled(node, self.kinds))

        return transform(expression, change)

    def kinds(self, name: str) -> str:
        """Whether a name of the pattern is a vertex or an edge."""
        edge = self.builder.edges.get(name)
        if edge is not None:
            return EDGES if edge.quantifier else EDGE
        known = VERTEX if name in self.builder.vertices else PATH if name in self.builder.paths else ""
        return known or self.local.get(name, "")

    def _exists(self, node: WrittenExists) -> Expression:
        own = {name for chain in node.chains for name in self._named(chain)} - set(self.scope)
        outside, around = dict(self.scope), self.local
        self.local = around | kinds_in(node.chains)
        self.scope = outside | {name: ElementId(name) for name in own}
        chains = tuple(self._chain(chain, alone=True) for chain in node.chains)
        where = None if node.where is None else self._resolved(node.where)
        self.scope, self.local = outside, around
        return replace(node, chains=chains, where=where)

    def _meant(self, node: Property | ElementId) -> Expression:
        meant = self.scope.get(node.variable)
        if meant is None:
            known = list(self.scope)
            at = node.at or Span(0, 1)
            raise ParseError(
                f"there is no variable {node.variable!r} here{did_you_mean(node.variable, known)}",
                self.text, at.start, len(node.variable),
                "WITH carries on only the names it lists." if node.variable in self.builder.known() else "",
            )  # fmt: skip
        if isinstance(node, ElementId):
            return replace(meant, at=node.at)
        if isinstance(meant, ElementId):
            return replace(node, variable=meant.variable)
        if isinstance(meant, MapOf):
            return dict(zip(meant.keys, meant.values, strict=True)).get(node.name, Literal(None))
        if kind_of(meant, self.kinds) in (LIST, VERTICES, EDGES) or isinstance(meant, Literal):
            raise self.fault(f"{node.variable!r} is a value and has no properties", node.at or Span(0, 1))
        return settled(Part(meant, Literal(node.name), at=node.at), self.kinds)

    # -- the projection that ends the pattern, and SQL after it --

    def _ended(self, clause: Projection, rest: Sequence[Clause], matches: int) -> Statement:
        """RETURN, or a WITH that groups, sorts or cuts: what it makes comes out of the pattern itself."""
        if clause.final:
            columns = {name: self._output(name, value, item) for name, value, item in self._items(clause)}
            pattern = replace(
                self._built(columns, matches),
                distinct=clause.distinct,
                order=self._order(clause, columns),
                skip=number_of(clause.skip, self.text),
                limit=number_of(clause.limit, self.text),
            )
            return Statement(self.text, (Slot(0, len(self.text), pattern),), "cypher", self.text)
        stages = Stages(self.text, self.builder.graph, found_by)
        scope = {name: value for name, value, _ in self._items(clause)}
        keys = [self._sorted_by(key.value, scope, clause) for key in clause.order]
        if None in keys or any(self.kinds_of(value) in (PATH, EDGES) for value in scope.values()):
            return self._staged((clause, *rest), matches)
        after = [replace(clause, items=(Item(None, None, clause.at),), distinct=False), *rest]
        needs = needs_of(after, self.text)
        needs.names.update(dict.fromkeys(scope))  # rows are told apart by all of them
        columns, names = self._rows(scope, needs, stages)
        pattern = replace(self._built(columns, matches), distinct=clause.distinct)
        if not clause.order:
            cut = {"skip": number_of(clause.skip, self.text), "limit": number_of(clause.limit, self.text)}
            pattern = replace(pattern, **cut)  # type: ignore[arg-type]
        stages.begin(Found(pattern, names))
        stages.complete(needs)
        if clause.order:
            down = [key.descending for key in clause.order]
            stages.sort(list(zip(map(str, keys), down, strict=True)), clause)
        stages.where(clause.where)
        return self._later(stages, rest)

    def _staged(self, rest: Sequence[Clause], matches: int) -> Statement:
        """The pattern as it stands gives rows of what ``rest`` reads, and SQL goes on from there."""
        stages = Stages(self.text, self.builder.graph, found_by)
        needs = needs_of(rest, self.text)
        if self.builder.vertices:
            columns, names = self._rows(self.scope, needs, stages)
            stages.begin(Found(self._built(columns, matches), names))
            stages.complete(needs)
        else:
            stages.values_only({name: value for name, value in self.scope.items() if name in needs.names})
        return self._later(stages, rest)

    def _later(self, stages: Stages, rest: Sequence[Clause]) -> Statement:
        for index, clause in enumerate(rest):
            after = rest[index + 1 :]
            if isinstance(clause, Match):
                found = found_by(clause, stages, needs_of(after, self.text))
                stages.match(found, clause.optional, clause)
            elif isinstance(clause, Unwind):
                stages.unwind(clause, needs_of(after, self.text))
            else:
                stages.project(clause, after)
        return stages.statement()

    def _built(self, columns: Mapping[str, Expression], matches: int) -> Pattern:
        semantics = Semantics.DISTINCT_EDGES if matches == 1 else Semantics.HOMOMORPHIC
        return self.builder.build([Column(name, value) for name, value in columns.items()], semantics)

    def _items(self, clause: Projection) -> Iterator[tuple[str, Expression, Item]]:
        seen: set[str] = set()
        for item in clause.items:
            named = (
                [(name, meant) for name, meant in self.scope.items()]
                if item.value is None
                else [(item_name(item, self.text), self._resolved(item.value))]
            )
            for name, value in named:
                if name.lower() in seen:
                    at = item.at
                    raise ParseError(
                        f"two columns are called {name!r}", self.text, at.start, at.end - at.start, "Write AS."
                    )
                seen.add(name.lower())
                yield name, value, item

    def _output(self, name: str, value: Expression, item: Item) -> Expression:
        """A node or edge that is returned by its own name is its properties, one a column; under AS it is one map."""
        if not isinstance(value, ElementId) or self.kinds_of(value) not in (VERTEX, EDGE):
            return value
        return Property(value.variable, "*" if item.name is None else PROPERTIES, at=item.at)

    def kinds_of(self, value: Expression) -> str:
        """What a value of the pattern is."""
        return kind_of(value, self.kinds)

    def _rows(
        self, scope: Mapping[str, Expression], needs: Needs, stages: Stages
    ) -> tuple[dict[str, Expression], dict[str, Name]]:
        """Columns of the pattern for what later clauses need of ``scope``, and what the names are in them."""
        columns: dict[str, Expression] = {}
        names: dict[str, Name] = {}
        for name, value in scope.items():
            kind = self.kinds_of(value)
            if name not in needs.names or kind == EDGES:
                continue
            if kind == PATH:
                assert isinstance(value, ElementId)
                made = {stages.fresh(): node for node in needs.paths.get(name, ())}
                columns.update((c, self._resolved(replace(n, path=value.variable))) for c, n in made.items())  # type: ignore[call-arg]
                names[name] = Name(name, PATH, computed=tuple((node, column) for column, node in made.items()))
                continue
            columns[name] = value
            properties: dict[str, str] = {}
            if isinstance(value, ElementId) and kind in (VERTEX, EDGE):
                for wanted in needs.of(name):
                    properties[wanted] = stages.fresh()
                    columns[properties[wanted]] = Property(value.variable, wanted, at=value.at)
            names[name] = Name(name, kind, properties, labels_of(value, self.builder), entries=entries_of(value))
        return columns, names

    def _sorted_by(self, key: Expression, scope: Mapping[str, Expression], clause: Projection) -> str | None:
        """The column that a sort key of WITH is; None where it is none of them."""
        if isinstance(key, ElementId) and key.variable in scope:
            return key.variable
        own = self._resolved(sort_key(key, clause, self.text))
        return next((name for name, value in scope.items() if value == own), None)

    def _order(self, clause: Projection, columns: dict[str, Expression]) -> tuple[Order, ...]:
        keys = []
        for key in clause.order:
            value = key.value
            if isinstance(value, ElementId) and value.variable in columns:
                expression = columns[value.variable]
                if isinstance(expression, Property) and expression.name == "*":
                    expression = ElementId(expression.variable, at=value.at)
            else:
                expression = self._resolved(sort_key(value, clause, self.text))
            expression = self.builder.resolve(expression, Semantics.DISTINCT_EDGES)
            keys.append(Order(expression, key.descending))
        return tuple(keys)


def _known_beforehand(part: Expression) -> bool:
    """Whether a condition on a path can be looked at edge by edge, or bounds its length."""
    if isinstance(part, AllAlong):
        return not part.predicate.variables() - {part.variable}
    if not isinstance(part, Operation) or part.operator not in ("<", "<=", ">", ">="):
        return False
    first, second = part.operands if part.operator in ("<", "<=") else part.operands[::-1]
    return isinstance(first, PathLength) and not second.variables()

"""openCypher, the part that reads: enough for neuprint-python's templates as they are.

Accepted: MATCH (several), WHERE, WITH, RETURN, DISTINCT, ORDER BY, SKIP, LIMIT, aggregates, ``*m..n``,
shortestPath, allShortestPaths, all()/any()/none() along paths, pattern predicates, EXISTS {}, parameters,
``CALL apoc.cypher.runTimeboxed``. No edge is met twice within one MATCH, as in Neo4j. A null sorts last, and
``/`` of whole numbers is exact division. A list of properties of different types comes as a struct.
Not accepted, with a message: OPTIONAL MATCH, UNWIND, MATCH after an aggregating or sorting WITH, anything that writes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from itertools import combinations

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.ir.builder import PatternBuilder, WrittenExists, WrittenPath, check_depth
from queries.ir.expression import (
    AllAlong,
    ElementId,
    Expression,
    ListOf,
    Literal,
    Operation,
    Parameter,
    PathLength,
    Property,
    Span,
    conjuncts,
    is_aggregate,
    transform,
)
from queries.ir.identifiers import quote
from queries.ir.pattern import Column, Mode, Order, Select, Semantics
from queries.ir.statement import Slot, Statement
from queries.languages.cypher.clauses import Item, Match, Projection, Timeboxed, written
from queries.languages.cypher.stages import later_stages
from queries.languages.cypher.trees import CypherTrees
from queries.languages.grammar import Fault, Grammar
from queries.sql.tokens import MAX_LENGTH

_NAMES = {
    "EDGE_OPEN": "-[",
    "LEFT_OPEN": "<-[",
    "EDGE_CLOSE": "]-",
    "RIGHT_CLOSE": "]->",
    "LEFT_BARE": "<--",
    "RIGHT_BARE": "-->",
    "ANY_BARE": "--",
    "NAME": "a name",
    "QUOTED": "a `name`",
    "STRING": "a string",
    "INTEGER": "a whole number",
    "DECIMAL": "a number",
    "PARAMETER": "$parameter",
    "FUNCTION": "a function",
    "COMPARE": "a comparison",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
}
_REFUSED = re.compile(
    r"\b(OPTIONAL\s+MATCH|UNWIND|CREATE|MERGE|SET|DELETE|DETACH|REMOVE|FOREACH|LOAD\s+CSV|UNION|USE)\b", re.IGNORECASE
)
_HINTS = {
    "OPTIONAL": "Write SQL with a LEFT JOIN of two GRAPH_TABLEs.",
    "UNWIND": "Write ... WHERE n.bodyId IN $ids.",
    "UNION": "Write SQL with UNION of two GRAPH_TABLEs.",
}
MAX_NESTING = 150


@lru_cache(maxsize=1)
def _grammar() -> Grammar:
    return Grammar(
        (files("queries.languages.cypher") / "cypher.lark").read_text(encoding="utf-8"), "start", CypherTrees(), _NAMES
    )


def parse(text: str, graph: str = "connectome") -> Statement:
    """A Cypher query as a statement.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"the query has {len(text):,} characters, more than {MAX_LENGTH:,}", hint="Pass long lists as a parameter."
        )
    try:
        parts = _grammar().parse(text)
    except Fault as fault:
        _refuse(text, fault)
        raise fault.error(text) from None
    if isinstance(parts[0], Timeboxed):
        return _timeboxed(text, parts[0], graph)
    return _Translation(text, graph).statement(parts)


def _refuse(text: str, fault: Fault) -> None:
    """A clause that openCypher has and we have not is named, where the parser stopped at it."""
    at = fault.position
    match = _REFUSED.match(text, at)
    if match:
        word = re.sub(r"\s+", " ", match.group(1).upper())
        hint = _HINTS.get(word.split(" ", maxsplit=1)[0], "A query only reads the graph.")
        raise UnsupportedError(f"{word} is not answered here", text, at, len(match.group(1)), hint) from None


def _timeboxed(text: str, call: Timeboxed, graph: str) -> Statement:
    inner = parse(call.text, graph)
    if not isinstance(call.milliseconds, Literal) or not isinstance(call.milliseconds.value, int):
        raise ParseError("runTimeboxed wants milliseconds as its third argument", text, call.at.start)
    outputs = []
    for item in call.items:
        value = item.value
        if not isinstance(value, Property) or value.variable != call.value:
            raise UnsupportedError(
                f"after runTimeboxed only {call.value}.name is returned",
                text,
                item.at.start,
                item.at.end - item.at.start,
            )
        outputs.append(f"{quote(value.name)} AS {quote(item.name or f'{value.variable}.{value.name}')}")
    return inner.inside(f"SELECT {', '.join(outputs)} FROM (", ")", time_limit=call.milliseconds.value / 1000)


class _Translation:
    """Clauses, one after the other, into one pattern; what follows an aggregating WITH becomes SQL around it."""

    def __init__(self, text: str, graph: str) -> None:
        self.text = text
        self.builder = PatternBuilder(graph, text)
        self.scope: dict[str, Expression] = {}

    def statement(self, clauses: list[Match | Projection]) -> Statement:
        last = clauses[-1]
        if not isinstance(last, Projection) or not last.final:
            raise ParseError("the query ends without RETURN", self.text, len(self.text), hint="RETURN n.bodyId")
        total = sum(isinstance(clause, Match) for clause in clauses)
        for index, clause in enumerate(clauses):
            if isinstance(clause, Match):
                self._match(clause, alone=total == 1)
            elif clause.final and clause is not last:
                raise ParseError("RETURN ends the query", self.text, clause.at.start, 6)
            elif clause.final or self._breaks(clause):
                return self._stages(clause, clauses[index + 1 :], total)
            else:
                self._carry(clause)
        raise AssertionError("the last clause is RETURN")

    def fault(self, message: str, at: Span, hint: str = "") -> UnsupportedError:
        return UnsupportedError(message, self.text, at.start, at.end - at.start, hint)

    # -- MATCH --

    def _match(self, clause: Match, alone: bool) -> None:
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
            carried[self._item_name(item)] = self._resolved(item.value)
        self.scope = carried
        if clause.where is not None:
            self.builder.where(self._resolved(clause.where))

    def _item_name(self, item: Item) -> str:
        if item.name is not None:
            return item.name
        if isinstance(item.value, ElementId):
            return item.value.variable
        return written(self.text, item.at)

    def _resolved(self, expression: Expression) -> Expression:
        """The expression over the pattern's elements: names of earlier WITHs replaced by what they mean."""
        check_depth(expression, self.text)

        def change(node: Expression) -> Expression:
            if isinstance(node, Property | ElementId) and not node.variable.startswith("~"):
                return self._meant(node)
            if isinstance(node, Operation) and node.operator == "IN LIST":
                return _membership(node)
            if isinstance(node, WrittenExists):
                return self._exists(node)
            return node

        return transform(expression, change)

    def _exists(self, node: WrittenExists) -> Expression:
        own = {name for chain in node.chains for name in self._named(chain)} - set(self.scope)
        outside = dict(self.scope)
        self.scope = outside | {name: ElementId(name) for name in own}
        chains = tuple(self._chain(chain, alone=True) for chain in node.chains)
        where = None if node.where is None else self._resolved(node.where)
        self.scope = outside
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
        if not isinstance(meant, ElementId):
            at = node.at or Span(0, 1)
            raise self.fault(f"{node.variable!r} is a value and has no properties", at)
        return replace(node, variable=meant.variable)

    # -- the projection that ends the pattern, and SQL after it --

    def _stages(self, clause: Projection, rest: list[Match | Projection], matches: int) -> Statement:
        if not self.builder.vertices:
            raise self.fault("nothing is matched before this", clause.at, "Begin with MATCH (n:Neuron).")
        columns = self._outputs(clause, rest)
        built = self.builder.build(
            [Column(name, value) for name, value in columns.items()],
            Semantics.DISTINCT_EDGES if matches == 1 else Semantics.HOMOMORPHIC,
        )
        pattern = replace(
            built,
            distinct=clause.distinct,
            order=self._order(clause, columns),
            skip=self._number(clause.skip),
            limit=self._number(clause.limit),
        )
        if clause.final:
            return Statement(self.text, (Slot(0, len(self.text), pattern),), "cypher", self.text)
        return later_stages(self.text, pattern, clause, rest)

    def _outputs(self, clause: Projection, rest: list[Match | Projection]) -> dict[str, Expression]:
        columns: dict[str, Expression] = {}
        for item in clause.items:
            if item.value is None:
                for name in self.scope:
                    self._put(columns, name, self.scope[name], item, clause, rest)
            else:
                self._put(columns, self._item_name(item), self._resolved(item.value), item, clause, rest)
        return columns

    def _put(
        self,
        columns: dict[str, Expression],
        name: str,
        value: Expression,
        item: Item,
        clause: Projection,
        rest: list[Match | Projection],
    ) -> None:
        if name.lower() in map(str.lower, columns):
            raise ParseError(
                f"two columns are called {name!r}", self.text, item.at.start, item.at.end - item.at.start, "Write AS."
            )
        if not isinstance(value, ElementId):
            columns[name] = value
        elif clause.final:
            columns[f"{name}.*"] = Property(value.variable, "*", at=item.at)
        else:
            columns[name] = value
            for wanted in _read_later(name, rest):
                columns[f"{name}.{wanted}"] = Property(value.variable, wanted, at=item.at)

    def _order(self, clause: Projection, columns: dict[str, Expression]) -> tuple[Order, ...]:
        keys = []
        for key in clause.order:
            value = key.value
            if isinstance(value, ElementId) and value.variable in columns:
                expression = columns[value.variable]
            else:
                expression = self._resolved(value)
            expression = self.builder.resolve(expression, Semantics.DISTINCT_EDGES)
            keys.append(Order(expression, key.descending))
        return tuple(keys)

    def _number(self, value: Expression | None) -> int | Parameter | None:
        if value is None or isinstance(value, Parameter):
            return value
        if isinstance(value, Literal) and type(value.value) is int and value.value >= 0:
            return value.value
        at = value.at or Span(0, 1)
        raise ParseError("SKIP and LIMIT want a whole number or a parameter", self.text, at.start, at.end - at.start)


def _known_beforehand(part: Expression) -> bool:
    """Whether a condition on a path can be looked at edge by edge, or bounds its length."""
    if isinstance(part, AllAlong):
        return not part.predicate.variables() - {part.variable}
    if not isinstance(part, Operation) or part.operator not in ("<", "<=", ">", ">="):
        return False
    first, second = part.operands if part.operator in ("<", "<=") else part.operands[::-1]
    return isinstance(first, PathLength) and not second.variables()


def _membership(node: Operation) -> Expression:
    item, options = node.operands
    if isinstance(options, Literal) and isinstance(options.value, tuple) and options.value:
        return Operation("IN", (item, *(Literal(value) for value in options.value)), at=node.at)
    if isinstance(options, ListOf):
        return Operation("IN", (item, *options.items), at=node.at)
    return node


def _read_later(name: str, rest: list[Match | Projection]) -> list[str]:
    """Properties of an element that clauses after an aggregating WITH read."""
    names: dict[str, None] = {}
    for clause in rest:
        if isinstance(clause, Projection):
            trees = [item.value for item in clause.items] + [key.value for key in clause.order] + [clause.where]
            for tree in trees:
                for node in tree.walk() if tree is not None else ():
                    if isinstance(node, Property) and node.variable == name:
                        names[node.name] = None
    return list(names)

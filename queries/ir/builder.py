"""Put a pattern together from what a front end read: merge mentions, name what has no name, check names.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.ir.expression import (
    AllAlong,
    Call,
    EachAlong,
    EachIn,
    ElementId,
    Expression,
    PathLength,
    Property,
    Reduced,
    Span,
    conjunction,
    conjuncts,
    is_aggregate,
    transform,
)
from queries.ir.identifiers import OURS
from queries.ir.pattern import (
    Column,
    Direction,
    Edge,
    Exists,
    Mode,
    Path,
    Pattern,
    Quantifier,
    Select,
    Semantics,
    Vertex,
)

MAX_DEPTH = 100
MAX_ELEMENTS = 64


@dataclass(frozen=True)
class Element:
    """A vertex or the inside of an edge, as written."""

    name: str | None
    labels: tuple[str, ...]
    where: Expression | None
    at: Span


@dataclass(frozen=True)
class Arrow:
    """An edge as written: ``way`` is right, left or any."""

    element: Element
    way: str
    quantifier: Quantifier | None = None
    negated: bool = False


@dataclass(frozen=True)
class WrittenPath:
    """One path pattern as written: vertex, arrow, vertex, arrow, ..., vertex."""

    vertices: tuple[Element, ...]
    arrows: tuple[Arrow, ...] = ()
    name: str | None = None
    select: Select = Select.ALL
    mode: Mode | None = None
    k: int | None = None
    at: Span = field(default=Span(0, 0))


@dataclass(frozen=True)
class WrittenExists(Expression):
    """EXISTS { ... } before its variables are resolved."""

    opaque: ClassVar[bool] = True
    chains: tuple[WrittenPath, ...] = ()
    where: Expression | None = None
    counted: bool = False

    def variables(self) -> frozenset[str]:
        return frozenset()

    def children(self) -> tuple[Expression, ...]:
        return ()


_LIST_AGGREGATES = {"sum": "list_sum", "avg": "list_avg", "min": "list_min", "max": "list_max"}


class PatternBuilder:
    """Collects chains and conditions of one pattern over one graph.

    Args:
        graph: name of the property graph.
        text: the user's whole text, for messages.
        outer: builder of the enclosing pattern, for EXISTS.
    """

    def __init__(self, graph: str, text: str, outer: PatternBuilder | None = None) -> None:
        self.graph = graph
        self.text = text
        self.outer = outer
        self.vertices: dict[str, Vertex] = {}
        self.edges: dict[str, Edge] = {}
        self.paths: dict[str, Path] = {}
        self.conditions: list[Expression] = []
        self._root: PatternBuilder = outer._root if outer else self
        self._numbered = 0
        self._renamed: dict[str, str] = {}

    def add(self, chain: WrittenPath) -> None:
        """One more path pattern."""
        ends = [self._vertex(element) for element in chain.vertices]
        names = [self._edge(arrow, ends[i], ends[i + 1]) for i, arrow in enumerate(chain.arrows)]
        if len(self.vertices) + len(self.edges) > MAX_ELEMENTS:
            raise self.fault(f"a pattern has at most {MAX_ELEMENTS} vertices and edges", chain.at)
        if chain.name is None and chain.select is Select.ALL and chain.mode is None:
            return
        if not names:
            raise self.fault("a path needs an edge", chain.at)
        name = chain.name or self.fresh("path")
        self._check_case(name, chain.at)
        if name in self.paths or name in self.vertices or name in self.edges:
            raise self.fault(f"the name {name!r} is taken already", chain.at)
        self.paths[name] = Path(name, tuple(names), ends[0], chain.select, chain.mode, chain.k, at=chain.at)

    def where(self, condition: Expression | None) -> None:
        """A condition over the whole pattern."""
        self.conditions.extend(conjuncts(condition))

    def build(
        self,
        columns: Iterable[Column] = (),
        semantics: Semantics = Semantics.HOMOMORPHIC,
        symmetry: tuple[tuple[str, str], ...] = (),
    ) -> Pattern:
        """The pattern; every name in it is declared.

        Raises:
            ParseError: an undeclared variable (with the nearest declared), an expression that nests too deeply, an
                aggregate in a condition.
        """
        for condition in self.conditions:
            check_depth(condition, self.text)
        resolved = [part for c in self.conditions for part in conjuncts(self.resolve(c, semantics))]
        for part in resolved:
            if is_aggregate(part):
                raise self.fault("a condition holds no aggregate: return it, and filter what is returned", part.at)
        outputs = []
        for column in columns:
            check_depth(column.value, self.text)
            outputs.append(Column(column.name, self.resolve(column.value, semantics)))
        shared = tuple(name for name in self.vertices if self._is_outer(name))
        return Pattern(
            self.graph,
            tuple(self.vertices.values()),
            tuple(self.edges.values()),
            conjunction(resolved),
            semantics,
            symmetry,
            tuple(self.paths.values()),
            tuple(outputs),
            outer=shared,
        )

    def resolve(self, expression: Expression, semantics: Semantics) -> Expression:
        """Sub-patterns built, group variables turned into lists, every variable checked."""

        def change(node: Expression) -> Expression:
            if isinstance(node, WrittenExists):
                return self._exists(node, semantics)
            if isinstance(node, Call):
                return self._group_call(node)
            if isinstance(node, Property | ElementId) and node.variable in self._renamed:
                return replace(node, variable=self._renamed[node.variable])
            return node

        resolved = transform(expression, change)
        self._check_variables(resolved, frozenset())
        return resolved

    def known(self) -> list[str]:
        """Names of this pattern and the ones around it."""
        own = [*self.vertices, *self.edges, *self.paths]
        return own + (self.outer.known() if self.outer else [])

    def fault(self, message: str, at: Span | None, hint: str = "") -> ParseError:
        span = at or Span(0, 1)
        return ParseError(message, self.text, span.start, span.end - span.start, hint)

    def find_edge(self, name: str) -> Edge | None:
        """An edge of this pattern or of one around it."""
        return self.edges.get(name) or (self.outer.find_edge(name) if self.outer else None)

    def find_path(self, name: str) -> Path | None:
        """A path of this pattern or of one around it."""
        return self.paths.get(name) or (self.outer.find_path(name) if self.outer else None)

    def path_over(self, edge: str) -> str:
        """The path that goes over a quantified edge, made when it has none."""
        for path in self.paths.values():
            if path.edges == (edge,):
                return path.variable
        if edge not in self.edges and self.outer is not None:
            return self.outer.path_over(edge)
        name = self.fresh("path")
        self.paths[name] = Path(name, (edge,), self.edges[edge].source)
        return name

    # -- elements --

    def fresh(self, what: str) -> str:
        """A name for what the user gave none."""
        # A leading digit: no language lets users write such a name, so it cannot clash.
        self._root._numbered += 1
        return f"{self._root._numbered}{what}"

    def _check_case(self, name: str, at: Span) -> None:
        """Refuse two names that SQL, in which every pattern may be answered, takes for one, and names of ours."""
        if name.startswith(OURS):
            raise self.fault(f"names of variables do not begin with {OURS}", at, hint="Give it another name.")
        for known in self.known():
            if known != name and known.lower() == name.lower():
                raise self.fault(f"{known!r} and {name!r} differ only in upper and lower case", at)

    def _is_outer(self, name: str) -> bool:
        return self.outer is not None and (name in self.outer.vertices or self.outer._is_outer(name))

    def _vertex(self, element: Element) -> str:
        name = element.name or self.fresh("vertex")
        self._check_case(name, element.at)
        if name in self.edges or name in self.paths:
            raise self.fault(f"{name!r} is an edge or a path, and here a vertex", element.at)
        old = self.vertices.get(name)
        labels = element.labels
        if old is not None and old.labels and labels:
            wanted = {label.lower() for label in labels}
            labels = tuple(label for label in old.labels if label.lower() in wanted)
            if not labels:
                raise self.fault(
                    f"vertex {name!r} was {' or '.join(old.labels)} before; "
                    f"here it is {' or '.join(element.labels)}, and none is both",
                    element.at,
                )
        predicate = self._own(_rename(element.where, "~", name), name)
        if old is not None:
            labels = labels or old.labels
            predicate = conjunction([*conjuncts(old.predicate), *conjuncts(predicate)])
        self.vertices[name] = Vertex(name, labels, predicate, old.at if old else element.at)
        return name

    def _edge(self, arrow: Arrow, left: str, right: str) -> str:
        element = arrow.element
        name = element.name or self.fresh("edge")
        self._check_case(name, element.at)
        if name in self.known():
            raise self.fault(
                f"the name {name!r} is taken already",
                element.at,
                hint="An edge is written once; give this one another name.",
            )
        if self.outer is not None and element.name is not None:
            fresh = self.fresh("edge")
            self._renamed[name] = fresh
            element = replace(element, where=_rename(element.where, name, fresh))
            name = fresh
        source, target = (right, left) if arrow.way == "left" else (left, right)
        self.edges[name] = Edge(
            name,
            source,
            target,
            element.labels,
            Direction.ANY if arrow.way == "any" else Direction.RIGHT,
            self._own(_rename(element.where, "~", name), name),
            arrow.negated,
            arrow.quantifier,
            at=element.at,
        )
        return name

    def _own(self, where: Expression | None, name: str) -> Expression | None:
        """The conjuncts about this element alone; the others become conditions of the pattern."""
        if where is None:
            return None
        check_depth(where, self.text)
        own = []
        for part in conjuncts(where):
            written = any(isinstance(node, WrittenExists) for node in part.walk())
            if part.variables() <= {name} and not written:
                own.append(part)
            elif name in self.edges and self.edges[name].quantifier is not None:
                raise self.fault("a condition of a repeated edge reads that edge alone", part.at)
            else:
                self.conditions.append(part)
        return conjunction(own)

    # -- expressions --

    def _exists(self, written: WrittenExists, semantics: Semantics) -> Exists:
        inner = PatternBuilder(self.graph, self.text, outer=self)
        for chain in written.chains:
            renamed = tuple(inner._inner_vertex(element, self) for element in chain.vertices)
            inner.add(replace(chain, vertices=renamed))
        inner.where(written.where)
        # A vertex of the enclosing pattern has its labels and predicates there.
        inside = Semantics.DISTINCT_VERTICES if semantics is Semantics.INDUCED else semantics
        return Exists(inner.build(semantics=inside), written.counted, at=written.at)

    def _inner_vertex(self, element: Element, outer: PatternBuilder) -> Element:
        name = element.name
        if name is None or name in outer.vertices or outer._is_outer(name):
            return element
        if name in outer.known():
            raise self.fault(f"{name!r} is an edge or a path outside, and here a vertex", element.at)
        fresh = self._renamed.get(name) or self.fresh("vertex")
        self._renamed[name] = fresh
        return replace(element, name=fresh, where=_rename(element.where, name, fresh))

    def _group_call(self, call: Call) -> Expression:
        """An aggregate over a repeated edge is about the edges of the one path: ``sum(e.weight)``."""
        if call.function not in {*_LIST_AGGREGATES, "count", "list"} or len(call.arguments) != 1:
            return call
        read = call.arguments[0].variables()
        if len(read) != 1:
            return call
        name = next(iter(read))
        edge = self.find_edge(name)
        if edge is None or edge.quantifier is None:
            return call
        path = self.path_over(name)
        if call.function == "count":
            return PathLength(path, at=call.at)
        each = EachAlong(name, "edges", path, call.arguments[0], at=call.at)
        if call.function == "list":
            return each
        return Call(_LIST_AGGREGATES[call.function], (each,), at=call.at)

    def _check_variables(self, expression: Expression, bound: frozenset[str]) -> None:
        if isinstance(expression, Property | ElementId):
            self._check_variable(expression.variable, expression.at, bound)
        if isinstance(expression, PathLength | EachAlong | AllAlong) and self.find_path(expression.path) is None:
            known = [name for name in self.known() if self.find_path(name)]
            raise self.fault(
                f"there is no path {expression.path!r}{did_you_mean(expression.path, known)}",
                expression.at,
                hint="Name one: p = (a)-[e]->{1,3}(b)",
            )
        if isinstance(expression, EachAlong | AllAlong | EachIn | Reduced):
            bound |= {expression.variable}
        if isinstance(expression, Reduced):
            bound |= {expression.accumulator}
        for child in expression.children():
            if not isinstance(expression, Exists):
                self._check_variables(child, bound)

    def _check_variable(self, name: str, at: Span | None, bound: frozenset[str]) -> None:
        if name in bound or name == "*" or name[:1].isdigit():
            return
        if self.find_path(name) is not None:
            raise self.fault(f"{name!r} is a path; use path_length({name}) or vertices({name})", at)
        if name not in self.known():
            visible = [known for known in self.known() if not known[:1].isdigit()]
            raise self.fault(f"there is no variable {name!r} in this pattern{did_you_mean(name, visible)}", at)
        edge = self.find_edge(name)
        if edge is not None and edge.quantifier is not None:
            raise self.fault(
                f"{name!r} stands for all edges of a path",
                at,
                hint=f"Write sum({name}.weight), min({name}.weight), list({name}.weight) or count({name}).",
            )


def check_depth(expression: Expression, text: str) -> None:
    """Refuse trees deeper than MAX_DEPTH, without recursion."""
    stack = [(expression, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            at = expression.at or node.at or Span(0, 1)
            raise UnsupportedError(
                f"an expression nests deeper than {MAX_DEPTH} levels", text, at.start,
                hint="Pass long lists as a parameter: ... IN $ids",
            )  # fmt: skip
        stack.extend((child, depth + 1) for child in node.children())


def _rename(expression: Expression | None, old: str, new: str) -> Expression | None:
    if expression is None:
        return None

    def change(node: Expression) -> Expression:
        if isinstance(node, Property | ElementId) and node.variable == old:
            return replace(node, variable=new)
        return node

    return transform(expression, change)

"""The pattern IR: what every language says and every engine answers.

A ``Pattern`` is one basic graph pattern: vertices, edges (plain, negated, quantified), a condition, how a
match is counted, and what comes out. It checks itself when built, so an ill-formed one cannot exist. It
names labels and properties as the user wrote them; ``queries.planning.bind`` ties them to tables.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from queries.ir.expression import Call, Expression, Parameter, Span, is_aggregate


class Semantics(Enum):
    """When two elements of one match may be the same."""

    HOMOMORPHIC = "homomorphic"
    """Anything may repeat (SQL/PGQ's default; walks)."""
    DISTINCT_EDGES = "distinct edges"
    """No edge row twice, vertices may repeat (Neo4j; trails)."""
    DISTINCT_VERTICES = "distinct vertices"
    """No vertex twice, so no edge twice either (DotMotif; NetworkX's monomorphism)."""
    INDUCED = "induced"
    """Distinct vertices, and between two matched vertices no edge but the pattern's: for an ordered pair
    without a pattern edge, no row of the pattern's edge labels, whatever the pattern's predicates say.
    Autapses are not looked at, as in a census."""

    @property
    def vertices_differ(self) -> bool:
        return self in (Semantics.DISTINCT_VERTICES, Semantics.INDUCED)


class Direction(Enum):
    """Which way an edge is followed. Front ends turn a leftward arrow round, so there is no LEFT."""

    RIGHT = "->"
    ANY = "-"
    """Either way. An autapse is met once, a reciprocal pair is two edges and so two matches."""


class Mode(Enum):
    """What may repeat along one path of a quantified edge."""

    WALK = "walk"
    TRAIL = "trail"
    """No edge twice."""
    SIMPLE = "simple"
    """No vertex twice, but the first may be the last."""
    ACYCLIC = "acyclic"
    """No vertex twice."""


class Select(Enum):
    """Which of the paths between two end vertices count."""

    ALL = "all"
    ANY = "any"
    """One path a pair of ends; the engine chooses, shortest first."""
    ANY_SHORTEST = "any shortest"
    ALL_SHORTEST = "all shortest"
    SHORTEST_K = "shortest k"


@dataclass(frozen=True)
class Quantifier:
    """``{minimum, maximum}`` repetitions; ``maximum`` None for no bound."""

    minimum: int
    maximum: int | None

    def __post_init__(self) -> None:
        if self.minimum < 0 or (self.maximum is not None and self.maximum < self.minimum):
            raise ValueError(f"{{{self.minimum},{self.maximum}}} is no range of repetitions")


@dataclass(frozen=True)
class Interior:
    """A condition on every vertex strictly inside a quantified edge, where it is called ``variable``."""

    variable: str
    predicate: Expression


@dataclass(frozen=True)
class Vertex:
    """A vertex variable. ``labels`` are alternatives; none means any vertex table the edges allow."""

    variable: str
    labels: tuple[str, ...] = ()
    predicate: Expression | None = None
    """Reads this variable alone."""
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Edge:
    """An edge variable from ``source`` to ``target`` (vertex variables).

    ``negated``: no such edge with such a predicate between the two matched vertices.
    ``quantifier``: a path of that many edges, each meeting ``predicate``; the variable then stands for
    the group. ``labels`` are alternatives; none means every edge table not marked ``by_name``.
    """

    variable: str
    source: str
    target: str
    labels: tuple[str, ...] = ()
    direction: Direction = Direction.RIGHT
    predicate: Expression | None = None
    """Reads this variable alone."""
    negated: bool = False
    quantifier: Quantifier | None = None
    interior: Interior | None = None
    at: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.negated and self.quantifier is not None:
            raise ValueError(f"edge {self.variable} is negated and quantified at once")
        if self.interior is not None and self.quantifier is None:
            raise ValueError(f"edge {self.variable} has an interior but no quantifier")


@dataclass(frozen=True)
class Path:
    """A named or selected path through one or more edges that join end to end.

    ``cost``: None counts edges; otherwise an expression over the edge, summed along the path (engines for
    weighted paths). ``mode`` None follows the pattern's semantics: walk, trail, or acyclic.
    """

    variable: str
    edges: tuple[str, ...]
    start: str
    """The vertex the path sets out from; its edges may point either way."""
    select: Select = Select.ALL
    mode: Mode | None = None
    k: int | None = None
    cost: Expression | None = None
    at: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.edges:
            raise ValueError(f"path {self.variable} has no edge")
        if (self.select is Select.SHORTEST_K) != (self.k is not None):
            raise ValueError(f"path {self.variable}: k goes with SHORTEST k and with nothing else")


@dataclass(frozen=True)
class Column:
    """One output column."""

    name: str
    value: Expression


@dataclass(frozen=True)
class Order:
    """One sort key over the pattern's elements or, for aggregates, over output expressions."""

    value: Expression
    descending: bool = False
    nulls_first: bool | None = None
    """None: nulls last, as DuckDB does."""


@dataclass(frozen=True)
class Pattern:
    """One basic graph pattern and what comes out of it; see the module.

    Columns with aggregates group by the columns without. ``symmetry`` holds pairs (u, v) of vertex
    variables: only matches with id(u) < id(v) are kept, so that of interchangeable matches one remains.
    ``alike`` holds sets of vertex variables: of the matches there are that differ by exchanging vertices
    within the sets, the one with the smallest ids is kept, in the order of ``vertices``.

    Raises:
        ValueError: variables that clash or do not exist, predicates that read what they may not. Front
            ends check users' texts first; this guards against our own mistakes.
    """

    graph: str
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...] = ()
    where: Expression | None = None
    semantics: Semantics = Semantics.HOMOMORPHIC
    symmetry: tuple[tuple[str, str], ...] = ()
    paths: tuple[Path, ...] = ()
    columns: tuple[Column, ...] = ()
    distinct: bool = False
    order: tuple[Order, ...] = ()
    skip: int | Parameter | None = None
    limit: int | Parameter | None = None
    alike: tuple[tuple[str, ...], ...] = ()

    outer: tuple[str, ...] = ()
    """Vertex variables that an enclosing pattern has already matched (sub-patterns of EXISTS only)."""

    def __post_init__(self) -> None:
        vertices = [v.variable for v in self.vertices]
        edges = [e.variable for e in self.edges]
        paths = [p.variable for p in self.paths]
        for name, times in Counter([*vertices, *edges, *paths]).items():
            if times > 1:
                raise ValueError(f"variable {name} is declared {times} times")
        for vertex in self.vertices:
            _reads_only(vertex.predicate, {vertex.variable}, f"the predicate of vertex {vertex.variable}")
        for edge in self.edges:
            if edge.source not in vertices or edge.target not in vertices:
                raise ValueError(f"edge {edge.variable} joins a vertex that is not in the pattern")
            _reads_only(edge.predicate, {edge.variable}, f"the predicate of edge {edge.variable}")
            if edge.interior is not None:
                _reads_only(edge.interior.predicate, {edge.interior.variable}, f"the interior of edge {edge.variable}")
        for path in self.paths:
            if any(name not in edges or self.edge(name).negated for name in path.edges):
                raise ValueError(f"path {path.variable} goes over an edge that is not in the pattern")
        for pair in self.symmetry:
            if any(name not in vertices for name in pair) or pair[0] == pair[1]:
                raise ValueError(f"symmetry {pair} is not about two vertices of the pattern")
        for name, times in Counter(name for together in self.alike for name in together).items():
            if name not in vertices or times > 1:
                raise ValueError(f"alike: {name} is no vertex of the pattern, or alike to itself")
        if self.alike and self.aggregates and not self.only_counts:
            raise ValueError("matches that are alike are listed or counted, not aggregated")
        if self.where is not None and is_aggregate(self.where):
            raise ValueError("the condition of a pattern holds no aggregate")
        names = Counter(column.name.lower() for column in self.columns)
        for name, times in names.items():
            if times > 1:
                raise ValueError(f"output column {name} is named {times} times")

    def vertex(self, variable: str) -> Vertex:
        """The vertex of that name; KeyError otherwise."""
        for vertex in self.vertices:
            if vertex.variable == variable:
                return vertex
        raise KeyError(variable)

    def edge(self, variable: str) -> Edge:
        """The edge of that name; KeyError otherwise."""
        for edge in self.edges:
            if edge.variable == variable:
                return edge
        raise KeyError(variable)

    def path_of(self, edge: str) -> Path | None:
        """The path that goes over an edge, if one is named."""
        return next((path for path in self.paths if edge in path.edges), None)

    def mode_of(self, edge: str) -> Mode:
        """What may repeat along a quantified edge."""
        path = self.path_of(edge)
        if path is not None and path.mode is not None:
            return path.mode
        if self.semantics is Semantics.DISTINCT_EDGES:
            return Mode.TRAIL
        return Mode.ACYCLIC if self.semantics.vertices_differ else Mode.WALK

    @property
    def positive(self) -> tuple[Edge, ...]:
        """Edges that must exist."""
        return tuple(edge for edge in self.edges if not edge.negated)

    @property
    def negative(self) -> tuple[Edge, ...]:
        """Edges that must not exist."""
        return tuple(edge for edge in self.edges if edge.negated)

    @property
    def aggregates(self) -> bool:
        """Whether rows are grouped."""
        return any(is_aggregate(column.value) for column in self.columns)

    @property
    def only_counts(self) -> bool:
        """Whether all that comes out is ``count(*)``: engines need not build the matches."""
        return len(self.columns) == 1 and self.columns[0].value == Call("count") and not self.distinct


@dataclass(frozen=True)
class Exists(Expression):
    """``EXISTS { pattern }``; with NOT around it, the pattern's absence. ``counted``: ``COUNT { pattern }``.

    ``pattern.outer`` names the vertices shared with the enclosing pattern; its other elements are its own.
    ``pattern.semantics`` holds among the elements of the sub-pattern, the shared ones included.
    """

    pattern: Pattern
    counted: bool = False

    def children(self) -> tuple[Expression, ...]:
        return () if self.pattern.where is None else (self.pattern.where,)

    def variables(self) -> frozenset[str]:
        own = {v.variable for v in self.pattern.vertices} | {e.variable for e in self.pattern.edges}
        own -= set(self.pattern.outer)
        inside = frozenset() if self.pattern.where is None else self.pattern.where.variables()
        return (inside - own) | frozenset(self.pattern.outer)


def _reads_only(predicate: Expression | None, allowed: set[str], what: str) -> None:
    if predicate is None:
        return
    extra = predicate.variables() - allowed
    if extra:
        raise ValueError(f"{what} reads {', '.join(sorted(extra))}")
    if is_aggregate(predicate):
        raise ValueError(f"{what} holds an aggregate")

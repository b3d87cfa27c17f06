"""Scalar expressions over matched elements: the trees that predicates and output columns are made of.

Null follows SQL in every language: a comparison with null is unknown, and a row is kept only where the
predicate is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

AGGREGATES = frozenset({"count", "sum", "avg", "min", "max", "list", "stddev", "median"})

WHOLE_PART = "whole_part"
"""A function of ours: a number, or a text that is one, without its fraction; null for other texts. No digit is lost."""

# operator -> (fewest operands, most operands or None)
OPERATORS: dict[str, tuple[int, int | None]] = {
    "AND": (2, None),
    "OR": (2, None),
    "XOR": (2, 2),
    "NOT": (1, 1),
    "=": (2, 2),
    "<>": (2, 2),
    "<": (2, 2),
    "<=": (2, 2),
    ">": (2, 2),
    ">=": (2, 2),
    "IS NULL": (1, 1),
    "IS NOT NULL": (1, 1),
    "IS DISTINCT FROM": (2, 2),
    "IN": (2, None),  # item, then the options
    "IN LIST": (2, 2),  # item, then one list value (a parameter, a list function)
    "LIKE": (2, 2),
    "ILIKE": (2, 2),
    "MATCHES": (2, 2),  # regular expression over the whole text, as Cypher's =~
    "STARTS WITH": (2, 2),
    "ENDS WITH": (2, 2),
    "CONTAINS": (2, 2),
    "+": (2, 2),
    "-": (2, 2),
    "*": (2, 2),
    "/": (2, 2),
    "%": (2, 2),
    "||": (2, 2),
    "NEGATE": (1, 1),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stood in the user's text: 0-based character offsets, end exclusive."""

    start: int
    end: int


_PART_NAMES: dict[type, tuple[str, ...]] = {}


def _part_names(kind: type) -> tuple[str, ...]:
    """Fields that may hold sub-expressions; asking a dataclass anew at every node would be most of a walk."""
    if kind not in _PART_NAMES:
        _PART_NAMES[kind] = tuple(f.name for f in fields(kind) if f.name != "at")
    return _PART_NAMES[kind]


@dataclass(frozen=True)
class Expression:
    """One node of a tree. Subclasses are values: equal when their parts are, wherever they were written."""

    at: Span | None = field(default=None, compare=False, repr=False, kw_only=True)
    opaque: ClassVar[bool] = False
    """True where names inside mean something else, so that transform() stays outside."""

    def children(self) -> tuple[Expression, ...]:
        """Direct sub-expressions, in the order written."""
        children: list[Expression] = []
        for name in _part_names(type(self)):
            value = getattr(self, name)
            if isinstance(value, Expression):
                children.append(value)
            elif isinstance(value, tuple):
                children.extend(item for item in value if isinstance(item, Expression))
        return tuple(children)

    def walk(self) -> Iterator[Expression]:
        """This node and all below it, parents first."""
        stack: list[Expression] = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children()))

    def variables(self) -> frozenset[str]:
        """Element and path variables the tree reads."""
        names: set[str] = set()
        for child in self.children():
            names |= child.variables()
        return frozenset(names)


@dataclass(frozen=True)
class Literal(Expression):
    """A constant; a list constant is a tuple."""

    value: bool | int | float | str | tuple[bool | int | float | str | None, ...] | None

    def children(self) -> tuple[Expression, ...]:
        return ()


@dataclass(frozen=True)
class Parameter(Expression):
    """``$name``: a value that comes with the run and is bound, never pasted."""

    name: str


@dataclass(frozen=True)
class Property(Expression):
    """``variable.name``: a column of the row that a vertex or an edge stands for.

    After binding, ``name`` is the column's own spelling in the table.
    """

    variable: str
    name: str

    def variables(self) -> frozenset[str]:
        return frozenset({self.variable})


@dataclass(frozen=True)
class ElementId(Expression):
    """The element itself: the key of a vertex (root_id), the row of an edge; what ``id(a)`` compares."""

    variable: str

    def variables(self) -> frozenset[str]:
        return frozenset({self.variable})


@dataclass(frozen=True)
class Operation(Expression):
    """An operator of OPERATORS over its operands.

    >>> Operation("<", (Property("e", "weight"), Literal(10))).variables()
    frozenset({'e'})
    """

    operator: str
    operands: tuple[Expression, ...]

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"no operator {self.operator!r}")
        fewest, most = OPERATORS[self.operator]
        if len(self.operands) < fewest or (most is not None and len(self.operands) > most):
            raise ValueError(f"{self.operator} has {len(self.operands)} operands")


@dataclass(frozen=True)
class Call(Expression):
    """A function. ``count(*)`` is ``Call("count", ())``; names are lower case."""

    function: str
    arguments: tuple[Expression, ...] = ()
    distinct: bool = False

    def __post_init__(self) -> None:
        if self.function != self.function.lower():
            raise ValueError(f"function names are lower case in the IR, not {self.function!r}")
        if self.distinct and self.function not in AGGREGATES:
            raise ValueError(f"DISTINCT belongs to aggregates, not to {self.function}()")


@dataclass(frozen=True)
class Case(Expression):
    """``CASE WHEN condition THEN value ... ELSE otherwise END``; conditions and values alternate."""

    branches: tuple[Expression, ...]
    otherwise: Expression | None = None

    def __post_init__(self) -> None:
        if not self.branches or len(self.branches) % 2:
            raise ValueError("CASE needs pairs of condition and value")


@dataclass(frozen=True)
class Cast(Expression):
    """``CAST(operand AS type)``; ``type`` is one of the plain SQL types the languages let through."""

    operand: Expression
    type: str
    strict: bool = True
    """False for TRY_CAST: null instead of an error."""


@dataclass(frozen=True)
class ListOf(Expression):
    """``[a, b, c]`` of expressions that are not all constants."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapOf(Expression):
    """``{a: 1, b: n.type}``: values by name."""

    keys: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class Part(Expression):
    """``list[0]``, ``map['key']``, ``map.key``: one part of a value; null where there is none."""

    operand: Expression
    key: Expression
    """A number counts from 0, one below 0 from the end; a text names an entry of a map."""
    json: bool = False
    """Whether the operand is a JSON document, of which the part is one too."""


@dataclass(frozen=True)
class EachIn(Expression):
    """``[variable IN source WHERE kept | value]``: what each item gives, itself without ``value``."""

    variable: str
    source: Expression
    kept: Expression | None = None
    value: Expression | None = None

    def variables(self) -> frozenset[str]:
        inside = [part.variables() for part in (self.kept, self.value) if part is not None]
        return self.source.variables() | (frozenset().union(*inside) - {self.variable})


@dataclass(frozen=True)
class Reduced(Expression):
    """``reduce(accumulator = initial, variable IN source | value)``."""

    accumulator: str
    initial: Expression
    variable: str
    source: Expression
    value: Expression

    def variables(self) -> frozenset[str]:
        inside = self.value.variables() - {self.variable, self.accumulator}
        return self.source.variables() | self.initial.variables() | inside


@dataclass(frozen=True)
class PathLength(Expression):
    """Number of edges of a matched path."""

    path: str

    def variables(self) -> frozenset[str]:
        return frozenset({self.path})


@dataclass(frozen=True)
class _Along(Expression):
    """Something about each element of a path; inside, the element is called ``variable``."""

    variable: str
    over: str
    """``"vertices"`` or ``"edges"``."""
    path: str

    def __post_init__(self) -> None:
        if self.over not in {"vertices", "edges"}:
            raise ValueError(f"a path is made of vertices and edges, not {self.over!r}")


@dataclass(frozen=True)
class AllAlong(_Along):
    """True where ``predicate`` holds for every element of the path; unknown where it fails for none but is unknown."""

    predicate: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        """What is asked of each element."""
        return (self.predicate,)

    def variables(self) -> frozenset[str]:
        return (self.predicate.variables() - {self.variable}) | {self.path}


@dataclass(frozen=True)
class EachAlong(_Along):
    """The list of ``value`` for every element of the path, in order: ``[x IN nodes(p) | x.root_id]``."""

    value: Expression
    kept: Expression | None = None
    """Elements of which this is not true are left out."""

    @property
    def parts(self) -> tuple[Expression, ...]:
        """What is asked of each element."""
        return (self.value,) if self.kept is None else (self.value, self.kept)

    def variables(self) -> frozenset[str]:
        read = frozenset(name for part in self.parts for name in part.variables())
        return (read - {self.variable}) | {self.path}


def conjuncts(expression: Expression | None) -> tuple[Expression, ...]:
    """The parts of a conjunction; one part for anything else, none for None.

    >>> a, b = Literal(True), Literal(False)
    >>> conjuncts(Operation("AND", (a, Operation("AND", (b, a))))) == (a, b, a)
    True
    """
    if expression is None:
        return ()
    if isinstance(expression, Operation) and expression.operator == "AND":
        return tuple(part for operand in expression.operands for part in conjuncts(operand))
    return (expression,)


def conjunction(parts: tuple[Expression, ...] | list[Expression]) -> Expression | None:
    """The inverse of conjuncts()."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Operation("AND", tuple(parts))


def transform(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Rebuild a tree from its leaves up, each node passed through ``change``."""
    changes: dict[str, object] = {}
    for name in () if expression.opaque else _part_names(type(expression)):
        value = getattr(expression, name)
        if isinstance(value, Expression):
            new: object = transform(value, change)
            if new is not value:
                changes[name] = new
        elif isinstance(value, tuple) and any(isinstance(item, Expression) for item in value):
            items = tuple(transform(item, change) if isinstance(item, Expression) else item for item in value)
            if any(a is not b for a, b in zip(items, value, strict=True)):
                changes[name] = items
    rebuilt = replace(expression, **changes) if changes else expression  # type: ignore[arg-type]
    return change(rebuilt)


def is_aggregate(expression: Expression) -> bool:
    """Whether an aggregate stands anywhere in the tree."""
    return any(isinstance(node, Call) and node.function in AGGREGATES for node in expression.walk())

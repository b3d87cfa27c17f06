"""Expression trees as DuckDB SQL.

Tests: tests/queries/duckdb/test_exact_ids.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ingest.schema.errors import UnsupportedError
from queries.ir.expression import (
    AGGREGATES,
    WHOLE_PART,
    AllAlong,
    Call,
    Case,
    Cast,
    EachAlong,
    EachIn,
    ElementId,
    Expression,
    ListOf,
    Literal,
    MapOf,
    Operation,
    Parameter,
    Part,
    PathLength,
    Property,
    Reduced,
)
from queries.ir.identifiers import COMPUTED, quote
from queries.ir.pattern import Exists
from queries.planning.values import Values

_FEW = 64
_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_NUMBER = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|FLOAT$|DOUBLE$|DECIMAL")
_TEXT_CALLS = {
    "STARTS WITH": "starts_with",
    "ENDS WITH": "suffix",
    "CONTAINS": "contains",
    "MATCHES": "regexp_full_match",
}
_SYNTAX = frozenset({"coalesce", "nullif", "ifnull", "if"})
_FUNCTIONS = {"list": "list", "stddev": "stddev_samp"}


@dataclass(frozen=True)
class Names:
    """How elements are called in the SQL around an expression."""

    identity: Callable[[str], str]
    """Variable -> the element's key."""
    column: Callable[[str, str], str]
    """Variable and property -> the column."""
    length: Callable[[str], str]
    """Path -> its number of edges."""
    along: Callable[[Any], str]
    """EachAlong or AllAlong -> its list or truth value."""
    exists: Callable[[Exists], str]
    """EXISTS -> a correlated subquery."""
    type_of: Callable[[str, str], str]
    """Variable and property -> DuckDB type name, "" when unknown."""
    in_lambda: bool = False
    """Whether the SQL stands in a lambda, where DuckDB takes no subquery."""
    order: str = ""
    """What lists are collected in the order of; any order when empty."""

    def inside(self, *variables: str) -> Names:
        """The names within a lambda over ``variables``."""

        def identity(name: str) -> str:
            return quote(name) if name in variables else self.identity(name)

        def column(name: str, part: str) -> str:
            return f"({quote(name)})[{_text(part)}]" if name in variables else self.column(name, part)

        def type_of(name: str, part: str) -> str:
            return "" if name in variables else self.type_of(name, part)

        return replace(self, identity=identity, column=column, type_of=type_of, in_lambda=True)


def write(expression: Expression, names: Names, values: Values) -> str:
    """The expression as SQL; constants of text are bound, numbers are written out."""

    def sql(node: Expression) -> str:
        return write(node, names, values)

    match expression:
        case Literal(value=value):
            return literal(value, values)
        case Parameter():
            return values.parameter(expression)
        case Property(variable=variable, name=name):
            return names.column(variable, name)
        case ElementId(variable=variable):
            return names.identity(variable)
        case Operation():
            return _operation(expression, sql, values, names)
        case Call():
            return _call(expression, sql, names, values)
        case Case(branches=branches, otherwise=otherwise):
            pairs = zip(branches[::2], branches[1::2], strict=True)
            whens = " ".join(f"WHEN {sql(when)} THEN {sql(then)}" for when, then in pairs)
            end = "" if otherwise is None else f" ELSE {sql(otherwise)}"
            return f"CASE {whens}{end} END"
        case Cast(operand=operand, type=kind, strict=strict):
            return f"{'CAST' if strict else 'TRY_CAST'}({sql(operand)} AS {kind})"
        case ListOf(items=items):
            return _list(items, sql, names)
        case MapOf(keys=keys, values=parts):
            listed = zip(keys, map(sql, parts), strict=True)
            return f"struct_pack({', '.join(f'{quote(key)} := {value}' for key, value in listed)})"
        case Part():
            return _part(expression, sql)
        case EachIn() | Reduced():
            return _over_list(expression, sql, names, values)
        case PathLength(path=path):
            return names.length(path)
        case EachAlong() | AllAlong():
            return names.along(expression)
        case Exists():
            return names.exists(expression)
    raise AssertionError(f"no SQL for {type(expression).__name__}")


def _list(items: tuple[Expression, ...], sql: Callable[[Expression], str], names: Names) -> str:
    """A list; what no list can hold together as it is comes as a struct: ``[n.bodyId, n.type]``, an id beside a weight.

    A list of ids and floats would be one of floats, which lose the digits of ids.
    """
    kinds = [_list_kind(item, names) for item in items]
    known = [item.name for item in items if isinstance(item, Property)]
    differ = len(known) == len(items) == len(set(known)) and len(set(filter(None, kinds))) > 1
    if not differ and not ("id" in kinds and set(kinds) & {"number", ""}):
        return f"[{', '.join(map(sql, items))}]"
    fields: dict[str, str] = {}
    for number, item in enumerate(items):
        name = item.name.removesuffix(COMPUTED) if isinstance(item, Property) else f"item_{number + 1}"
        fields[name if name not in fields else f"{name}_{number + 1}"] = sql(item)
    return f"struct_pack({', '.join(f'{quote(name)} := {value}' for name, value in fields.items())})"


def _list_kind(item: Expression, names: Names) -> str:
    """What of a list may stand together; whole numbers that are written out go with ids and with numbers."""
    if isinstance(item, Property):
        kind = names.type_of(item.variable, item.name)
        return "id" if kind == "UBIGINT" else "number" if _NUMBER.search(kind) else kind
    if isinstance(item, Literal):
        return {int: "id", float: "number", str: "VARCHAR"}.get(type(item.value), "id")
    return "id" if isinstance(item, ElementId) else ""


def _part(node: Part, sql: Callable[[Expression], str]) -> str:
    operand, key = sql(node.operand), sql(node.key)
    if isinstance(node.key, Literal):
        if isinstance(node.key.value, str) and not node.json:
            return f"({operand})[{_text(node.key.value)}]"
        if isinstance(node.key.value, int) and not node.json:
            return f"list_extract({operand}, {node.key.value + (node.key.value >= 0)})"
    if not node.json:
        return f"list_extract({operand}, CASE WHEN {key} >= 0 THEN {key} + 1 ELSE {key} END)"
    # A text in quotes is a key, whatever is in it; without, DuckDB takes some for paths.
    entry = f"json_extract({operand}, '$.\"' || CAST({key} AS VARCHAR) || '\"')"
    item = f"json_extract({operand}, TRY_CAST({key} AS BIGINT))"
    return f"(CASE json_type({operand}) WHEN 'ARRAY' THEN {item} ELSE {entry} END)"


def _text(value: str) -> str:
    """A text as a SQL constant."""
    return "'" + value.replace("'", "''") + "'"


def _over_list(node: EachIn | Reduced, sql: Callable[[Expression], str], names: Names, values: Values) -> str:
    source = sql(node.source)
    if isinstance(node, Reduced):
        inner = names.inside(node.accumulator, node.variable)
        arguments = f"{quote(node.accumulator)}, {quote(node.variable)}"
        return f"list_reduce({source}, lambda {arguments}: {write(node.value, inner, values)}, {sql(node.initial)})"
    inner, item = names.inside(node.variable), quote(node.variable)
    if node.kept is not None:
        source = f"list_filter({source}, lambda {item}: {write(node.kept, inner, values)})"
    if node.value is not None:
        source = f"list_transform({source}, lambda {item}: {write(node.value, inner, values)})"
    return source


def literal(value: Any, values: Values) -> str:
    """A constant: numbers and truth values as themselves, texts and lists bound."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        return f"CAST({values.constant(value)} AS DOUBLE)"
    if isinstance(value, tuple) and all(type(item) in (int, bool) for item in value):
        return f"[{', '.join(literal(item, values) for item in value)}]"
    return values.constant(value)


def _operation(node: Operation, sql: Callable[[Expression], str], values: Values, names: Names) -> str:
    operator = node.operator
    if operator == "IN":
        return _membership(node, sql, values, names)
    parts = [sql(operand) for operand in node.operands]
    match operator:
        case "AND" | "OR":
            return "(" + f" {operator} ".join(parts) + ")"
        case "NOT":
            return f"(NOT {parts[0]})"
        case "XOR":
            return f"((CAST({parts[0]} AS BOOLEAN)) <> (CAST({parts[1]} AS BOOLEAN)))"
        case "IS NULL" | "IS NOT NULL":
            return f"({parts[0]} {operator})"
        case "NEGATE":
            return f"(- {parts[0]})"
        case "IN LIST" if names.in_lambda:
            return _contained(*parts)
        case "IN LIST":
            return f"({parts[0]} IN (SELECT unnest({parts[1]})))"
        case "STARTS WITH" | "ENDS WITH" | "CONTAINS" | "MATCHES":
            return f"{_TEXT_CALLS[operator]}({parts[0]}, {parts[1]})"
    return f"({parts[0]} {operator} {parts[1]})"


def _contained(item: str, options: str) -> str:
    """IN without a subquery: unknown where the item is, and where it is none of a list that holds unknowns."""
    cases = (
        (f"{options} IS NULL", "NULL"),
        (f"len({options}) = 0", "FALSE"),
        (f"{item} IS NULL", "NULL"),
        (f"list_contains({options}, {item})", "TRUE"),
        (f"list_count({options}) < len({options})", "NULL"),
    )
    return f"(CASE {' '.join(f'WHEN {when} THEN {then}' for when, then in cases)} ELSE FALSE END)"


def _membership(node: Operation, sql: Callable[[Expression], str], values: Values, names: Names) -> str:
    item, options = node.operands[0], node.operands[1:]
    constants = [option.value for option in options if isinstance(option, Literal)]
    if not names.in_lambda and len(options) > _FEW and len(constants) == len(options) and None not in constants:
        kinds = {type(value) for value in constants}
        if kinds <= {int} or kinds <= {str}:
            return f"({sql(item)} IN (SELECT unnest({literal(tuple(constants), values)})))"
    return f"({sql(item)} IN ({', '.join(map(sql, options))}))"


def _whole_part(node: Expression, argument: str, names: Names, values: Values) -> str:
    """Floats by themselves, anything else by its digits, so that an id of 64 bits stays what it is."""
    kind = _kind(node, names, values)
    if kind in _INTEGERS:
        return argument
    of_float = f"TRY_CAST(trunc(TRY_CAST({argument} AS DOUBLE)) AS HUGEINT)"
    of_digits = f"TRY_CAST(trunc(TRY_CAST(CAST({argument} AS VARCHAR) AS DECIMAL(38, 10))) AS HUGEINT)"
    if kind in ("DOUBLE", "FLOAT"):
        return of_float
    if kind == "VARCHAR":
        return of_digits
    return f"(CASE WHEN typeof({argument}) IN ('DOUBLE', 'FLOAT') THEN {of_float} ELSE {of_digits} END)"


def _kind(node: Expression, names: Names, values: Values) -> str:
    """The DuckDB type of an expression where it is plain to see, "" elsewhere."""
    match node:
        case Property(variable=variable, name=name):
            return names.type_of(variable, name)
        case Cast(type=kind):
            return kind
        case Literal(value=value):
            return _PLAIN_KINDS.get(type(value), "")
        case Parameter(name=name):
            return values.kind(name)
        case Operation(operator="/"):
            return "DOUBLE"
    return ""


_PLAIN_KINDS: dict[type, str] = {str: "VARCHAR", float: "DOUBLE", int: "BIGINT"}


def _call(node: Call, sql: Callable[[Expression], str], names: Names, values: Values) -> str:
    if node.function == WHOLE_PART:
        return _whole_part(node.arguments[0], sql(node.arguments[0]), names, values)
    if node.function not in AGGREGATES:
        # Parts of DuckDB's grammar that look like functions are known unquoted only.
        name = node.function if node.function in _SYNTAX else quote(node.function)
        return f"{name}({', '.join(map(sql, node.arguments))})"
    if node.function == "count" and not node.arguments:
        return "count(*)"
    if len(node.arguments) != 1:
        at = node.at
        raise UnsupportedError(f"{node.function}() wants one argument", position=at.start if at else 0)
    argument = node.arguments[0]
    inner = f"{_FUNCTIONS.get(node.function, node.function)}({'DISTINCT ' if node.distinct else ''}{sql(argument)})"
    if node.function == "list":
        if names.order and not node.distinct:
            inner = f"{inner.removesuffix(')')} ORDER BY {names.order})"
        return f"coalesce({inner} FILTER (WHERE {sql(argument)} IS NOT NULL), [])"
    if node.function == "sum":
        whole = isinstance(argument, Property) and names.type_of(argument.variable, argument.name) in _INTEGERS
        return f"CAST({inner} AS {'BIGINT' if whole else 'DOUBLE'})"
    if node.function in ("avg", "stddev", "median"):
        return f"CAST({inner} AS DOUBLE)"
    return inner

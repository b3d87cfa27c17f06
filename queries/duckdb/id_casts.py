"""Where a bound question would turn an id into a float, by the plan that DuckDB gives of it.

An id is an unsigned 64-bit whole number (UBIGINT), wherever it comes from. Nothing is run.

Tests: tests/queries/duckdb/test_exact_ids.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from queries.ir.identifiers import quote
from queries.sql.tokens import Token, tokens

ID = "UBIGINT"
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_LONG = frozenset({"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL"})
_MEMBERSHIP = re.compile(r"(?:list|array)_(?:contains|has|has_any|has_all|position|indexof)$|contains$")
_MIXING = frozenset({"list_value", "greatest", "least", "list_concat", "list_append", "list_prepend"})
_KEPT = 100
"""So many questions are remembered."""
_NO_IDS = frozenset({"hash", "md5_number_lower", "md5_number_upper"})
"""Functions whose unsigned numbers are no ids."""
_MET = "an id meets a decimal number (a float) here; a float cannot hold a 64-bit id, so other ids would pass for it"
WHOLE = (
    "Write the id as a whole number, and pass it as int or as text of its digits "
    "(pandas: read the column as 'uint64' or 'Int64')."
)
_APART = "Return them in separate columns, or the id as text."
_MIXED = "ids and decimal numbers (floats) become one list or value here, which rounds the ids"
_TEXT = "an id is compared with the text {value!r}, which is no whole number"


@dataclass(frozen=True)
class FloatComparison:
    """What is wrong, and where in the SQL: start and length in characters."""

    said: str
    start: int
    length: int

    @property
    def hint(self) -> str:
        return _APART if self.said == _MIXED else WHOLE


def first_float_comparison(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, Any], known: dict[Any, Any]
) -> FloatComparison | None:
    """The first place where a SELECT compares or mixes an id with a float; None where there is none.

    Args:
        bound: values of the parameters in ``sql``; only their types count, and of texts what they say.
        known: what was found before, which holds as long as the tables do.

    Statements that DuckDB gives no plan of (over relations in this process) are read with such relations as empty.
    """
    written, places = _without_parameters(connection, sql, bound)
    kept: dict[str, FloatComparison | None] = known.setdefault("meetings", {})
    if written not in kept:
        if len(kept) >= _KEPT:
            kept.clear()
        kept[written] = _met(connection, written, places)
    return kept[written]


def _met(connection: duckdb.DuckDBPyConnection, written: str, places: list[tuple[int, int]]) -> FloatComparison | None:
    tree = _plan(connection, written)
    if tree.get("error"):
        with_empty = f"{_empty_relations(connection, written)}SELECT * FROM (\n"
        places = [(0, len(with_empty)), *((place + len(with_empty), added) for place, added in places)]
        tree = _plan(connection, f"{with_empty}{written.rstrip().removesuffix(';')}\n)")
    fault = _Reading(tree).first()
    if fault is None:
        return None
    message, start, length = fault
    return FloatComparison(message, _origin(start, places), length)


def _plan(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    asked = "SELECT json_serialize_plan($sql, skip_null := true, skip_empty := true, skip_default := true)"
    try:
        tree: dict[str, Any] = json.loads(connection.execute(asked, {"sql": sql}).fetchall()[0][0])
    except duckdb.Error:
        return {"error": True}
    return tree


# -- the SQL --


def _without_parameters(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, Any]
) -> tuple[str, list[tuple[int, int]]]:
    """The SQL with its type said of each parameter, and (place, added length) of each."""
    parameters = [token for token in tokens(sql) if token.kind == "parameter" and token.text[1:] in bound]
    standing = _typed(connection, {token.text[1:]: bound[token.text[1:]] for token in parameters})
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    for token in parameters:
        new = standing[token.text[1:]]
        parts += [sql[at : token.start], new]
        places.append((token.start + sum(added for _, added in places), len(new) - len(token.text)))
        at = token.end
    return "".join([*parts, sql[at:]]), places


def _typed(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> dict[str, str]:
    standing: dict[str, str] = {}
    unknown: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, duckdb.Value):  # a list of ids, see sql_values.plain
            standing[name] = f"CAST(${name} AS {ID}[])"
        elif isinstance(value, str):
            standing[name] = "'" + value.replace("'", "''") + "'"
        elif type(value) is float:
            standing[name] = f"CAST(${name} AS DOUBLE)"
        else:
            unknown[name] = value
    if unknown:
        kinds = ", ".join(f"typeof(${name})" for name in unknown)
        row = connection.execute("SELECT " + kinds, unknown).fetchall()[0]
        for name, kind in zip(unknown, row, strict=True):
            standing[name] = "NULL" if kind == '"NULL"' else f"CAST(${name} AS {kind})"
    return standing


def _origin(position: int, places: list[tuple[int, int]]) -> int:
    """Where a character stood before places in front of it grew."""
    return position - sum(added for place, added in places if place < position)


def _empty_relations(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """``WITH name AS (...)`` for every relation of this process that the SQL names."""
    words = {_bare(token).lower() for token in tokens(sql) if token.kind in ("word", "quoted")}
    rows = connection.execute("SELECT view_name FROM duckdb_views() WHERE temporary").fetchall()
    parts = []
    for (name,) in rows:
        if str(name).lower() in words:
            columns = connection.execute(f"DESCRIBE {quote(str(name))}").fetchall()
            outputs = ", ".join(f"CAST(NULL AS {kind}) AS {quote(str(column))}" for column, kind, *_ in columns)
            parts.append(f"{quote(str(name))} AS (SELECT {outputs})")
    return f"WITH {', '.join(parts)} " if parts else ""


def _bare(token: Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text


# -- the plan --


class _Reading:
    """Looks at each comparison of a plan; names of columns that came from a lossy cast are remembered."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.nodes = list(_dicts(tree.get("plans", [])))
        self.rounded: set[str] = set()
        """Columns that hold ids as floats."""
        self.floated: set[str] = set()
        """Columns of whole numbers that were floats before."""
        for _ in range(4):  # a column of a column of a column
            before = len(self.rounded) + len(self.floated)
            for node in self.nodes:
                alias = node.get("alias")
                if alias and node.get("expression_class") not in (None, "BOUND_REF", "BOUND_COLUMN_REF"):
                    inside = list(_outside_comparisons(node))
                    if any(map(self._rounds, inside)):
                        self.rounded.add(alias)
                    if any(map(self._floats, inside)):
                        self.floated.add(alias)
            if len(self.rounded) + len(self.floated) == before:
                break

    def first(self) -> tuple[str, int, int] | None:
        faults = [place for node in self.nodes for place in self._faults(node)]
        return min(faults, key=lambda place: place[1], default=None)

    def _faults(self, node: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
        if _is_comparison(node):
            message = self._met(_sides(node))
            if message:
                yield message, *_place(node)
        elif _mixes(node) and any(self._rounds(part) and _is_cast(part) for part in _sides(node)):
            yield _MIXED, *_place(node)
        elif node.get("type") == "LOGICAL_UNION":
            for part in (e for side in node.get("children", ()) for e in side.get("expressions", ())):
                if _is_cast(part) and self._rounds(part):
                    yield _MIXED, *_place(part)

    def _met(self, sides: list[dict[str, Any]]) -> str | None:
        inside = [list(_outside_comparisons(side)) for side in sides]
        if any(self._rounds(node) for side in inside for node in side):
            return _MET
        for number, side in enumerate(inside):
            if not any(_type(node) == ID and _is_id(node) for node in side):
                continue
            for other, nodes in enumerate(inside):
                if other != number and any(map(self._floats, nodes)):
                    return _MET
                for node in nodes:
                    text = _text_as_id(node)
                    if text is not None:
                        return _TEXT.format(value=text[:40])
        return None

    def _rounds(self, node: dict[str, Any]) -> bool:
        """An id becomes a float here, or did where this column was made."""
        if _is_reference(node):
            return node.get("alias") in self.rounded and bool(_FLOATS & set(_leaves(node.get("return_type"))))
        if not _is_cast(node):
            return False
        before, after = _leaves(node["arguments"][0]), _leaves(node.get("return_type"))
        return any(a == ID and b in _FLOATS for a, b in zip(before, after, strict=False)) and _is_id(_child(node))

    def _floats(self, node: dict[str, Any]) -> bool:
        """A float becomes a long whole number here, or did where this column was made."""
        if _is_reference(node):
            return node.get("alias") in self.floated and _type(node) in _LONG
        if not _is_cast(node):
            return False
        before, after = _leaves(node["arguments"][0]), _leaves(node.get("return_type"))
        return any(a in _FLOATS and b in _LONG for a, b in zip(before, after, strict=False))


def _dicts(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _outside_comparisons(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A tree without what its comparisons compare, which is looked at for itself."""
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            yield item
            if item is node or not _is_comparison(item):
                stack.extend(item.values())


def _is_comparison(node: dict[str, Any]) -> bool:
    if "left" in node and "right" in node and "comparison" in node:
        return True  # of a join
    kind = str(node.get("type", ""))
    return kind.startswith("COMPARE_") or (kind == "BOUND_FUNCTION" and bool(_MEMBERSHIP.fullmatch(_name(node))))


def _mixes(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    return kind in ("OPERATOR_COALESCE", "CASE_EXPR") or (kind == "BOUND_FUNCTION" and _name(node) in _MIXING)


def _sides(node: dict[str, Any]) -> list[dict[str, Any]]:
    if "left" in node:
        return [node["left"], node["right"]]
    if "case_checks" in node:
        return [*(check["then_expr"] for check in node["case_checks"]), node["else_expr"]]
    return list(node.get("children", []))


def _place(node: dict[str, Any]) -> tuple[int, int]:
    for part in (node, *(_sides(node))):
        start = int(part.get("query_location", 2**64))
        if start < 2**32:
            return start, int(part.get("query_location_length", 1))
    return 0, 1


def _name(node: dict[str, Any]) -> str:
    path = node.get("qname", {}).get("path", [""])
    return str(path[-1])


def _is_cast(node: dict[str, Any]) -> bool:
    return node.get("type") == "OPERATOR_CAST" and bool(node.get("arguments"))


def _is_reference(node: dict[str, Any]) -> bool:
    return node.get("expression_class") in ("BOUND_REF", "BOUND_COLUMN_REF")


def _child(node: dict[str, Any]) -> dict[str, Any]:
    children = node.get("children") or [{}]
    child: dict[str, Any] = children[0]
    return child


def _is_id(node: dict[str, Any]) -> bool:
    return _name(node) not in _NO_IDS


def _type(node: dict[str, Any]) -> str:
    return str((node.get("return_type") or {}).get("id", ""))


def _text_as_id(node: dict[str, Any]) -> str | None:
    """A text that DuckDB would read as an id though it is no whole number: '7.4' would be 7."""
    if not (_is_cast(node) and _type(node) == ID):
        return None
    value = _child(node).get("value")
    text = value.get("value") if isinstance(value, dict) and not value.get("is_null") else None
    return text if isinstance(text, str) and not (text.isascii() and text.strip().isdigit()) else None


def _leaves(kind: Any) -> list[str]:
    """The plain types within a type, in order."""
    if not isinstance(kind, dict):
        return []
    info = kind.get("type_info") or {}
    if "child_type" in info:
        return _leaves(info["child_type"])
    if "child_types" in info:
        return [leaf for child in info["child_types"] for leaf in _leaves(child.get("second"))]
    return [str(kind.get("id", ""))]

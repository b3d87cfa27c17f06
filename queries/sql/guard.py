"""Let one reading SELECT through and nothing else: no writes, files, settings or extensions.

DuckDB's own parser makes the tree that is looked at. The handed connection is locked as well
(``enable_external_access=false``), so this check is about saying clearly what is wrong, early.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

import duckdb

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.sql.tokens import tokens

TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"}
    | {"duckdb_columns", "duckdb_tables", "duckdb_views", "duckdb_functions", "duckdb_types"}
)
REFUSED_FUNCTIONS = frozenset(
    {
        "nextval",
        "currval",
        "setseed",
        "pg_sleep",
        "sleep_ms",
        "current_setting",
        "getenv",
        "getvariable",
        "write_log",
        "parse_duckdb_log_message",
        "query",
        "query_table",
    }
    | {"read_text", "read_blob", "read_csv", "read_csv_auto", "read_json", "read_parquet", "glob"}
)
SYNTAX = frozenset({"coalesce", "nullif", "ifnull", "if"})
"""Parts of DuckDB's grammar that look like functions."""
_FINE: dict[tuple[str, frozenset[str]], None] = {}
"""Statements that were let through and name relations of ours alone, so that no connection can say otherwise."""
_MOST_KEPT, _LONGEST_KEPT = 256, 4_000
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_READ_ONLY = "a query only reads the graph; data come in with `graphlab ingest`, results go out with `-o FILE`"


def check(
    sql: str,
    connection: duckdb.DuckDBPyConnection,
    own: Collection[str] = (),
    suggested: Callable[[], Collection[str]] | None = None,
    tick: Callable[[], None] = lambda: None,
    provide: Callable[[str], None] = lambda name: None,
) -> None:
    """Refuse what is not one SELECT over known relations.

    Args:
        sql: the statement, as the user wrote it but for GRAPH_TABLE, which stands as a name of ``own``.
        own: names we put in ourselves.
        suggested: gives the names to suggest for an unknown one; those that the connection knows when None.
        tick: called now and then during the work on a long text; may raise.
        provide: told of every relation that the statement names, before the connection is asked what it knows.

    Raises:
        ParseError: not SQL, an unknown table (with the nearest known), a file or a function that reads one.
        UnsupportedError: a statement that writes or changes settings, or several statements.
    """
    key = (sql, frozenset(own))
    if key in _FINE:
        return
    _one_statement(sql)
    tick()
    row = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()[0]
    tick()
    tree = json.loads(row[0])
    tick()
    if tree["error"]:
        _refuse_unparsed(sql, tree)
    named = {
        _name(node)
        for node, ctes in _ticking(tree, tick)
        if node.get("type") == "BASE_TABLE" and _name(node) not in ctes
    }
    for name in named:
        provide(name)
    relations = known_relations(connection)
    tables = frozenset({name.lower() for name in own} | set(relations))
    for node, ctes in _ticking(tree, tick):
        _check_node(sql, node, tables, ctes, suggested or (lambda: relations))
    if len(sql) <= _LONGEST_KEPT and named <= {name.lower() for name in own}:
        while len(_FINE) >= _MOST_KEPT:
            _FINE.pop(next(iter(_FINE)), None)
        _FINE[key] = None


def _ticking(tree: dict[str, Any], tick: Callable[[], None]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    for number, found in enumerate(_scoped(tree["statements"])):
        if number % 4096 == 0:
            tick()
        yield found


def _name(node: dict[str, Any]) -> str:
    """What a BASE_TABLE is called, lower case, without its schema."""
    return str(node["qualified_name"]["path"][-1]).lower()


def known_relations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views that SQL may name, lower case, sorted.

    Asked anew each time (about a millisecond): what is registered differs from one question to the next.
    """
    rows = connection.execute(
        "SELECT lower(table_name) FROM duckdb_tables() WHERE schema_name = 'main' UNION "
        "SELECT lower(view_name) FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def check_function(
    name: str, connection: duckdb.DuckDBPyConnection, cache: dict[Any, Any], text: str, position: int, length: int
) -> None:
    """Refuse a function inside a pattern that is no scalar function of DuckDB, or one that does more than compute.

    Raises:
        ParseError: with the nearest names.
    """
    if "scalar functions" not in cache:
        rows = connection.execute(
            "SELECT DISTINCT function_name, function_type FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'macro', 'aggregate', 'table')"
        ).fetchall()
        cache["scalar functions"] = {str(n) for n, kind in rows if kind in ("scalar", "macro")} | SYNTAX
        cache["other functions"] = {str(n): str(kind) for n, kind in rows if kind in ("aggregate", "table")}
    known: set[str] = cache["scalar functions"]
    if name in REFUSED_FUNCTIONS or name.startswith("pragma_"):
        raise ParseError(f"{name}() is refused: {_READ_ONLY}", text, position, length)
    if name in known and name != "unnest":
        return
    other = "table" if name == "unnest" else cache["other functions"].get(name)
    if other is not None:
        raise UnsupportedError(
            f"{name}() is {'an' if other == 'aggregate' else 'a'} {other} function, which is not read in a pattern",
            text, position, length, hint="Use it in the SQL around GRAPH_TABLE, over the pattern's columns.",
        )  # fmt: skip
    raise ParseError(
        f"there is no function {name!r}{did_you_mean(name, known - REFUSED_FUNCTIONS)}", text, position, length
    )


def _one_statement(sql: str) -> None:
    all_tokens = tokens(sql)
    if all(token.text == ";" for token in all_tokens):
        raise ParseError("the query is empty")
    for index, token in enumerate(all_tokens):
        if token.text == ";" and index + 1 < len(all_tokens):
            raise UnsupportedError(
                "found a second statement", sql, all_tokens[index + 1].start, hint="Ask one question at a time."
            )
    for token in all_tokens:
        if token.kind == "symbol" and token.text == "?":
            raise UnsupportedError(
                "found a parameter without a name", sql, token.start, hint="Write $name and pass {'name': value}."
            )


def _refuse_unparsed(sql: str, tree: dict[str, Any]) -> None:
    first = tokens(sql)[0]
    if tree.get("error_type") == "not implemented":
        if first.is_word("PIVOT", "UNPIVOT"):
            raise UnsupportedError(
                "found a PIVOT statement", sql, first.start, len(first.text),
                hint="Name the values, and write it inside: FROM (PIVOT t ON column IN ('a', 'b') USING sum(x))",
            )  # fmt: skip
        raise UnsupportedError(f"{first.text.upper()} is refused: {_READ_ONLY}", sql, first.start, len(first.text))
    message = str(tree["error_message"])
    if "depth limit" in message:
        raise ParseError("the query nests too deeply", sql, first.start, len(first.text))
    start, end = _location(tree)
    raise ParseError(message, sql, start, end - start)


def _location(tree: dict[str, Any]) -> tuple[int, int]:
    try:
        start, end = json.loads(tree["location"])
        return int(start), int(end)
    except (KeyError, ValueError, TypeError):
        at = int(tree.get("position") or 0)
        return at, at + 1


def _scoped(tree: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every object of the tree with the names of the CTEs that may be read there, lower case.

    A CTE sees those before it and those of the queries around it; only a recursive one sees itself.
    """
    stack: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        item, scope = stack.pop()
        if isinstance(item, dict):
            inside = item.get("cte_map")
            for entry in inside["map"] if isinstance(inside, dict) else ():
                name = frozenset({str(entry["key"]).lower()})
                recursive = entry["value"]["query_node"]["type"] == "RECURSIVE_CTE_NODE"
                stack.append((entry["value"], scope | name if recursive else scope))
                scope |= name
            yield item, scope
            stack.extend((value, scope) for key, value in item.items() if key != "cte_map")
        elif isinstance(item, list):
            stack.extend((value, scope) for value in item)


def _check_node(
    sql: str,
    node: dict[str, Any],
    tables: frozenset[str],
    ctes: frozenset[str],
    suggested: Callable[[], Collection[str]],
) -> None:
    kind = node.get("type")
    if not isinstance(kind, str):
        return
    if kind.endswith("_NODE") and kind not in _NODES:
        verb = kind.split("_", 1)[0]
        at = next((t for t in tokens(sql) if t.is_word(verb)), None)
        raise UnsupportedError(f"{verb} is refused: {_READ_ONLY}", sql, at.start if at else 0, len(verb) if at else 1)
    if kind == "BASE_TABLE":
        _check_table(sql, node, tables, ctes, suggested)
    elif kind == "TABLE_FUNCTION":
        _check_function(sql, node["function"], TABLE_FUNCTIONS, node)
    elif kind == "FUNCTION" and str(node.get("function_name", "")).lower() in REFUSED_FUNCTIONS:
        _check_function(sql, node, frozenset(), node)
    elif kind == "SHOW_REF" and str(node.get("table_name", "")).strip('"') not in (
        "",
        "tables",
        "__show_tables_expanded",
    ):
        raise UnsupportedError("found a SHOW that is no table list", sql, 0, hint="Write SHOW TABLES.")


def _check_table(
    sql: str,
    node: dict[str, Any],
    tables: frozenset[str],
    ctes: frozenset[str],
    suggested: Callable[[], Collection[str]],
) -> None:
    path = [str(part) for part in node["qualified_name"]["path"]]
    name = path[-1]
    schema = path[0].lower() if len(path) > 1 else ""
    known = tables | ctes if schema == "" else tables if schema in ("main", "temp") else frozenset()
    if schema == "information_schema" or name.lower() in known:
        return
    at, length = int(node["query_location"]), int(node["query_location_length"])
    at = at if at <= len(sql) else sql.find(name)
    if any(mark in name for mark in "./\\*:"):
        raise ParseError(f"{name!r} looks like a file, and files are not read here: {_READ_ONLY}", sql, at, length)
    there = suggested()
    if schema == "" and name.lower() in there:
        raise ParseError(f"this graph has no {name.lower()} yet; ingest some first", sql, at, length)
    raise ParseError(f"there is no table {'.'.join(path)!r}{did_you_mean(name, there)}", sql, at, length)


def _check_function(sql: str, function: dict[str, Any], allowed: Collection[str], where: dict[str, Any]) -> None:
    name = str(function["function_name"]).lower()
    if name in allowed:
        return
    at, length = int(where["query_location"]), int(where["query_location_length"])
    raise ParseError(
        f"{name}() is refused: {_READ_ONLY}"
        if name in REFUSED_FUNCTIONS or name.startswith(("read_", "sniff_", "parquet_", "pragma_"))
        else f"there is no table function {name}() for queries{did_you_mean(name, TABLE_FUNCTIONS)}",
        sql,
        at if at <= len(sql) else 0,
        length,
    )

"""CREATE PROPERTY GRAPH: the statement as a PropertyGraph."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Token, Transformer

from ingest.schema.errors import ParseError, SchemaError
from queries.ir.property_graph import EdgeTable, PropertyGraph, VertexTable
from queries.languages.grammar import Fault, Grammar
from queries.sql.tokens import tokens

# Not by tokens: a text in another language may have quotes that SQL takes for open strings.
_DEFINITION = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*CREATE\s+(?:OR\s+REPLACE\s+)?PROPERTY\s+GRAPH\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Definition:
    """What a CREATE PROPERTY GRAPH statement says."""

    graph: PropertyGraph
    replace: bool
    """OR REPLACE."""
    unless: bool
    """IF NOT EXISTS."""


def is_definition(text: str) -> bool:
    """Whether a text begins as CREATE [OR REPLACE] PROPERTY GRAPH."""
    return _DEFINITION.match(text) is not None


def parse_property_graph(text: str) -> PropertyGraph:
    """The graph of a CREATE PROPERTY GRAPH statement; see parse_definition()."""
    return parse_definition(text).graph


def parse_definition(text: str) -> Definition:
    """A CREATE PROPERTY GRAPH statement; tables and views may be vertices and edges.

    Raises:
        ParseError: with line, column and the place underlined.
        SchemaError: tables that do not fit together.
    """
    kept, at = [], 0
    for token in tokens(text):
        kept += [" " * (token.start - at), token.text]
        at = token.end
    try:
        options, name, vertices, edges = _grammar().parse("".join(kept))
    except Fault as fault:
        raise fault.error(text, len(text) if fault.at_end else None) from None
    called = {str(v["alias"]).lower(): v["table"] for v in vertices if "alias" in v}
    for edge in edges:
        for end in (edge["source"], edge["target"]):
            meant = called.get(end["table"].lower())
            if meant is not None:
                end["table"] = end["table"].update(value=str(meant))
            if end["table"].lower() not in {str(v["table"]).lower() for v in vertices}:
                raise ParseError(
                    f"{edge['table']} refers to {end['table']}, which is not among the vertex tables",
                    text, end["table"].start_pos or 0, len(end["table"]),
                )  # fmt: skip
    keys = {str(v["table"]).lower(): v.get("key") or _key_from_edges(text, v, edges) for v in vertices}
    graph = PropertyGraph(
        str(name),
        tuple(
            VertexTable(
                str(v["table"]),
                keys[str(v["table"]).lower()],
                _labels(v),
                v.get("properties"),
                v.get("aliases", ()),
                v.get("only", ()),
            )
            for v in vertices
        ),
        tuple(_edge_table(e, keys) for e in edges),
    )
    return Definition(graph, "replace" in options, "unless" in options)


def _labels(item: dict[str, Any]) -> tuple[str, ...]:
    return tuple(item.get("labels") or (str(item.get("alias", item["table"])),))


def _edge_table(edge: dict[str, Any], keys: dict[str, str]) -> EdgeTable:
    for end in (edge["source"], edge["target"]):
        key = keys[end["table"].lower()]
        if end["column"] is not None and end["column"].lower() != key.lower():
            raise SchemaError(
                f"{edge['table']} refers to {end['table']} ({end['column']}), whose key is {key}; "
                f"write KEY ({end['column']}) after the vertex table, or refer to {key}"
            )
    return EdgeTable(
        str(edge["table"]),
        edge["source"]["key"],
        str(edge["source"]["table"]),
        edge["target"]["key"],
        str(edge["target"]["table"]),
        _labels(edge),
        edge.get("key") or (),
        edge.get("properties"),
        edge.get("aliases", ()),
        edge.get("only", ()),
    )


def _key_from_edges(text: str, vertex: dict[str, Any], edges: list[dict[str, Any]]) -> str:
    """A vertex table without KEY has the key that edges refer to; ours have root_id."""
    name = str(vertex["table"]).lower()
    referred = {
        end["column"].lower(): end["column"]
        for edge in edges
        for end in (edge["source"], edge["target"])
        if end["table"].lower() == name and end["column"] is not None
    }
    if len(referred) == 1:
        return str(next(iter(referred.values())))
    if not referred and name == "neurons":
        return "root_id"
    raise ParseError(
        f"the key of {vertex['table']} is not said", text, vertex["table"].start_pos or 0, len(vertex["table"]),
        hint=f"Write {vertex['table']} KEY (column).",
    )  # fmt: skip


@lru_cache(maxsize=1)
def _grammar() -> Grammar:
    source = (files("queries.languages.sql_pgq") / "property_graph.lark").read_text(encoding="utf-8")
    names = {
        "NAME": "a name",
        "QUOTED": "a quoted name",
        "LPAR": "(",
        "RPAR": ")",
        "COMMA": ",",
        "EQUAL": "=",
        "STRING": "a string",
    }
    return Grammar(source, "statement", _Trees(), names)


class _Trees(Transformer[Any, Any]):
    """One method a rule of ``property_graph.lark``."""

    def statement(self, parts: list[Any]) -> tuple[set[str], Token, list[dict[str, Any]], list[dict[str, Any]]]:
        options = {part for part in parts if isinstance(part, str) and not isinstance(part, Token)}
        name: Token = next(part for part in parts if isinstance(part, Token))
        vertices, *edges = (part for part in parts if isinstance(part, list))
        return options, name, vertices, edges[0] if edges else []

    def replace(self, parts: list[Any]) -> str:
        return "replace"

    def unless(self, parts: list[Any]) -> str:
        return "unless"

    def alias(self, parts: list[Any]) -> dict[str, Any]:
        return {"alias": parts[0]}

    def only(self, parts: list[Any]) -> dict[str, Any]:
        return {"only": tuple(parts)}

    def same(self, parts: list[Any]) -> tuple[str, str]:
        return str(parts[0]), str(parts[1])[1:-1].replace("''", "'")

    def property(self, parts: list[Any]) -> tuple[str, str]:
        return str(parts[-1]), str(parts[0])

    def vertex_tables(self, parts: list[Any]) -> list[dict[str, Any]]:
        return list(parts)

    edge_tables = vertex_tables

    def vertex_table(self, parts: list[Any]) -> dict[str, Any]:
        item: dict[str, Any] = {"table": parts[0]}
        for part in parts[1:]:
            item.update(part)
        if isinstance(item.get("key"), tuple):
            if len(item["key"]) != 1:
                raise Fault("a vertex has a key of one column", parts[0].start_pos, len(parts[0]))
            item["key"] = item["key"][0]
        return item

    def edge_table(self, parts: list[Any]) -> dict[str, Any]:
        item: dict[str, Any] = {"table": parts[0]}
        for part in parts[1:]:
            item.update(part)
        return item

    def key(self, parts: list[Any]) -> dict[str, Any]:
        return {"key": tuple(str(part) for part in parts)}

    def source(self, parts: list[Any]) -> dict[str, Any]:
        return {"source": _end(parts)}

    def target(self, parts: list[Any]) -> dict[str, Any]:
        return {"target": _end(parts)}

    def label(self, parts: list[Any]) -> dict[str, Any]:
        return {"labels": tuple(str(part) for part in parts)}

    def columns(self, parts: list[Any]) -> dict[str, Any]:
        aliases = tuple((name, column) for name, column in parts if name != column)
        return {"properties": tuple(column for _, column in parts), "aliases": aliases}

    def no_columns(self, parts: list[Any]) -> dict[str, Any]:
        return {"properties": ()}

    def all_columns(self, parts: list[Any]) -> dict[str, Any]:
        return {"properties": None}

    def name(self, parts: list[Any]) -> Token:
        token: Token = parts[0]
        return token.update(value=str(token)[1:-1].replace('""', '"')) if token.type == "QUOTED" else token


def _end(parts: list[Any]) -> dict[str, Any]:
    key, table, *column = parts
    return {"key": str(key), "table": table, "column": str(column[0]) if column else None}

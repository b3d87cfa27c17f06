"""Whether the tables and columns that a property graph names are there, before it is kept.

Tests: tests/queries/planning/test_keys.py.
"""

from __future__ import annotations

import re

from ingest.schema.errors import ParseError, did_you_mean
from queries.ir.property_graph import EdgeTable, PropertyGraph, VertexTable
from queries.planning.columns import columns_of
from queries.planning.keys import check_unique
from queries.source import Source
from queries.sql.guard import known_relations


def check_tables(graph: PropertyGraph, source: Source, text: str = "") -> None:
    """Refuse a property graph over what this source does not have.

    Args:
        text: the definition, for messages.

    Raises:
        ParseError: a table, a key or a property that is not there, with the nearest that is.
        SchemaError: a key that several rows have.
    """
    tables: list[VertexTable | EdgeTable] = [*graph.vertex_tables, *graph.edge_tables]
    for table in tables:
        source.provide(table.table)
        known = known_relations(source.connection)
        if table.table.lower() not in known:
            suggested = known if source.suggested is None else source.suggested()
            raise _fault(f"there is no table {table.table!r}{did_you_mean(table.table, suggested)}", table.table, text)
        columns = list(columns_of(source, table.table))
        lower = {column.lower() for column in columns}
        for wanted in _columns(table):
            if wanted.lower() not in lower:
                raise _fault(f"{table.table} has no column {wanted!r}{did_you_mean(wanted, columns)}", wanted, text)
        check_unique(table, source)


def _columns(table: VertexTable | EdgeTable) -> list[str]:
    keys = [table.key] if isinstance(table, VertexTable) else [table.source_key, table.target_key, *table.key]
    return [*keys, *(table.properties or ()), *(column for column, _ in table.only)]


def _fault(message: str, word: str, text: str) -> ParseError:
    match = re.search(rf"\b{re.escape(word)}\b", text)
    return ParseError(message, text, match.start() if match else 0, len(word))

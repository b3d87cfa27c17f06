"""Columns of tables, and which of two a name means that could be either.

Tests: tests/queries/planning/test_bind.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from ingest.schema.errors import SchemaError, did_you_mean
from queries.ir.identifiers import is_taken, quote
from queries.ir.property_graph import EdgeTable, VertexTable
from queries.source import Source


def columns_of(source: Source, table: str) -> dict[str, str]:
    """Column name -> DuckDB type of a table or view, in order; cached in the source.

    Raises:
        SchemaError: the table is not there, or a column has a name that generated SQL needs.
    """
    source.provide(table)
    key = ("columns", table.lower())
    if key not in source.cache:
        try:
            rows = source.connection.execute(f"DESCRIBE {quote(table)}").fetchall()
        except duckdb.CatalogException:
            raise SchemaError(f"a property graph refers to table {table!r}, which this graph does not have") from None
        types = {str(row[0]): str(row[1]) for row in rows}
        for name in filter(is_taken, types):
            raise SchemaError(
                f"{table} has a column {name!r}, a name that questions need for themselves; "
                "wanted another name, for example in a view of the table"
            )
        source.cache[key] = types
    columns: dict[str, str] = source.cache[key]
    return columns


def row_number(source: Source, table: str) -> tuple[str, ...]:
    """``("rowid",)`` for a base table, () for a view; cached in the source."""
    key = ("rowid", table.lower())
    if key not in source.cache:
        count = source.connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main' AND lower(table_name) = lower($name)",
            {"name": table},
        ).fetchall()[0]
        source.cache[key] = ("rowid",) if count[0] else ()
    rowid: tuple[str, ...] = source.cache[key]
    return rowid


def resolve_alias(source: Source, table: str, own: str, other: str) -> str | None:
    """Of a column of the name that was written and the column of which that name is another word, the one meant.

    None where both hold values and these differ: then the name alone does not tell. Cached in the source.
    """
    key = ("meant", table.lower(), own, other)
    if key not in source.cache:
        ours, theirs = f"CAST({quote(own)} AS VARCHAR)", f"CAST({quote(other)} AS VARCHAR)"
        sql = f"SELECT count({ours}), count({theirs}), count(*) FILTER (WHERE {ours} IS DISTINCT FROM {theirs})"
        known, other_known, differ = source.connection.execute(f"{sql} FROM {quote(table)}").fetchall()[0]
        source.cache[key] = None if known and other_known and differ else own if known else other
    chosen: str | None = source.cache[key]
    return chosen


def nearest_property(name: str, tables: tuple[VertexTable | EdgeTable, ...], visible: Mapping[str, str]) -> str:
    """The nearest property, by its column, its other name or as a computed one; otherwise the columns."""
    others = [
        n
        for table in tables
        for n in (*(a for a, _ in table.aliases), *(d.name for d in table.derived if d.listed or not d.yields))
    ]
    meant = did_you_mean(name, [*visible, *others])
    return meant if "did you mean" in meant else did_you_mean(name, visible)

"""Keys of a property graph: each tells one row from all others, or the graph is refused."""

from __future__ import annotations

from ingest.schema.errors import SchemaError
from queries.ir.identifiers import quote
from queries.ir.property_graph import EdgeTable, VertexTable
from queries.source import Source


def check_unique(table: VertexTable | EdgeTable, source: Source) -> None:
    """Refuse a table of which two rows have one key: every edge would come once for each copy of its ends.

    Rows without a key are no vertices, rows without an end no edges. What was found holds as long as the tables do
    (``source.cache``).

    Raises:
        SchemaError: with a key that several rows have.
    """
    columns = (table.key,) if isinstance(table, VertexTable) else table.key
    if not columns:
        return
    source.provide(table.table)
    asked = ("unique", table.table.lower(), columns, table.only)
    if asked not in source.cache:
        source.cache[asked] = _repeated(table, columns, source)
    repeated = source.cache[asked]
    if repeated is not None:
        shown = ", ".join(map(str, repeated[:-1]))
        raise SchemaError(
            f"the key of {table.table}, {', '.join(columns)}, is not unique: {repeated[-1]:,} rows have {shown}; "
            f"wanted columns that tell every row apart, or a view with one row each (SELECT DISTINCT ...)"
        )


def _repeated(table: VertexTable | EdgeTable, columns: tuple[str, ...], source: Source) -> tuple[object, ...] | None:
    names = ", ".join(map(quote, columns))
    conditions = [f"{quote(column)} = $only{i}" for i, (column, _) in enumerate(table.only)]
    # A row without its key is no vertex, one without an end no edge.
    told_by = (table.key,) if isinstance(table, VertexTable) else (table.source_key, table.target_key)
    conditions += [f"{quote(column)} IS NOT NULL" for column in told_by]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = f"{quote(table.table)}{where} GROUP BY {names} HAVING count(*) > 1"
    sql = f"SELECT {names}, count(*) FROM {grouped} ORDER BY {names} LIMIT 1"
    rows = source.connection.execute(sql, {f"only{i}": value for i, (_, value) in enumerate(table.only)}).fetchall()
    return tuple(rows[0]) if rows else None

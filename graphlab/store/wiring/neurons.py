"""Neurons into the graph: new ones appended, known ones completed, never a second row of one root_id."""

from __future__ import annotations

from graphlab.store.database import first_row, quote
from graphlab.store.incoming_rows import IncomingRows
from ingest.schema.errors import SchemaError


def write_neurons(arrivals: IncomingRows, duplicates: str | None) -> list[str]:
    """Add ``arrivals`` to ``neurons``; a value of this source replaces an earlier one, an empty cell does not.

    Args:
        duplicates: ``first`` keeps the first row of a repeated root_id, and the values that the graph has; ``refuse``
            makes an error of both. None keeps the first row, and says which values of the graph it replaces.

    Raises:
        SchemaError: repeated root_ids or other values under ``refuse``; ``sum`` has no meaning for neurons.
    """
    connection = arrivals.connection
    columns = arrivals.selected()
    connection.execute(f"CREATE OR REPLACE TEMP TABLE arrived AS SELECT {', '.join(columns)}, arrival FROM arrivals")
    arrivals.keep_arrived()
    notes = arrivals.names_left_out()
    notes += _repeated(arrivals, duplicates or "first")
    values = [name for name in columns if name != quote("root_id")]
    known = first_row(connection, "SELECT count(*) FROM neurons SEMI JOIN arrived USING (root_id)")
    if known and known[0] and values:
        changed = _changed(arrivals, values, duplicates)
        kinds = _kinds(arrivals)
        sets = []
        for name in values:
            both = [f"CAST(arrived.{name} AS {kinds[name]})", f"neurons.{name}"]
            sets.append(f"{name} = coalesce({', '.join(reversed(both) if duplicates == 'first' else both)})")
        connection.execute(f"UPDATE neurons SET {', '.join(sets)} FROM arrived WHERE neurons.root_id = arrived.root_id")
        notes.append(f"{known[0]:,} neurons were known and completed")
        notes += changed
    inserted = [f"coalesce({name}, true) AS {name}" if name == quote("in_graph") else name for name in columns]
    connection.execute(
        f"INSERT INTO neurons BY NAME SELECT {', '.join(inserted)} FROM arrived ANTI JOIN neurons USING (root_id)"
    )
    connection.execute("DROP TABLE arrived")
    if arrivals.has("total_in") or arrivals.has("total_out"):
        connection.execute("DELETE FROM meta WHERE key = 'totals'")
        connection.execute("INSERT INTO meta VALUES ('totals', '\"given\"')")
    return notes


def _repeated(arrivals: IncomingRows, duplicates: str) -> list[str]:
    connection = arrivals.connection
    row = first_row(connection, "SELECT count(*) - count(DISTINCT root_id) FROM arrived")
    if not row[0]:
        return []
    if duplicates != "first":
        twice = first_row(
            connection,
            "SELECT root_id, min(arrival), max(arrival) FROM arrived GROUP BY root_id HAVING count(*) > 1 "
            "ORDER BY 2 LIMIT 1",
        )
        row_a, row_b = arrivals.source_row(twice[1]), arrivals.source_row(twice[2])
        raise SchemaError(
            f"{arrivals.source}: rows {row_a} and {row_b} hold the same root_id {twice[0]} "
            f"({row[0]:,} repeated rows); "
            "a neuron has one row. Remove the others, or keep the first with --duplicates first"
        )
    connection.execute("DELETE FROM arrived WHERE arrival NOT IN (SELECT min(arrival) FROM arrived GROUP BY root_id)")
    arrivals.left_out += int(row[0])
    return [f"{row[0]:,} repeated rows of a root_id left out, the first of each kept"]


def _changed(arrivals: IncomingRows, values: list[str], duplicates: str | None) -> list[str]:
    """Which columns of known neurons have another value in this source, and in how many rows."""
    connection = arrivals.connection
    kinds = _kinds(arrivals)
    counts = ", ".join(f"count(*) FILTER (n.{c} IS NOT NULL AND CAST(a.{c} AS {kinds[c]}) <> n.{c})" for c in values)
    row = first_row(connection, f"SELECT {counts} FROM arrived a JOIN neurons n USING (root_id)")
    changes = ", ".join(
        f"{name.strip(chr(34))} in {count:,} rows" for name, count in zip(values, row, strict=True) if count
    )
    if not changes:
        return []
    if duplicates == "refuse":
        raise SchemaError(
            f"{arrivals.source}: it has other values than the graph: {changes}; --duplicates first keeps those of the "
            "graph, without it those of the source replace them"
        )
    if duplicates == "first":
        return [f"other values than the graph's were left out: {changes}"]
    return [f"values of the graph were replaced: {changes} (--duplicates first keeps them, refuse makes it an error)"]


def _kinds(arrivals: IncomingRows) -> dict[str, str]:
    """Columns of ``neurons``, quoted -> their type; a source may bring a narrower one."""
    return {quote(row[0]): str(row[1]) for row in arrivals.connection.execute("DESCRIBE neurons").fetchall()}

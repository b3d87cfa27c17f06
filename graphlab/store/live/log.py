"""One batch of events into the tables: what it changed, and how far its source and producers came, in one transaction.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder

TABLES = (
    "connections",
    "neuropils",
    "compartments",
    "totals",
    "moves",
    "synapses",
    "neurons",
    "neurons_before",
    "gone",
    "chunks",
    "dead_letters",
)
"""Tables of the schema ``live`` that rows of a batch go to."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What one batch did."""

    position: int
    """How many events the graph has taken with it."""
    events: int
    duplicates: int
    rows: dict[str, pa.Table]
    """Name of ``TABLES`` -> rows, each with its position."""
    producers: Sequence[tuple[str, int, str | None, str | None]]
    source: str
    reached: Any
    """Position of the source, JSON."""
    kinds: Sequence[str] = field(default=())
    """Kinds of connections that it brought synapses of."""


def append(folder: Folder, batch: Batch) -> datetime.datetime:
    """Write a batch, all of it or nothing; the time at which it was committed.

    Raises:
        StoreError: the disk is full or fails; the graph is as it was before.
    """
    now = datetime.datetime.now(datetime.UTC)
    with folder.transaction() as connection:
        for name, rows in batch.rows.items():
            assert name in TABLES, name
            if rows.num_rows:
                connection.register("live_rows", rows)
                connection.execute(f"INSERT INTO live.{name} BY NAME FROM live_rows")
                connection.unregister("live_rows")
        for kind in batch.kinds:
            connection.execute(
                "INSERT INTO pair_sources SELECT $kind, 'synapses' WHERE $kind NOT IN (SELECT kind FROM pair_sources)",
                {"kind": kind},
            )
        _follow(connection, batch.producers)
        at = {"name": batch.source, "position": json.dumps(batch.reached)}
        if not _changed(connection, "UPDATE live.sources SET position = $position WHERE name = $name", at):
            connection.execute("INSERT INTO live.sources VALUES ($name, $position)", at)
        connection.execute(
            "INSERT INTO live.batches VALUES (?, ?, ?, ?)",
            [batch.position, now.replace(tzinfo=None), batch.events, batch.duplicates],
        )
        connection.execute(
            """UPDATE meta SET value = '"' || split_part(trim(value, '"'), '+', 1) || '+' || $position || '"'
               WHERE key = 'data_version'""",
            {"position": str(batch.position)},
        )
    return now


def _follow(
    connection: duckdb.DuckDBPyConnection, producers: Sequence[tuple[str, int, str | None, str | None]]
) -> None:
    """Set how far producers came.

    Rows are changed in place: deleted and written anew, each batch would leave dead ones that every later batch reads.
    """
    if not producers:
        return
    names = ("producer", "sequence", "first_event_id", "last_event_id")
    given = dict(zip(names, map(list, zip(*producers, strict=True)), strict=True))
    rows = (
        "SELECT unnest($producer)::VARCHAR AS producer, unnest($sequence)::UBIGINT AS sequence, "
        "unnest($first_event_id)::VARCHAR AS first_event_id, unnest($last_event_id)::VARCHAR AS last_event_id"
    )
    changes = ", ".join(f"{name} = n.{name}" for name in names[1:])
    told = _changed(
        connection, f"UPDATE live.producers AS p SET {changes} FROM ({rows}) AS n WHERE p.producer = n.producer", given
    )
    if told < len(producers):
        connection.execute(
            f"INSERT INTO live.producers BY NAME SELECT * FROM ({rows}) ANTI JOIN live.producers USING (producer)",
            given,
        )


def _changed(connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> int:
    """How many rows an UPDATE changed."""
    row = connection.execute(sql, parameters).fetchone()
    return int(row[0]) if row else 0


def reached(folder: Folder, source: str) -> Any:
    """How far a source was read, None where it never was."""
    row = first_row(folder.connection, "SELECT position FROM live.sources WHERE name = ?", [source])
    return None if row is None else json.loads(row[0])


def producers(folder: Folder) -> list[tuple[str, int, str | None, str | None]]:
    """Producers and how far their sequences came."""
    rows = folder.connection.execute(
        "SELECT producer, sequence, first_event_id, last_event_id FROM live.producers ORDER BY producer"
    ).fetchall()
    return [(str(name), int(sequence), first, last) for name, sequence, first, last in rows]


def dead_letters(folder: Folder) -> pa.Table:
    """Events without effect and why, in the order in which they came."""
    return arrow(folder.connection, "FROM live.dead_letters ORDER BY position")

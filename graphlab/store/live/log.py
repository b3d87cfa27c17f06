"""One batch of events into the tables: what it changed, and how far its source and producers came, in one transaction.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
        if batch.producers:
            names = pa.table(
                {
                    "producer": pa.array([row[0] for row in batch.producers], pa.string()),
                    "sequence": pa.array([row[1] for row in batch.producers], pa.uint64()),
                    "first_event_id": pa.array([row[2] for row in batch.producers], pa.string()),
                    "last_event_id": pa.array([row[3] for row in batch.producers], pa.string()),
                }
            )
            connection.register("live_rows", names)
            connection.execute("DELETE FROM live.producers WHERE producer IN (SELECT producer FROM live_rows)")
            connection.execute("INSERT INTO live.producers BY NAME FROM live_rows")
            connection.unregister("live_rows")
        connection.execute("DELETE FROM live.sources WHERE name = ?", [batch.source])
        connection.execute("INSERT INTO live.sources VALUES (?, ?)", [batch.source, json.dumps(batch.reached)])
        connection.execute(
            "INSERT INTO live.batches VALUES (?, ?, ?, ?)",
            [batch.position, now.replace(tzinfo=None), batch.events, batch.duplicates],
        )
        version = str(folder.meta("data_version")).partition("+")[0]
        folder.set_meta("data_version", f"{version}+{batch.position}")
    return now


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

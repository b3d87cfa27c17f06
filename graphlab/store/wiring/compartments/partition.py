"""The rows of ``connections_by_compartment``: added, moved, and as many as there have to be."""

from __future__ import annotations

import duckdb

from graphlab.store.database import exact_sum, first_row

PAIR = "pre_root_id, post_root_id, kind"
SIDES = ("pre_compartment", "post_compartment")
PARTITION = "connections_by_compartment"
LEFT_OUT = "connections_by_compartment_left_out"


def cover_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Give connections without rows in the partition one of unknown compartments."""
    for whole, parts in (("connections", PARTITION), ("connections_left_out", LEFT_OUT)):
        connection.execute(
            f"INSERT INTO {parts} BY NAME SELECT {PAIR}, weight FROM {whole} ANTI JOIN {parts} USING ({PAIR})"
        )


def add(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Add rows to the partition, to those that their pairs have already.

    Args:
        rows: SELECT of pre_root_id, post_root_id, kind, pre_compartment, post_compartment, weight.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE added AS {rows}")
    connection.execute("CREATE OR REPLACE TEMP TABLE added_to AS SELECT DISTINCT " + PAIR + " FROM added")
    for table in (PARTITION, LEFT_OUT):
        connection.execute(f"INSERT INTO added BY NAME SELECT * FROM {table} SEMI JOIN added_to USING ({PAIR})")
        connection.execute(f"DELETE FROM {table} WHERE ({PAIR}) IN (SELECT ({PAIR}) FROM added_to)")
    weight = exact_sum(connection, "added", "weight")
    key = f"{PAIR}, {', '.join(SIDES)}"
    connection.execute(
        f"INSERT INTO {PARTITION} BY NAME SELECT {key}, CAST({weight} AS DOUBLE) AS weight FROM added GROUP BY {key}"
    )
    connection.execute("DROP TABLE added")
    connection.execute("DROP TABLE added_to")


def move(connection: duckdb.DuckDBPyConnection, out_of: str, into: str, which: str) -> None:
    """Move the rows that meet a condition from a table to another of the same columns."""
    connection.execute(f"INSERT INTO {into} BY NAME SELECT * FROM {out_of} WHERE {which}")
    connection.execute(f"DELETE FROM {out_of} WHERE {which}")


def is_split(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the partition has rows, and must have those of every connection."""
    row = first_row(connection, f"SELECT (SELECT count(*) FROM {PARTITION}) + (SELECT count(*) FROM {LEFT_OUT})")
    return bool(row[0])

"""Signs of neurons and of their connections, from a named transmitter map; unknown stays unknown (null)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.store.database import first_row
from graphlab.store.folder import Folder
from graphlab.store.runs.results import start_run
from ingest.schema.errors import SchemaError
from ingest.schema.transmitters import TransmitterMap, transmitter_map

KEY = "transmitters"
SIGNED = ("neurons", "connections", "connections_left_out")
"""Tables with a column ``sign``."""


@dataclass(frozen=True, slots=True)
class SignCounts:
    """How many neurons and chemical connections have which sign."""

    map: str
    min_confidence: float
    neurons: dict[str, int]
    connections: dict[str, int]

    def __str__(self) -> str:
        parts = [
            f"{name}: " + ", ".join(f"{count:,} {sign}" for sign, count in counts.items())
            for name, counts in (("neurons", self.neurons), ("connections", self.connections))
        ]
        return f"signs by the map {self.map!r} (confidence from {self.min_confidence:g}); {'; '.join(parts)}"


def set_signs(folder: Folder, name: str, min_confidence: float | None = None) -> SignCounts:
    """Give ``neurons`` and ``connections`` their column ``sign`` (1, -1 or null), now and after every source.

    A connection has the sign of its own nt_type where the source names one, else of its presynaptic neuron;
    electrical and extrasynaptic ones have none.

    Args:
        name: of a map in ``ingest.schema.transmitters``.
        min_confidence: less confident predictions are unknown; the map's own cut when None.

    Raises:
        UnknownNameError: no such map. SchemaError: confidences outside 0 to 1, or a column ``sign`` of a source.
    """
    chosen = transmitter_map(name)
    if min_confidence is not None:
        if not 0 <= min_confidence <= 1:
            raise SchemaError(f"min_confidence is {min_confidence}; wanted a number from 0 to 1")
        chosen = replace(chosen, min_confidence=float(min_confidence))
    value = {"map": chosen.name, "min_confidence": chosen.min_confidence}
    known = folder.meta(KEY)
    run = start_run(folder, "signs", value)
    with folder.transaction() as connection:
        if known is None:
            add_sign_columns(connection)
        folder.set_meta(KEY, value)
        refresh_signs(connection)
        counts = _counts(connection, chosen)
        if known != value:
            run.finish_in(connection, str(counts), moves_data=True)
    return counts


def refresh_signs(connection: duckdb.DuckDBPyConnection) -> None:
    """Set every sign anew by the map that ``meta`` names; nothing where it names none."""
    row = first_row(connection, "SELECT value FROM meta WHERE key = ?", [KEY])
    if row is None:
        return
    value: dict[str, Any] = json.loads(row[0])
    chosen = replace(transmitter_map(value["map"]), min_confidence=value["min_confidence"])
    odd = first_row(connection, "SELECT nt_confidence FROM neurons WHERE NOT nt_confidence BETWEEN 0 AND 1 LIMIT 1")
    if odd is not None:
        chosen.sign(None, odd[0])  # says what is wrong with it
    names = [
        item[0]
        for item in connection.execute(
            "SELECT DISTINCT nt_type FROM neurons UNION SELECT DISTINCT nt_type FROM connections"
        ).fetchall()
        if item[0] is not None
    ]
    table = pa.table(
        {"nt_type": pa.array(names, pa.string()), "sign": pa.array([chosen.sign(n) for n in names], pa.int8())}
    )
    connection.register("sign_of", table.filter(table["sign"].is_valid()))
    connection.execute("UPDATE neurons SET sign = NULL")
    connection.execute(
        "UPDATE neurons SET sign = s.sign FROM sign_of s "
        "WHERE s.nt_type = neurons.nt_type AND coalesce(neurons.nt_confidence, 1) >= $cut",
        {"cut": chosen.min_confidence},
    )
    for pairs in ("connections", "connections_left_out"):
        connection.execute(f"UPDATE {pairs} SET sign = NULL")
        connection.execute(
            f"UPDATE {pairs} SET sign = s.sign FROM sign_of s WHERE s.nt_type = {pairs}.nt_type AND kind = 'chemical'"
        )
        connection.execute(
            f"UPDATE {pairs} SET sign = n.sign FROM neurons n WHERE n.root_id = {pairs}.pre_root_id "
            f"AND {pairs}.nt_type IS NULL AND {pairs}.kind = 'chemical' AND n.sign IS NOT NULL"
        )
    connection.unregister("sign_of")


def add_sign_columns(connection: duckdb.DuckDBPyConnection, tables: Iterable[str] = SIGNED) -> None:
    """Give tables the column ``sign``; SchemaError where a source brought one of that name."""
    for table in tables:
        if "sign" in {str(row[0]).lower() for row in connection.execute(f"DESCRIBE {table}").fetchall()}:
            raise SchemaError(f"{table} has a column 'sign' from a source; ingest that source without it")
        connection.execute(f"ALTER TABLE {table} ADD COLUMN sign TINYINT")


def _counts(connection: duckdb.DuckDBPyConnection, chosen: TransmitterMap) -> SignCounts:
    counted = []
    for rows in ("neurons", "connections WHERE kind = 'chemical'"):
        row = first_row(
            connection, f"SELECT count(*) FILTER (sign = 1), count(*) FILTER (sign = -1), count(*) FROM {rows}"
        )
        counted.append({"excitatory": row[0], "inhibitory": row[1], "unknown": row[2] - row[0] - row[1]})
    return SignCounts(chosen.name, chosen.min_confidence, *counted)

"""The sources of a graph in their order, one row each in ``kept.sources``, and the tables that are kept of them.

Tests: tests/graphlab/store/removal/test_sources.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from graphlab.store.database import first_row, quote
from graphlab.store.folder import Folder

FORMS = ("table", "reading", "state", "files", "earlier")
"""Where the rows of a source are: in the table itself; as they came; as the connections that they made; in files that
name its run; nowhere, since it came before sources were kept."""
REBUILT = ("neurons", "synapses", "connections")
"""Tables that are made again when a source of one of them is dropped."""
LIVE = "live events"
"""What a source is of that came event by event; none of it can be dropped."""
STATE = ("rows", "neuropils", "compartments", "kinds")
"""What is kept of a source of form 'state'."""
PARTS = (*STATE, "ids", "names")
_FIELDS = "seq, run_id, name, as_, rows, policy, columns, by_name, first_id, form, said"


@dataclass(frozen=True, slots=True)
class KeptSource:
    """One source that the graph has."""

    run_id: str
    name: str
    """File name, or the type of a frame in angle brackets."""
    as_: str
    rows: int | None = None
    """Rows that the graph took; None where it was not written down."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that it brought -> their type in DuckDB; ``"NULL"`` where a column held nothing."""
    by_name: tuple[str, ...] = ()
    """Id columns whose ids were looked up by name."""
    first_id: int | None = None
    """Of synapses without ids: the number that its first row got."""
    form: str = "table"
    said: Mapping[str, Any] = field(default_factory=dict)
    """``materialization`` that it named, ``resolution_nm`` of the graph that its voxels were read with."""
    seq: int = 0

    @property
    def has_compartments(self) -> bool:
        """Whether its rows say where on their neurons they lie."""
        return bool({"pre_compartment", "post_compartment"} & {name.lower() for name in self.columns})

    def kept(self, part: str) -> str:
        """The table that keeps a part of it, for SQL."""
        return kept_table(self.run_id, part)


def kept_table(run_id: str, part: str) -> str:
    """The name, for SQL, of what is kept of one source."""
    assert part in PARTS, part
    return f"kept.{quote(f'{part}_{run_id}')}"


def sources(folder: Folder, as_: str | None = None) -> list[KeptSource]:
    """All sources in the order in which they came, or those of one table."""
    rows = folder.connection.execute(
        f"SELECT {_FIELDS} FROM kept.sources WHERE $as IS NULL OR as_ = $as ORDER BY seq", {"as": as_}
    ).fetchall()
    return [
        KeptSource(
            run_id=str(run_id),
            name=str(name),
            as_=str(table),
            rows=rows_,
            policy=json.loads(policy or "{}"),
            columns=json.loads(columns or "{}"),
            by_name=tuple(json.loads(by_name or "[]")),
            first_id=first_id,
            form=str(form),
            said=json.loads(said or "{}"),
            seq=int(seq),
        )
        for seq, run_id, name, table, rows_, policy, columns, by_name, first_id, form, said in rows
    ]


def add(connection: duckdb.DuckDBPyConnection, source: KeptSource) -> None:
    """Write a source down as the latest one; one that came before comes again. Call inside a transaction."""
    connection.execute("DELETE FROM kept.sources WHERE run_id = ?", [source.run_id])
    (last,) = first_row(connection, "SELECT coalesce(max(seq), 0) FROM kept.sources")
    connection.execute(
        f"INSERT INTO kept.sources ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            last + 1,
            source.run_id,
            source.name,
            source.as_,
            source.rows,
            json.dumps(dict(source.policy)),
            json.dumps(dict(source.columns)),
            json.dumps(source.by_name),
            source.first_id,
            source.form,
            json.dumps(dict(source.said)),
        ],
    )


def forget(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Take a source off the list, with all that is kept of it. Call inside a transaction."""
    connection.execute("DELETE FROM kept.sources WHERE run_id = ?", [run_id])
    for part in PARTS:
        connection.execute(f"DROP TABLE IF EXISTS {kept_table(run_id, part)}")


def set_form(connection: duckdb.DuckDBPyConnection, run_id: str, form: str) -> None:
    """Say where the rows of a source are from now on. Call inside a transaction."""
    assert form in FORMS, form
    connection.execute("UPDATE kept.sources SET form = ? WHERE run_id = ?", [form, run_id])

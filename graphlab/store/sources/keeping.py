"""What is kept of a source while it comes in: nothing where the tables alone say what it brought.

A table of neurons is kept as it came, since a later one replaces values of it. Connections are kept from the second
source of them on (weights of one pair add up), synapses as a list of their ids. Ids that were looked up by name are
kept as names: without the source that has the names they are others.

Tests: tests/graphlab/store/removal/test_sources.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from graphlab.store.folder import Folder
from graphlab.store.sources import ledger
from graphlab.store.sources.ledger import KeptSource, kept_table


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of the source that comes in now."""

    run_id: str
    raw: bool = False
    """Its rows as the reader gave them, with names."""
    rows: bool = False
    """Its rows as they arrived."""
    ids: bool = False
    """The ids of its synapses."""

    @property
    def form(self) -> str:
        return "reading" if self.raw or self.rows else "table"

    def table(self, part: str) -> str:
        return kept_table(self.run_id, part)

    def keep(self, connection: duckdb.DuckDBPyConnection, part: str, rows: pa.Table) -> None:
        """Keep an Arrow table."""
        connection.register("to_be_kept", rows)
        connection.execute(f"CREATE OR REPLACE TABLE {self.table(part)} AS FROM to_be_kept")
        connection.unregister("to_be_kept")


def keeping(folder: Folder, run_id: str, as_: str, by_name: bool) -> Keeping:
    """What to keep of a source of ``as_`` that is about to come; an earlier one of connections is kept apart now.

    Call inside the transaction that brings the source in.
    """
    others = ledger.sources(folder, as_)
    if as_ == "connections":
        for other in others:
            if other.form == "table":
                keep_state(folder.connection, other)
    return Keeping(
        run_id,
        raw=by_name,
        rows=not by_name and (as_ == "neurons" or (as_ == "connections" and bool(others))),
        ids=as_ == "synapses" and bool(others) and not by_name,
    )


def keep_state(connection: duckdb.DuckDBPyConnection, source: KeptSource) -> None:
    """Keep the connections of their only source beside the tables, which are about to hold others, too."""
    ready = "kind IN (SELECT kind FROM pair_sources WHERE origin = 'connections')"
    described = [str(row[0]) for row in connection.execute("DESCRIBE connections").fetchall()]
    # Signs follow from the map of transmitters that the graph has; a source that has such a column brought it.
    derived = "sign" in map(str.lower, described) and "sign" not in map(str.lower, source.columns)
    rows = f"SELECT * {'EXCLUDE (sign)' if derived else ''} FROM"
    connection.execute(
        f"CREATE OR REPLACE TABLE {source.kept('rows')} AS {rows} connections WHERE {ready} "
        f"UNION ALL BY NAME {rows} connections_left_out WHERE {ready}"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {source.kept('neuropils')} AS FROM connections_by_neuropil WHERE {ready}"
    )
    # Other connections have parts of unknown compartments only because some source has compartments.
    which = ready if source.has_compartments else "false"
    connection.execute(
        f"CREATE OR REPLACE TABLE {source.kept('compartments')} AS FROM connections_by_compartment WHERE {which} "
        f"UNION ALL BY NAME FROM connections_by_compartment_left_out WHERE {which}"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {source.kept('kinds')} AS SELECT kind FROM pair_sources WHERE origin = 'connections'"
    )
    ledger.set_form(connection, source.run_id, "state")

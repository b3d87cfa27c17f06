"""A graph begins to follow events, takes up what they changed, and becomes an ordinary graph again.

Tests: tests/graphlab/store/live/test_going.py.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import duckdb

from graphlab.store.database import first_row, quote
from graphlab.store.folder import Folder
from graphlab.store.incoming_rows import is_virtual, make_real
from graphlab.store.live import views
from graphlab.store.live.views import TABLES, WEIGHTS, base, same
from graphlab.store.runs import runs
from graphlab.store.runs.runs import FOLLOWING
from graphlab.store.sources import ledger
from graphlab.store.sources.ledger import KeptSource
from ingest.schema.errors import SchemaError, StoreError
from queries.ir.identifiers import OURS

HISTORY = "live_history"
"""Key of ``meta``: of which data the history is, and from which position on."""
CHANGES = (*(one.changes for one in WEIGHTS), "live.totals", "live.moves", "live.neurons", "live.neurons_before")
"""Tables that tell what changed."""
VERB = "live"


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a graph stands that follows events."""

    position: int
    """Events that it took so far, dead letters among them."""
    folded: int
    """Up to where they are in its tables."""


def position(folder: Folder, cursor: duckdb.DuckDBPyConnection | None = None) -> int:
    """How many events a graph took so far."""
    row = first_row(cursor or folder.connection, "SELECT coalesce(max(position), 0) FROM live.batches")
    return int(row[0])


def is_following(folder: Folder) -> bool:
    """Whether the tables of a graph are views at the moment."""
    return folder.meta(FOLLOWING) is not None


def start(folder: Folder) -> Followed:
    """Let a graph follow events: its tables become views.

    Raises:
        SchemaError: a graph that events cannot be followed on, and why.
    """
    with folder.only_writer():
        if folder.read_only or folder.shared:
            raise StoreError(f"{folder.path} is open for reading; only its one writer may follow events")
        if is_following(folder):
            settle(folder)
        _require_followable(folder)
        now = position(folder)
        with folder.transaction() as connection:
            _keep_history(folder, connection, now)
            for table in TABLES:
                connection.execute(f"ALTER TABLE {table} RENAME TO {quote(OURS + table)}")
            views.create(connection, now)
            folder.set_meta(FOLLOWING, now)
    return Followed(now, now)


def _require_followable(folder: Folder) -> None:
    cursor = folder.cursor()
    ready = cursor.execute("SELECT kind FROM pair_sources WHERE origin = 'connections' ORDER BY kind").fetchall()
    recipe = folder.meta("recipe") or {}
    checks: list[tuple[Any, str]] = [
        (
            ready,
            f"its {', '.join(str(row[0]) for row in ready)} connections came ready made, so synapses that come or go "
            "cannot be told from those they count. Make a graph from the synapses themselves",
        ),
        (
            recipe.get("merge_within_nm") is not None,
            "its recipe counts near synapses once, which depends on all synapses of a pair. Set a recipe without "
            "merge_within_nm (`graphlab recipe`)",
        ),
        (
            folder.meta("totals") == "given",
            "its totals were given by a source, and no event says how they change. Ingest neurons without total_in "
            "and total_out",
        ),
        (folder.meta("transmitters") is not None, "it has signs, which would not follow. Follow a copy without them"),
        (
            _any(cursor, "FROM synapse_nodes"),
            "its synapses are placed on skeletons, which would not follow them. Follow a copy without skeletons",
        ),
        (
            _any(cursor, "FROM synapse_compartments"),
            "its synapses have compartments that a model predicted, which would not follow them. Follow a copy without",
        ),
        (
            _any(cursor, "FROM synapses WHERE weight IS NOT NULL AND (weight <> floor(weight) OR weight < 0)"),
            "its synapses have fractional weights, whose sums depend on their order",
        ),
        (
            _any(cursor, "FROM (SELECT root_id FROM neurons GROUP BY root_id HAVING count(*) > 1)"),
            "a root id has two neurons",
        ),
    ]
    for found, why in checks:
        if found:
            raise SchemaError(f"{folder.path} cannot follow events: {why}")


def _any(cursor: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return bool(first_row(cursor, f"SELECT count(*) FROM (SELECT 1 {rows} LIMIT 1)")[0])


def _keep_history(folder: Folder, connection: duckdb.DuckDBPyConnection, now: int) -> None:
    """Go on with the history of an earlier time, where nothing else changed the data or its columns since."""
    kept = folder.meta(HISTORY) or {}
    columns = {
        table: [tuple(row[:2]) for row in connection.execute(f"DESCRIBE {table}").fetchall()]
        for table in ("neurons", "synapses")
    }
    connection.execute("CREATE OR REPLACE TABLE live.synapses AS SELECT 0::BIGINT AS position, * FROM synapses LIMIT 0")
    told = str(columns["neurons"])
    if kept.get("data_version") == folder.meta("data_version") and kept.get("neurons") == told:
        return
    connection.execute(
        "CREATE OR REPLACE TABLE live.neurons AS SELECT 0::BIGINT AS position, true AS there, * FROM neurons LIMIT 0"
    )
    connection.execute(
        "CREATE OR REPLACE TABLE live.neurons_before AS SELECT 0::BIGINT AS position, * FROM neurons LIMIT 0"
    )
    for table in CHANGES:
        connection.execute(f"DELETE FROM {table}")
    folder.set_meta(HISTORY, {"data_version": folder.meta("data_version"), "neurons": told, "oldest": now})


def fold(folder: Folder) -> int:
    """Bring what is committed into the tables, while events go on coming; the position up to which it is.

    On a connection of its own: a batch that commits meanwhile adds rows of later positions, and nobody waits.
    """
    cursor = folder.cursor()
    try:
        cursor.execute("BEGIN")
        until = position(folder, cursor)
        row = first_row(cursor, "SELECT CAST(value AS BIGINT) FROM meta WHERE key = ?", [FOLLOWING])
        if row is None or row[0] >= until:
            cursor.execute("ROLLBACK")
            return until if row is None else int(row[0])
        _fold(cursor, int(row[0]), until)
        views.create(cursor, until)
        cursor.execute("UPDATE meta SET value = ? WHERE key = ?", [str(until), FOLLOWING])
        cursor.execute("COMMIT")
    finally:
        cursor.close()  # what was begun and not committed is undone
    return until


def _fold(connection: duckdb.DuckDBPyConnection, folded: int, until: int) -> None:
    for one in WEIGHTS:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {views.weights_now(one, folded, until)}")
        at = base(one.table)
        connection.execute(f"DELETE FROM {at} AS b USING changed AS c WHERE {same(one.key, 'b', 'c')}")
        connection.execute(f"INSERT INTO {at} BY NAME SELECT * FROM changed WHERE weight > 0")
    _fold_synapses(connection, folded, until)
    at = base("neurons")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {views.neurons_now(folded, until)}")
    connection.execute(f"DELETE FROM {at} AS b USING changed AS c WHERE b.root_id = c.root_id")
    connection.execute(f"INSERT INTO {at} BY NAME SELECT * EXCLUDE (there) FROM changed WHERE there")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {views.totals_now(folded, until)}")
    connection.execute(
        f"UPDATE {at} SET total_in = c.in_after, total_out = c.out_after FROM changed AS c "
        f"WHERE {quote(OURS + 'neurons')}.root_id = c.root_id"
    )
    connection.execute("DROP TABLE changed")


def _fold_synapses(connection: duckdb.DuckDBPyConnection, folded: int, until: int) -> None:
    at, called = base("synapses"), OURS + "synapses"
    touched = f"SELECT DISTINCT synapse_id FROM live.moves WHERE position > {folded} AND position <= {until}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE touched AS {touched}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT * FROM ({views.synapses_at(folded, until)}) "
        "SEMI JOIN touched USING (synapse_id)"
    )
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE {at}").fetchall()]
    for name in [name for name in names if is_virtual(connection, "synapses", name, called)]:
        odd = "IS DISTINCT FROM 'chemical'" if name == "kind" else "IS NOT NULL"
        if _any(connection, f"FROM changed WHERE {quote(name)} {odd}"):
            make_real(connection, "synapses", name, called)
        else:
            names.remove(name)
    connection.execute(f"DELETE FROM {at} AS b USING touched AS t WHERE b.synapse_id = t.synapse_id")
    columns = ", ".join(map(quote, names))
    connection.execute(f"INSERT INTO {at} ({columns}) SELECT {columns} FROM changed")
    connection.execute("DROP TABLE touched")


def settle(folder: Folder) -> None:
    """Make an ordinary graph of one that followed events; what it took is a source of it from now on."""
    if not is_following(folder):
        return
    with folder.transaction() as connection:
        folded = folder.meta(FOLLOWING)
        if folded is None:
            return
        now = position(folder)
        _fold(connection, int(folded), now)
        for table in TABLES:
            connection.execute(f"DROP VIEW {table}")
            connection.execute(f"ALTER TABLE {base(table)} RENAME TO {table}")
        if first_row(connection, "SELECT count(*) FROM pair_sources WHERE kind = 'chemical' AND origin = 'synapses'")[
            0
        ]:
            for total in ("total_in", "total_out"):
                connection.execute(f"UPDATE neurons SET {total} = 0 WHERE {total} IS NULL")
        connection.execute("DELETE FROM meta WHERE key = ?", [FOLLOWING])
        connection.execute("DELETE FROM live.synapses")
        _record(folder, connection, now)
    folder.checkpoint("what live events changed")


def _record(folder: Folder, connection: duckdb.DuckDBPyConnection, now: int) -> None:
    before = str(folder.meta("data_version")).partition("+")[0]
    folder.set_meta("data_version", before)
    since = first_row(
        connection,
        "SELECT coalesce(max(CAST(parameters->>'position' AS BIGINT)), 0) FROM runs WHERE verb = ?",
        [VERB],
    )[0]
    if now > since:
        producers = connection.execute("SELECT producer, sequence FROM live.producers ORDER BY ALL").fetchall()
        parameters = {"position": now, "producers": {str(name): int(sequence) for name, sequence in producers}}
        run = runs.new_run(folder, VERB, parameters, {})
        ended = datetime.datetime.now(datetime.UTC)
        dead = first_row(connection, "SELECT count(*) FROM live.dead_letters WHERE position > ?", [since])[0]
        told = f"{now - since:,} live events" + (f", {dead:,} of them dead letters" if dead else "")
        ledger.add(connection, KeptSource(run.run_id, told, ledger.LIVE, rows=now - since, form="files"))
        runs.advance_data_version(folder, run.run_id)
        started = first_row(connection, "SELECT min(committed) FROM live.batches WHERE position > ?", [since])[0]
        begun = ended if started is None else started.replace(tzinfo=datetime.UTC)
        runs.record(
            connection, runs.Run(run.run_id, VERB, parameters, {}, run.data_version, message=told), begun, ended
        )
    history = folder.meta(HISTORY) or {}
    folder.set_meta(HISTORY, {**history, "data_version": str(folder.meta("data_version"))})


def _end_of_batch(connection: duckdb.DuckDBPyConnection, position: int) -> int:
    """The last end of a batch up to a position: within a batch there is no state to go back to."""
    asked = "SELECT coalesce(max(position), 0) FROM live.batches WHERE position <= ?"
    return int(first_row(connection, asked, [position])[0])


def trim(folder: Folder, oldest: int) -> None:
    """Forget the history before a position; what is not in the tables yet stays."""
    with folder.transaction() as connection:
        kept = int(folder.meta(FOLLOWING) or position(folder))
        until = _end_of_batch(connection, min(oldest, kept))
        for table in CHANGES:
            connection.execute(f"DELETE FROM {table} WHERE position <= ?", [until])
        connection.execute("DELETE FROM live.synapses WHERE position <= ?", [kept])
        history = folder.meta(HISTORY) or {}
        folder.set_meta(HISTORY, {**history, "oldest": max(until, int(history.get("oldest", 0)))})

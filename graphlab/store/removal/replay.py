"""Neurons, synapses and connections made again from the sources that stay: read from what is kept, added as ever.

The same code adds rows here and in an ingest, in the same order, so that the tables are those of a graph that the
dropped source never entered. Synapses or connections whose only source stays are left where they are.

Tests: tests/graphlab/store/removal/test_sources.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import duckdb
import pyarrow as pa

from graphlab.store.database import first_row, migrate, quote
from graphlab.store.folder import Folder
from graphlab.store.incoming_rows import NAME_COLUMNS
from graphlab.store.intake import Policy, add_rows, finish_rows
from graphlab.store.skeletons.intake import neurons_of_skeletons
from graphlab.store.sources.keeping import keep_state
from graphlab.store.sources.ledger import REBUILT, KeptSource
from graphlab.store.wiring.compartments.partition import LEFT_OUT, PARTITION
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe
from graphlab.store.wiring.signs import KEY as SIGNS
from graphlab.store.wiring.signs import SIGNED, add_sign_columns
from ingest.reader import Reading
from ingest.schema.errors import GraphlabError, SchemaError

ROWS = 1 << 17
"""Rows of a kept table that are in memory at a time."""
SIMPLE = re.compile(r"[A-Z][A-Z0-9_ ]*(\(\d+(,\d+)?\))?")
"""Types whose name may stand in SQL."""
TABLES = {
    "neurons": ("neurons",),
    "synapses": ("synapses",),
    "connections": (
        "connections",
        "connections_left_out",
        "connections_by_neuropil",
        PARTITION,
        LEFT_OUT,
    ),
}


def replay(folder: Folder, dropped: KeptSource, staying: list[KeptSource]) -> None:
    """Make the tables again without ``dropped``; call inside the transaction that drops it.

    Args:
        staying: the other sources of ``REBUILT`` in their order; forms that change are changed in it.

    Raises:
        SchemaError: what is kept does not suffice, or a source would be refused without the dropped one.
    """
    for source in staying:
        if source.form == "earlier":
            raise SchemaError(
                f"{dropped.name} cannot be dropped: {source.name} (run {source.run_id}) came into the graph by an "
                "earlier graphlab, which kept nothing to make its rows again from. Make a new graph of the other "
                "sources"
            )
    connection = folder.connection
    # Totals that neurons bring, and compartments, meet what was made before them: everything is done again then.
    labelled = first_row(
        connection,
        "SELECT count(*) FROM (FROM (SELECT 1 FROM synapse_nodes LIMIT 1) "
        "UNION ALL FROM (SELECT 1 FROM synapse_compartments LIMIT 1))",
    )[0]
    again = bool(labelled) or any(
        {"total_in", "total_out"} & {name.lower() for name in source.columns} or source.has_compartments
        for source in staying
    )
    in_place = () if again else tuple(_in_place(dropped, staying, table) for table in ("synapses", "connections"))
    places = {table for table in in_place if table}
    if "connections" not in places:
        for number, source in enumerate(staying):
            if source.as_ == "connections" and source.form == "table":
                keep_state(connection, source)
                staying[number] = replace(source, form="state")
    _empty(folder, places)
    turns = [i for i, s in enumerate(staying) if s.as_ != "neurons" or "in_graph" in map(str.lower, s.columns)]
    for number, source in enumerate(staying):
        # Only the last of those after which connections and totals are made again counts.
        rebuild = number not in turns or again or number == turns[-1]
        try:
            _add_again(folder, source, [*staying, dropped], source.as_ in places, rebuild)
        except GraphlabError as error:
            raise SchemaError(
                f"{dropped.name} cannot be dropped: without it, {source.name} (run {source.run_id}) would be refused: "
                f"{error}. Drop that one first"
            ) from None


def _in_place(dropped: KeptSource, staying: list[KeptSource], table: str) -> str | None:
    """The table, if its rows are those of the one source that stays."""
    own = [source for source in staying if source.as_ == table]
    return table if dropped.as_ != table and len(own) == 1 and own[0].form == "table" else None


def _empty(folder: Folder, places: set[str]) -> None:
    """Tables as in a new graph, but for those in ``places``, from which only what follows from others goes."""
    connection = folder.connection
    with duckdb.connect() as fresh:
        migrate(fresh, from_version=0)
        made = dict(fresh.execute("SELECT table_name, sql FROM duckdb_tables() WHERE schema_name = 'main'").fetchall())
    emptied = [name for table in REBUILT if table not in places for name in TABLES[table]]
    for name in emptied:
        connection.execute(f"DROP TABLE {name}")
        connection.execute(made[name])
    from_synapses = "kind IN (SELECT kind FROM pair_sources WHERE origin = 'synapses')"
    if "connections" in places:
        connection.execute(f"DELETE FROM connections WHERE {from_synapses}")
        connection.execute(f"DELETE FROM connections_by_neuropil WHERE {from_synapses}")
        for parts in (PARTITION, LEFT_OUT):
            connection.execute(f"DELETE FROM {parts}")
    for table in ("synapses", "connections"):
        if table not in places:
            connection.execute("DELETE FROM pair_sources WHERE origin = ?", [table])
    connection.execute("DELETE FROM meta WHERE key = 'totals'")
    if folder.meta(SIGNS) is not None:
        add_sign_columns(connection, [name for name in emptied if name in SIGNED])


@dataclass
class _InPlace:
    """Rows that are in their table, as ``add_unknown_neurons`` looks at what came."""

    connection: duckdb.DuckDBPyConnection
    source: str
    names: dict[int, str] = field(default_factory=dict)

    def first_row_with(self, column: str, values: pa.Array) -> tuple[int, int]:
        return 0, 0


def _add_again(folder: Folder, source: KeptSource, every: list[KeptSource], in_place: bool, rebuild: bool) -> None:
    connection, names = folder.connection, _names(folder, source)
    policy = Policy(**source.policy)
    if source.as_ == "skeletons":  # their nodes stay where they are; neurons that only they name come again
        neurons_of_skeletons(connection, source.name, policy.unknown_of("skeletons"), source.run_id)
        if rebuild:
            rebuild_connections(connection, Recipe(**(folder.meta("recipe") or {})))
        return
    if in_place or source.form == "state":
        if source.form == "state":
            _restore(connection, source)
        there = _InPlace(connection, source.name, names)
        finish_rows(folder, there, source.as_, policy.unknown_of(source.as_), rebuild=rebuild)
        return
    sql = _rows_sql(folder, source, every)
    read = partial(_reading, folder, source, sql)
    arrivals, _ = add_rows(folder, source.as_, source.name, read, read(), policy, names=names, rebuild=rebuild)
    if source.as_ == "synapses":
        connection.execute("UPDATE kept.sources SET first_id = ? WHERE run_id = ?", [arrivals.first_id, source.run_id])


def _names(folder: Folder, source: KeptSource) -> dict[int, str]:
    if not _keeps(folder, source, "names"):
        return {}
    rows = folder.connection.execute(f"SELECT root_id, name FROM {source.kept('names')}").fetchall()
    return {int(root_id): str(name) for root_id, name in rows}


def _restore(connection: duckdb.DuckDBPyConnection, source: KeptSource) -> None:
    """Connections of a source that was the first of several."""
    present = {str(row[0]).lower() for row in connection.execute("DESCRIBE connections").fetchall()}
    for name, kind, *_ in connection.execute(f"DESCRIBE {source.kept('rows')}").fetchall():
        if name.lower() not in present:
            for table in ("connections", "connections_left_out"):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {quote(name)} {kind}")
    connection.execute(f"INSERT INTO connections BY NAME FROM {source.kept('rows')}")
    connection.execute(f"INSERT INTO connections_by_neuropil BY NAME FROM {source.kept('neuropils')}")
    connection.execute(f"INSERT INTO {PARTITION} BY NAME FROM {source.kept('compartments')}")
    connection.execute(
        f"INSERT INTO pair_sources SELECT kind, 'connections' FROM {source.kept('kinds')} "
        "WHERE kind NOT IN (SELECT kind FROM pair_sources)"
    )


def _rows_sql(folder: Folder, source: KeptSource, every: list[KeptSource]) -> str:
    """The rows of a source, in their order, as they came."""
    if source.form == "reading":
        return f"SELECT * EXCLUDE (arrival) FROM {source.kept('rows')} ORDER BY arrival"
    types = {str(row[0]).lower(): str(row[1]) for row in folder.cursor().execute("DESCRIBE synapses").fetchall()}
    columns = ", ".join(
        f"{_as_it_came(source, name, kind, types[name.lower()])} AS {quote(name)}"
        for name, kind in source.columns.items()
        if name not in NAME_COLUMNS  # set aside when they came, and kept with the names
    )
    mine = _synapses_of(folder, source)
    if mine is None:  # the first that came with ids of its own: it has what no other has
        others = [other for other in every if other.as_ == "synapses" and other.run_id != source.run_id]
        mine = " AND ".join(f"NOT ({_synapses_of(folder, other) or 'false'})" for other in others) or "true"
    return f"SELECT {columns} FROM synapses WHERE {mine} ORDER BY synapse_id"


def _as_it_came(source: KeptSource, column: str, kind: str, now: str) -> str:
    """SQL for a column in the type that it came in: a later source may have made it wider."""
    if kind == '"NULL"':
        return "NULL"
    if kind != now and not SIMPLE.fullmatch(kind):
        raise SchemaError(f"{source.name}: its column {column!r} came as {kind} and is {now} now; it cannot come again")
    return quote(column) if kind == now else f"CAST({quote(column)} AS {kind})"


def _synapses_of(folder: Folder, source: KeptSource) -> str | None:
    """The condition for a source's rows of ``synapses``; None where nothing is kept that says so."""
    if source.first_id is not None and source.rows is not None:
        return f"synapse_id BETWEEN {source.first_id} AND {source.first_id + source.rows - 1}"
    part = next((part for part in ("ids", "rows") if _keeps(folder, source, part)), None)
    return f"synapse_id IN (SELECT synapse_id FROM {source.kept(part)})" if part else None


def _keeps(folder: Folder, source: KeptSource, part: str) -> bool:
    found = first_row(
        folder.connection,
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'kept' AND table_name = ?",
        [f"{part}_{source.run_id}"],
    )
    return bool(found[0])


def _reading(folder: Folder, source: KeptSource, sql: str) -> Reading:
    """Rows from what was committed, which this transaction no longer shows."""
    cursor = folder.cursor()
    reader = cursor.sql(sql).to_arrow_reader(ROWS)
    schema = pa.schema(
        [
            pa.field(field.name, pa.null() if source.columns.get(field.name) == '"NULL"' else field.type)
            for field in reader.schema
        ]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            arrays = [
                pa.nulls(batch.num_rows) if pa.types.is_null(field.type) else batch.column(number)
                for number, field in enumerate(schema)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        cursor.close()

    rows = first_row(cursor, f"SELECT count(*) FROM ({sql})") if source.rows is None else (source.rows,)
    return Reading(schema, batches(), rows=int(rows[0]), by_name=source.by_name)

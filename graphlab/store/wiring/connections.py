"""Ready connections into the graph: repeated rows summed, first kept, or refused; neuropils, compartments added up."""

from __future__ import annotations

import duckdb
import numpy as np

from graphlab.store.database import exact_sum, first_row, quote
from graphlab.store.incoming_rows import IncomingRows
from graphlab.store.wiring.compartments import partition
from graphlab.store.wiring.compartments.partition import PAIR, SIDES
from graphlab.store.wiring.synapses import sort_in_place
from ingest.schema.errors import SchemaError

PARTS = ("neuropil", *SIDES)
"""Columns that tell rows of one pair apart."""
PAIR_TABLES = ("connections", "connections_left_out")


def write_connections(arrivals: IncomingRows, kind: str | None, duplicates: str | None) -> list[str]:
    """Add ``arrivals`` to ``connections`` and, where rows say where they lie, to its partitions by that.

    Args:
        kind: for rows whose source names none; chemical unless said.
        duplicates: ``sum``, ``first`` or ``refuse``; None sums rows of this source and refuses pairs that an
            earlier source brought. Further columns of summed rows are those of the heaviest row.
    """
    connection = arrivals.connection
    own_kind = f"'{kind or 'chemical'}'"
    values = arrivals.selected(skip=("kind",))
    kind_value = f"coalesce(kind, {own_kind})" if arrivals.has("kind") else own_kind
    if _each_once(arrivals, values, kind_value):
        return []
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE arrived AS SELECT {', '.join(values)}, {kind_value} AS kind, arrival "
        "FROM arrivals"
    )
    arrivals.keep_arrived()
    _claim_kinds(arrivals)
    notes = _without_weight(arrivals)
    if any(map(arrivals.has, SIDES)):
        partition.cover_all(connection)  # before pairs that the source splits are summed with those of before
    several = _repeated(arrivals, duplicates) + _met_before(arrivals, duplicates)
    _insert(arrivals, unique=not several and not any(map(arrivals.has, PARTS)))
    notes += several
    cancelled = _drop_cancelled(arrivals)
    connection.execute("DROP TABLE arrived")
    return notes + cancelled


def _each_once(arrivals: IncomingRows, values: list[str], kind: str) -> bool:
    """Write rows straight into an empty table, and see afterwards that each is a connection of its own.

    Where one is not, it is as if nothing had come: the source is read again, by ``write_connections``.
    """
    connection = arrivals.connection
    kept = arrivals.keeping is not None and arrivals.keeping.rows
    rows = " UNION ALL ".join(f"(SELECT 1 FROM {table} LIMIT 1)" for table in PAIR_TABLES)
    there = first_row(connection, f"SELECT count(*) FROM ({rows})")
    if there[0] or kept or any(map(arrivals.has, (*PARTS, "kind"))) or partition.is_split(connection):
        return False
    arrivals.hashes_pairs = True
    connection.execute(
        f"INSERT INTO connections ({', '.join(values)}, kind) SELECT {', '.join(values)}, {kind} FROM arrivals"
    )
    none = first_row(connection, "SELECT count(*) FROM (SELECT 1 FROM connections WHERE weight = 0 LIMIT 1)")
    if arrivals.rows and not none[0] and _are_distinct(arrivals):
        _claim_kinds(arrivals, f"(SELECT {kind} AS kind)")
        return True
    connection.execute("DELETE FROM connections")
    arrivals.hashes_pairs = False
    arrivals.again()
    return False


def _are_distinct(arrivals: IncomingRows) -> bool:
    """Whether it is sure that no pair repeats: a sort of hashes, 8 bytes a row; a hash table takes ten times that.

    Other hashes are of other pairs; two that are equal may be, too, and are looked at the long way.
    """
    pieces = arrivals.pair_hashes
    hashes = np.empty(sum(map(len, pieces)), np.uint64)
    end = len(hashes)
    while pieces:  # each goes when it is copied: never all of them twice
        begin = end - len(pieces[-1])
        hashes[begin:end] = pieces.pop()
        end = begin
    sort_in_place(hashes)
    return not bool((hashes[1:] == hashes[:-1]).any())


def _without_weight(arrivals: IncomingRows) -> list[str]:
    """Rows of weight 0 say that there is no connection, as zeros of a matrix do."""
    connection = arrivals.connection
    row = first_row(connection, "SELECT count(*) FROM arrived WHERE weight = 0")
    if not row[0]:
        return []
    named = "SELECT pre_root_id AS root_id FROM arrived WHERE {0} UNION SELECT post_root_id FROM arrived WHERE {0}"
    silent = first_row(
        connection,
        f"SELECT count(*) FROM (({named.format('weight = 0')}) EXCEPT ({named.format('weight <> 0')}) "
        "EXCEPT SELECT root_id FROM neurons) WHERE root_id <> 0",
    )
    connection.execute("DELETE FROM arrived WHERE weight = 0")
    arrivals.left_out += int(row[0])
    note = f"{row[0]:,} rows of weight 0 are no connections and were left out"
    if silent[0]:
        note += f", with {silent[0]:,} neurons that only they name (ingest those --as neurons to have them)"
    return [note]


def _drop_cancelled(arrivals: IncomingRows) -> list[str]:
    """Pairs whose rows add up to 0."""
    connection = arrivals.connection
    row = first_row(connection, "SELECT count(*) FROM connections WHERE weight = 0")
    if not row[0]:
        return []
    for parts in ("connections_by_neuropil", partition.PARTITION):
        connection.execute(f"DELETE FROM {parts} WHERE ({PAIR}) IN (SELECT ({PAIR}) FROM connections WHERE weight = 0)")
    connection.execute("DELETE FROM connections WHERE weight = 0")
    return [f"{row[0]:,} connections whose rows add up to weight 0 were left out"]


def _repeated(arrivals: IncomingRows, duplicates: str | None) -> list[str]:
    """Rows of one source with the same pair, kind, neuropil and compartments."""
    connection = arrivals.connection
    key = ", ".join([PAIR, *filter(arrivals.has, PARTS)])
    row = first_row(
        connection, f"SELECT (SELECT count(*) FROM arrived) - count(*) FROM (SELECT DISTINCT {key} FROM arrived)"
    )
    if not row[0]:
        return []
    if duplicates == "refuse":
        twice = first_row(
            connection,
            f"SELECT pre_root_id, post_root_id, min(arrival), max(arrival) FROM arrived GROUP BY {key} "
            "HAVING count(*) > 1 ORDER BY 3 LIMIT 1",
        )
        row_a, row_b = arrivals.source_row(twice[2]), arrivals.source_row(twice[3])
        raise SchemaError(
            f"{arrivals.source}: rows {row_a} and {row_b} hold the same connection {twice[0]} "
            f"-> {twice[1]} "
            f"({row[0]:,} repeated rows); --duplicates sum adds them up, --duplicates first keeps the first"
        )
    if duplicates == "first":
        connection.execute(
            f"DELETE FROM arrived WHERE arrival NOT IN (SELECT min(arrival) FROM arrived GROUP BY {key})"
        )
        arrivals.left_out += int(row[0])
        return [f"{row[0]:,} repeated rows left out, the first of each pair kept"]
    return [f"{row[0]:,} repeated rows summed into their pair"]


def _met_before(arrivals: IncomingRows, duplicates: str | None) -> list[str]:
    """Pairs that an earlier source brought, those that are kept apart among them."""
    connection = arrivals.connection
    before = " UNION ALL ".join(f"SELECT {PAIR} FROM {table}" for table in PAIR_TABLES)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE met AS SELECT DISTINCT {PAIR} FROM arrived SEMI JOIN ({before}) USING ({PAIR})"
    )
    (count,) = first_row(connection, "SELECT count(*) FROM met")
    if not count:
        return []
    if duplicates in (None, "refuse"):
        example = first_row(connection, "SELECT pre_root_id, post_root_id FROM met ORDER BY ALL LIMIT 1")
        raise SchemaError(
            f"{arrivals.source}: {count:,} connections are in the graph already, {example[0]} -> "
            f"{example[1]} for example; "
            "--duplicates sum adds the new weights to them, --duplicates first keeps the old ones"
        )
    if duplicates == "first":
        old = first_row(connection, f"SELECT count(*) FROM arrived SEMI JOIN met USING ({PAIR})")
        arrivals.left_out += int(old[0])
        connection.execute(f"DELETE FROM arrived USING met WHERE {_same('arrived', 'met')}")
        return [f"{count:,} connections were in the graph already and kept as they were"]
    # Summing: the old rows join the new ones and leave the table; neuropil detail is added, not replaced.
    for table in PAIR_TABLES:
        for name, type_ in _described(connection, table).items():  # what only earlier sources say of a pair stays
            connection.execute(f"ALTER TABLE arrived ADD COLUMN IF NOT EXISTS {quote(name)} {type_}")
    there = set(_described(connection, "arrived"))
    for table in PAIR_TABLES:
        shared = [quote(name) for name in _described(connection, table) if name in there]
        connection.execute(
            f"INSERT INTO arrived BY NAME SELECT {', '.join(shared)}, -1 AS arrival FROM {table} "
            f"WHERE ({PAIR}) IN (SELECT ({PAIR}) FROM met)"
        )
        connection.execute(f"DELETE FROM {table} USING met WHERE {_same(table, 'met')}")
    return [f"{count:,} connections were in the graph already; their weights were added up"]


def _insert(arrivals: IncomingRows, unique: bool) -> None:
    """Write what arrived, summed over the rows of a pair unless it is known that each has one."""
    connection = arrivals.connection
    total = exact_sum(connection, "arrived", "weight")
    if arrivals.has("neuropil"):
        _add_neuropils(connection)
    if partition.is_split(connection) or any(map(arrivals.has, SIDES)):
        sides = [side if arrivals.has(side) else f"CAST(NULL AS VARCHAR) AS {side}" for side in SIDES]
        partition.add(connection, f"SELECT {PAIR}, {', '.join(sides)}, weight FROM arrived WHERE arrival >= 0")
    others = [
        quote(name)
        for name in arrivals.schema.names
        if name not in ("pre_root_id", "post_root_id", "kind", "weight", "arrival", *SIDES)
    ]
    known = {*arrivals.schema.names, "kind", "arrival"}
    only_before = [
        quote(name)
        for name in _described(connection, "connections")
        if name in _described(connection, "arrived") and name not in known
    ]
    each_once = f"SELECT count(*) = (SELECT count(*) FROM arrived) FROM (SELECT DISTINCT {PAIR} FROM arrived)"
    if unique or first_row(connection, each_once)[0]:
        columns = ", ".join([PAIR, "weight", *others, *only_before])
        connection.execute(f"INSERT INTO connections BY NAME SELECT {columns} FROM arrived")
    else:
        heaviest = "".join(f", first({name} ORDER BY weight DESC, arrival) AS {name}" for name in others)
        heaviest += "".join(f", first({name}) FILTER (arrival < 0) AS {name}" for name in only_before)
        connection.execute(
            f"INSERT INTO connections BY NAME SELECT {PAIR}, CAST({total} AS DOUBLE) AS weight{heaviest} "
            f"FROM arrived GROUP BY {PAIR}"
        )


def _add_neuropils(connection: duckdb.DuckDBPyConnection) -> None:
    """What arrived by pair and neuropil, in one row each with what earlier sources say of the same."""
    key = f"{PAIR}, neuropil"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE in_neuropils AS SELECT {key}, weight FROM arrived WHERE arrival >= 0 UNION ALL "
        f"SELECT {key}, weight FROM connections_by_neuropil SEMI JOIN met USING ({PAIR})"
    )
    connection.execute(f"DELETE FROM connections_by_neuropil USING met WHERE {_same('connections_by_neuropil', 'met')}")
    total = exact_sum(connection, "in_neuropils", "weight")
    connection.execute(
        f"INSERT INTO connections_by_neuropil BY NAME SELECT {key}, CAST({total} AS DOUBLE) AS weight "
        f"FROM in_neuropils GROUP BY {key}"
    )
    connection.execute("DROP TABLE in_neuropils")


def _claim_kinds(arrivals: IncomingRows, rows: str = "arrived") -> None:
    connection = arrivals.connection
    mixed = first_row(
        connection,
        f"SELECT DISTINCT a.kind FROM {rows} a JOIN pair_sources p ON p.kind = a.kind WHERE p.origin = 'synapses'",
    )
    if mixed:
        raise SchemaError(
            f"{arrivals.source}: this graph has {mixed[0]} connections made from single synapses; adding "
            f"ready connections of the same "
            "kind would count contacts twice. Make a separate graph for them"
        )
    connection.execute(
        f"""INSERT INTO pair_sources SELECT DISTINCT kind, 'connections' FROM {rows}
           WHERE kind NOT IN (SELECT kind FROM pair_sources)"""
    )


def _described(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column -> type."""
    return {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}


def _same(left: str, right: str) -> str:
    return " AND ".join(f"{left}.{c} = {right}.{c}" for c in ("pre_root_id", "post_root_id", "kind"))

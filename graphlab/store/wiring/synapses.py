"""Synapses into the graph: every row kept, its id unique in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store import incoming_rows
from graphlab.store.database import arrow, first_row, quote
from graphlab.store.incoming_rows import IncomingRows, is_virtual, make_real
from ingest.running.task_runners import Threads
from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import RootIds

if TYPE_CHECKING:
    import duckdb


def write_synapses(arrivals: IncomingRows, kind: str | None) -> list[str]:
    """Append ``arrivals`` to ``synapses``.

    Args:
        kind: for rows whose source names none; chemical unless said.

    Raises:
        SchemaError: pairs of this kind came from ready connections already.
        IdError: a synapse_id that occurs twice in the source or is in the graph.
    """
    connection = arrivals.connection
    before = first_row(connection, "SELECT count(*), max(synapse_id) FROM synapses")
    had, highest = int(before[0]), before[1]
    columns, values = arrivals.selected(skip=("kind",)), arrivals.selected(skip=("kind",))
    if not arrivals.has("synapse_id"):
        first = arrivals.first_id = 1 if highest is None else int(highest) + 1
        columns.append("synapse_id")
        values.append(f"CAST(arrival + {first} AS UBIGINT)")
    own_kind = f"'{kind or 'chemical'}'"
    if arrivals.has("kind") or kind not in (None, "chemical") or not is_virtual(connection, "synapses", "kind"):
        make_real(connection, "synapses", "kind")
        columns.append("kind")
        values.append(f"coalesce(kind, {own_kind})" if arrivals.has("kind") else own_kind)
    connection.execute(f"INSERT INTO synapses ({', '.join(columns)}) SELECT {', '.join(values)} FROM arrivals")
    if arrivals.has("synapse_id"):
        _check_unique(arrivals, had)
    _claim_kinds(arrivals)
    notes = []
    if not arrivals.has("synapse_id"):
        notes.append("the source has no synapse ids; rows are numbered in their order")
    if arrivals.has("weight"):
        zero = first_row(connection, "SELECT count(*) FROM synapses WHERE weight = 0")
        if zero[0]:
            notes.append(f"{zero[0]:,} synapses of weight 0 count for no connection")
    background = first_row(connection, "SELECT count(*) FROM synapses WHERE pre_root_id = 0 OR post_root_id = 0")
    if background and background[0]:
        notes.append(f"{background[0]:,} synapses touch root id 0 (no segment); they count for no connection")
    return notes


def _check_unique(arrivals: IncomingRows, had: int) -> None:
    """Sorts of ids, 8 bytes a row; a hash table of DuckDB would take several times the room and time."""
    ids = arrivals.synapse_ids
    if arrivals.keeping is not None and arrivals.keeping.ids and ids:
        arrivals.keeping.keep(arrivals.connection, "ids", pa.table({"synapse_id": np.concatenate(ids)}))
    if had or not arrivals.has_all_ids:
        ids.clear()
        shares = _shares(arrivals.connection, had + arrivals.rows)
    else:
        shares = iter([_joined(ids)])
    found = []
    for values in shares:
        sort_in_place(values)
        found.append(values[1:][values[1:] == values[:-1]])
        del values  # before the next share is read
    repeated = np.sort(np.concatenate(found))
    if not len(repeated):
        return
    rows = arrivals.rows_with("synapse_id", int(repeated[0]))
    where = " and ".join(f"row {row}" for row in rows) + (" and in the graph already" if len(rows) == 1 else "")
    raise IdError(
        f"{arrivals.source}: synapse_id {repeated[0]} occurs in {where}, one of {len(repeated):,} "
        f"repeated rows; "
        "ids must be unique. Remove repeated rows, or leave the column out so that rows are numbered"
    )


def _shares(connection: duckdb.DuckDBPyConnection, total: int) -> Iterator[RootIds]:
    """All ids of the graph, as many at a time as memory should hold; equal ones in one share."""
    shares = max(1, -(-total // incoming_rows.MOST_IDS))
    for share in range(shares):
        where = f" WHERE hash(synapse_id) % {shares} = {share}" if shares > 1 else ""
        ids = arrow(connection, f"SELECT synapse_id FROM synapses{where}")["synapse_id"]
        parts = [chunk.to_numpy() for chunk in ids.chunks]
        del ids
        yield _joined(parts)


def _joined(parts: list[RootIds]) -> RootIds:
    """One array of all, which they leave one by one: never twice in memory."""
    whole = np.empty(sum(map(len, parts)), dtype=np.uint64)
    at = len(whole)
    while parts:
        part = parts.pop()
        whole[at - len(part) : at] = part
        at -= len(part)
    return whole


def sort_in_place(values: npt.NDArray[np.uint64]) -> None:
    """Sort numbers: the smaller half and the larger half, a thread each."""
    if len(values) < 2:
        return
    middle = len(values) // 2
    values.partition(middle)
    list(Threads(2).map_tasks(lambda half: half.sort(), (values[:middle], values[middle:])))


def _claim_kinds(arrivals: IncomingRows) -> None:
    """Remember that pairs of these kinds are made from synapses; refuse kinds made of ready connections."""
    connection = arrivals.connection
    mixed = first_row(
        connection,
        """SELECT DISTINCT s.kind FROM synapses s JOIN pair_sources p ON p.kind = s.kind
           WHERE p.origin = 'connections'""",
    )
    if mixed:
        raise SchemaError(
            f"{arrivals.source}: this graph has {quote(mixed[0])} connections from a connection table; "
            f"adding single synapses of the "
            "same kind would count contacts twice. Make a separate graph for them"
        )
    connection.execute(
        """INSERT INTO pair_sources SELECT DISTINCT kind, 'synapses' FROM synapses
           WHERE kind NOT IN (SELECT kind FROM pair_sources)"""
    )

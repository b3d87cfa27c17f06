"""After every source: unknown neurons, connections from synapses, who is a graph node, totals.

Tests: tests/graphlab/store/wiring/test_recipe_change.py.
"""

from __future__ import annotations

from typing import Protocol

import duckdb
import pyarrow as pa

from graphlab.store.database import arrow, first_row
from graphlab.store.wiring.compartments import partition
from graphlab.store.wiring.connections import PAIR_TABLES
from graphlab.store.wiring.recipe import Recipe, connections_from_pairs, pairs_from_synapses, totals
from graphlab.store.wiring.signs import refresh_signs
from ingest.schema.errors import SchemaError


class Arrived(Protocol):
    """What is known of rows that came: ``IncomingRows``, or rows that are in their table already."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection: ...
    @property
    def source(self) -> str: ...
    @property
    def names(self) -> dict[int, str]: ...
    def first_row_with(self, column: str, values: pa.Array) -> tuple[int, int]: ...


def add_unknown_neurons(arrivals: Arrived, as_: str, policy: str) -> list[str]:
    """Neurons that only synapses or connections name: added, kept out of the graph, or refused.

    Args:
        arrivals: what came; names of named neurons complete rows that have no name yet.
        policy: ``add`` as graph nodes, ``keep`` as rows with in_graph false, ``refuse``.
    """
    if as_ in ("neurons", "skeletons"):
        return []
    connection, names, source = arrivals.connection, arrivals.names, arrivals.source
    # Connections are not made from new synapses yet; their pairs are, and there are fewer of those.
    tables = ("pairs",) if as_ == "synapses" else PAIR_TABLES
    sides = " UNION ".join(
        f"SELECT {side} AS root_id FROM {t}" for t in tables for side in ("pre_root_id", "post_root_id")
    )
    unknown = f"FROM ({sides}) WHERE root_id <> 0 AND root_id NOT IN (SELECT root_id FROM neurons)"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE unknown_neurons AS SELECT root_id {unknown}")
    row = first_row(connection, "SELECT count(*), min(root_id) FROM unknown_neurons")
    count, example = row
    known = first_row(connection, "SELECT count(*) FROM neurons")
    if count and policy == "refuse":
        where, example = _first_place(arrivals) or (source, example)
        raise SchemaError(
            f"{where}: neuron {example} is not in the graph, one of {count:,} that only these {as_} name. "
            f"Ingest them first "
            "(--as neurons), or say --unknown add (they become neurons) or --unknown keep (kept out of the graph)"
        )
    connection.execute(
        "INSERT INTO neurons (root_id, in_graph) SELECT root_id, ? FROM unknown_neurons", [policy == "add"]
    )
    connection.execute("DROP TABLE unknown_neurons")
    if names:
        frame = pa.table({"root_id": pa.array(list(names), pa.uint64()), "name": pa.array(names.values(), pa.string())})
        connection.register("given_names", frame)
        connection.execute(
            "UPDATE neurons SET name = given_names.name FROM given_names "
            "WHERE neurons.root_id = given_names.root_id AND neurons.name IS NULL"
        )
        connection.unregister("given_names")
    if not count:
        return []
    if policy == "keep":
        return [f"{count:,} neurons that only {as_} name are kept out of the graph (in_graph is false)"]
    if known and known[0]:
        return [f"{count:,} neurons that only {as_} name were added"]
    return [f"{count:,} neurons added from the {as_}"]


def _first_place(arrivals: Arrived) -> tuple[str, int] | None:
    """Where in the source the first neuron of ``unknown_neurons`` is named, and which it is."""
    wanted = arrow(arrivals.connection, "SELECT root_id FROM unknown_neurons")["root_id"].combine_chunks()
    first_rows = [(arrivals.first_row_with(side, wanted), side) for side in ("pre_root_id", "post_root_id")]
    places = sorted((row, side, value) for (row, value), side in first_rows if row)
    if not places:
        return None
    row, side, value = places[0]
    return f"{arrivals.source}, row {row}, column {side!r}", value


def rebuild_connections(connection: duckdb.DuckDBPyConnection, recipe: Recipe, pairs_made: bool = False) -> list[str]:
    """Make ``connections`` follow from synapses, recipe and ``in_graph``; refresh totals. Notes for people.

    Args:
        pairs_made: ``pairs_from_synapses`` has run on the present synapses with this recipe.
    """
    origins = dict(connection.execute("SELECT kind, origin FROM pair_sources").fetchall())
    if "synapses" in origins.values():
        if not pairs_made:
            pairs_from_synapses(connection, recipe)
        connections_from_pairs(connection)
        if origins.get("chemical") == "synapses" and not _totals_given(connection):
            totals(connection, "pairs", "total")
        connection.execute("DROP TABLE pairs")
    if "connections" in origins.values():
        if origins.get("chemical") == "connections" and not _totals_given(connection):
            connection.execute(
                "CREATE OR REPLACE TEMP VIEW all_pairs AS FROM connections UNION ALL FROM connections_left_out"
            )
            totals(connection, "all_pairs", "weight")
            connection.execute("DROP VIEW all_pairs")
        _sort_out_left_out(connection)
    if partition.is_split(connection):
        partition.cover_all(connection)
    refresh_signs(connection)
    return _tell(connection)


def _totals_given(connection: duckdb.DuckDBPyConnection) -> bool:
    row = first_row(connection, "SELECT value FROM meta WHERE key = 'totals'")
    return bool(row and row[0] == '"given"')


def _sort_out_left_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Pairs of ready connections move out when a partner is no graph node, and back when it is one again."""
    row = first_row(
        connection,
        """SELECT (SELECT count(*) FROM neurons WHERE NOT in_graph) + (SELECT count(*) FROM connections_left_out)
                  + (SELECT count(*) FROM connections WHERE pre_root_id = 0)
                  + (SELECT count(*) FROM connections WHERE post_root_id = 0)""",
    )
    if not row[0]:
        return  # the usual case: nobody is outside
    outside = "SELECT root_id FROM neurons WHERE NOT in_graph"
    kinds = "kind IN (SELECT kind FROM pair_sources WHERE origin = 'connections')"
    touches = f"(pre_root_id IN ({outside}) OR post_root_id IN ({outside}) OR pre_root_id = 0 OR post_root_id = 0)"
    for inside, left_out in (PAIR_TABLES, (partition.PARTITION, partition.LEFT_OUT)):
        partition.move(connection, left_out, inside, f"NOT {touches}")
        partition.move(connection, inside, left_out, f"{kinds} AND {touches}")


def _tell(connection: duckdb.DuckDBPyConnection) -> list[str]:
    row = first_row(
        connection,
        """SELECT count(*) FILTER (pre_root_id = post_root_id), (SELECT count(*) FROM connections_left_out)
           FROM connections""",
    )
    notes = []
    if row[0]:
        notes.append(
            f"{row[0]:,} autapses (a neuron onto itself) are kept in connections and left out of graphs and censuses"
        )
    if row[1]:
        notes.append(f"{row[1]:,} connections with a partner that is no graph node are kept apart")
    return notes

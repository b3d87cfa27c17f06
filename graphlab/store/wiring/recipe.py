"""What a connection is: the recorded recipe from synapses to connections, and its SQL.

Order of the work: add up every synapse of a pair (totals before any filter), then keep what the recipe
keeps, then sum neuropils. Autapses stay in ``connections``; snapshots and censuses leave them out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np

from graphlab.store.database import exact_sum, first_row
from graphlab.store.wiring.compartments.partition import PARTITION, SIDES
from graphlab.store.wiring.near_synapses import merge_near
from ingest.schema.errors import SchemaError
from ingest.schema.words import KINDS


@dataclass(frozen=True, slots=True)
class Recipe:
    """How synapses become connections."""

    min_score: float | None = None
    """Synapses below this score do not count; synapses without a score always count."""
    merge_within_nm: float | None = None
    """Of synapses of one ordered pair closer than this, only the one of highest score counts."""
    weight_counts: str = "synapses"
    """What one unit of weight is; ``source weights`` where sources bring a number a row."""

    def __post_init__(self) -> None:
        for name, value in (("min_score", self.min_score), ("merge_within_nm", self.merge_within_nm)):
            if value is not None and not np.isfinite(value):
                raise SchemaError(f"recipe: {name} is {value}; wanted a finite number")
        if self.merge_within_nm is not None and self.merge_within_nm <= 0:
            raise SchemaError(f"recipe: merge_within_nm is {self.merge_within_nm}; wanted a length above 0 nm")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def pairs_from_synapses(connection: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    """Temporary table ``pairs``: every ordered pair of ``synapses`` by kind and neuropil.

    Columns pre_root_id, post_root_id, kind, neuropil, pre_compartment, post_compartment, total (all synapses), weight
    (those the recipe keeps).
    """
    synapses = labelled_synapses(connection)
    merged = merge_near(connection, recipe.merge_within_nm) if recipe.merge_within_nm is not None else False
    present = first_row(
        connection,
        "SELECT min(coalesce(kind, 'chemical')), max(coalesce(kind, 'chemical')), count(neuropil) > 0, "
        "count(weight) > 0, count(score) > 0, count(pre_compartment) + count(post_compartment) > 0 "
        f"FROM {synapses}",
    )
    first_kind, last_kind, has_neuropil, has_weight, has_score, has_compartments = present
    # Grouping by two numbers is far cheaper than by texts as well, and most data sets have one kind.
    kind = f"'{first_kind}'" if first_kind == last_kind and first_kind in KINDS else "coalesce(kind, 'chemical')"
    groups = ["pre_root_id", "post_root_id"]
    groups += ["coalesce(kind, 'chemical')"] if first_kind != last_kind else []
    groups += ["neuropil"] if has_neuropil else []
    groups += SIDES if has_compartments else []
    kept = []
    if recipe.min_score is not None and has_score:
        kept.append("(score >= $min_score OR score IS NULL)")
    if merged:
        kept.append("synapse_id NOT IN (SELECT synapse_id FROM merged_synapses)")
    # Counting rows is cheaper than summing a column of ones, and most data sets have no weight a row.
    added = exact_sum(connection, "synapses", "weight").replace("weight", "coalesce(weight, 1)")
    total = added if has_weight else "count(*)"
    weight = f"{total} FILTER ({' AND '.join(kept)})" if kept else total
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE pairs AS
        SELECT pre_root_id, post_root_id,
               {kind} AS kind,
               {"neuropil" if has_neuropil else "CAST(NULL AS VARCHAR) AS neuropil"},
               {", ".join(side if has_compartments else f"CAST(NULL AS VARCHAR) AS {side}" for side in SIDES)},
               CAST({total} AS DOUBLE) AS total, CAST(coalesce({weight}, 0) AS DOUBLE) AS weight
        FROM {synapses} GROUP BY {", ".join(groups)}
        """,
        {"min_score": recipe.min_score} if recipe.min_score is not None and has_score else {},
    )
    connection.execute("DROP TABLE IF EXISTS merged_synapses")
    connection.execute("DROP TABLE IF EXISTS synapse_labels")


def labelled_synapses(connection: duckdb.DuckDBPyConnection) -> str:
    """The relation of synapses with compartments: those that a source gave, else those of their skeleton nodes, else
    those that a model predicted."""
    there = first_row(
        connection,
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM synapse_nodes LIMIT 1)), "
        "(SELECT count(*) FROM (SELECT 1 FROM synapse_compartments LIMIT 1))",
    )
    known = (
        "SELECT n.synapse_id, n.side, k.compartment, 0 AS turn FROM synapse_nodes n JOIN skeletons k "
        "USING (root_id, node_id) WHERE k.compartment IS NOT NULL",
        "SELECT synapse_id, side, compartment, 1 AS turn FROM synapse_compartments",
    )
    rows = " UNION ALL ".join(sql for sql, some in zip(known, there, strict=True) if some)
    if not rows:
        return "synapses"
    of_side = "arg_min(compartment, turn) FILTER (side = '{}')"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE synapse_labels AS
            SELECT synapse_id, {of_side.format("pre")} AS pre, {of_side.format("post")} AS post
            FROM ({rows}) GROUP BY synapse_id"""
    )
    return (
        "(SELECT s.* REPLACE (coalesce(s.pre_compartment, l.pre) AS pre_compartment, "
        "coalesce(s.post_compartment, l.post) AS post_compartment) "
        "FROM synapses s LEFT JOIN synapse_labels l USING (synapse_id))"
    )


def connections_from_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Replace the synapse-made rows of ``connections`` and of its partitions by those of ``pairs``."""
    kinds = "SELECT kind FROM pair_sources WHERE origin = 'synapses'"
    for table in ("connections", "connections_by_neuropil", PARTITION):
        connection.execute(f"DELETE FROM {table} WHERE kind IN ({kinds})")
    outside = first_row(connection, "SELECT count(*) FROM neurons WHERE NOT in_graph")
    in_graph = (
        "AND pre_root_id NOT IN (SELECT root_id FROM neurons WHERE NOT in_graph) "
        "AND post_root_id NOT IN (SELECT root_id FROM neurons WHERE NOT in_graph)"
        if outside and outside[0]
        else ""
    )
    # Root id 0 is the background of a segmentation, never a neuron.
    rows = f"FROM pairs WHERE weight > 0 AND pre_root_id <> 0 AND post_root_id <> 0 {in_graph}"
    columns = "pre_root_id, post_root_id, kind"
    split = first_row(
        connection,
        "SELECT count(neuropil) > 0, count(pre_compartment) + count(post_compartment) > 0 FROM pairs",
    )
    parts = (("connections_by_neuropil", "neuropil"), (PARTITION, ", ".join(SIDES)))
    if not any(split):
        connection.execute(f"INSERT INTO connections BY NAME SELECT {columns}, weight {rows}")
        return
    weight = f"CAST({exact_sum(connection, 'pairs', 'weight')} AS DOUBLE) AS weight"
    connection.execute(f"INSERT INTO connections BY NAME SELECT {columns}, {weight} {rows} GROUP BY {columns}")
    for (table, words), is_known in zip(parts, split, strict=True):
        if is_known:
            key = f"{columns}, {words}"
            summed = f"{weight} {rows} GROUP BY {key}" if all(split) else f"weight {rows}"
            connection.execute(f"INSERT INTO {table} BY NAME SELECT {key}, {summed}")


def totals(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Set total_in and total_out of every neuron from chemical rows of ``table``, before any filter."""
    added = exact_sum(connection, table, column)
    sums = (
        f"SELECT {{side}} AS root_id, CAST({added} AS DOUBLE) AS value FROM {table} "
        "WHERE kind = 'chemical' GROUP BY ALL"
    )
    # Rows written anew: an UPDATE of rows that the same transaction has added takes seven times as long.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE totalled AS
        SELECT n.* REPLACE (coalesce(incoming.value, 0) AS total_in, coalesce(outgoing.value, 0) AS total_out)
        FROM neurons n
        LEFT JOIN ({sums.format(side="post_root_id")}) incoming ON incoming.root_id = n.root_id
        LEFT JOIN ({sums.format(side="pre_root_id")}) outgoing ON outgoing.root_id = n.root_id
        ORDER BY n.rowid
        """
    )
    connection.execute("DELETE FROM neurons")
    connection.execute("INSERT INTO neurons BY NAME FROM totalled")
    connection.execute("DROP TABLE totalled")


def recipe_text(recipe: dict[str, Any]) -> str:
    """The connection recipe in words."""
    told = []
    if recipe.get("min_score") is not None:
        told.append(f"synapses of score {recipe['min_score']:g} or more")
    if recipe.get("merge_within_nm") is not None:
        told.append(f"synapses of one pair within {recipe['merge_within_nm']:g} nm counted once")
    return "; ".join(told) or "every synapse of the sources counts"

"""Whole tables and columns of the graph as Arrow.

Tests: tests/graphlab/activity/wiring/test_structure_function.py.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.database import arrow, first_row, quote
from graphlab.store.folder import Folder
from graphlab.store.runs.waiting import RESULT_TABLES
from ingest.schema.errors import UnknownNameError
from ingest.schema.words import KINDS
from ingest.schema.words import TABLES as TABLE_WORDS
from queries.snapshot import Snapshot


class NeuronList(Protocol):
    """Neurons in an order: a snapshot, or a list of some of them."""

    @property
    def root_ids(self) -> npt.NDArray[np.uint64]: ...


TABLES = (
    "neurons",
    "synapses",
    "connections",
    "connections_by_neuropil",
    "connections_by_compartment",
    "skeletons",
    "synapse_nodes",
    "synapse_compartments",
    "neuron_embeddings",
    "synapse_embeddings",
    "runs",
    "recording_files",
    "recorded_neurons",
    *RESULT_TABLES,
    "predictions",
)
ORDER = {
    "neurons": "root_id",
    "synapses": "synapse_id",
    "connections": "pre_root_id, post_root_id, kind",
    "connections_by_neuropil": "pre_root_id, post_root_id, kind, neuropil",
    "connections_by_compartment": "pre_root_id, post_root_id, kind, pre_compartment, post_compartment",
    "skeletons": "root_id, node_id",
    "synapse_nodes": "synapse_id, side",
    "synapse_compartments": "synapse_id, side",
    "neuron_embeddings": "model, root_id",
    "synapse_embeddings": "model, synapse_id, side",
    "runs": "started, run_id",
    "recording_files": "animal, part, file",
    "recorded_neurons": "animal, trace",
    **dict.fromkeys((*RESULT_TABLES, "predictions"), "ALL"),
}


def whole_table(folder: Folder, table: str) -> pa.Table:
    """All rows in the order of their ids; our own words first, whenever they came."""
    if table not in TABLES:
        raise UnknownNameError("table", table, TABLES)
    rows = arrow(folder.cursor(), f"FROM {table} ORDER BY {ORDER[table]}")
    own = [name for name in TABLE_WORDS[table].names() if name in rows.column_names] if table in TABLE_WORDS else []
    return rows.select([*own, *(name for name in rows.column_names if name not in own)])


def row_counts(folder: Folder) -> dict[str, int]:
    """Rows of every table; DuckDB knows them without a scan."""
    cursor = folder.cursor()
    return {table: int(first_row(cursor, f"SELECT count(*) FROM {table}")[0]) for table in TABLES}


def connections(folder: Folder, kind: str, min_weight: float) -> pa.Table:
    """Connections of one kind of at least ``min_weight``, autapses included, in (pre, post) order."""
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, KINDS)
    return arrow(
        folder.cursor(),
        "FROM connections WHERE kind = ? AND weight >= ? ORDER BY pre_root_id, post_root_id",
        [kind, min_weight],
    )


def least_weight(folder: Folder, kind: str) -> float:
    """The smallest weight of the connections of a kind; infinite where there are none."""
    row = first_row(folder.cursor(), "SELECT min(weight) FROM connections WHERE kind = ?", [kind])
    return float("inf") if row[0] is None else float(row[0])


def has_neuropils(folder: Folder) -> bool:
    """Whether any connection is known to lie in a neuropil."""
    result = folder.connection.execute("SELECT 1 FROM connections_by_neuropil WHERE neuropil IS NOT NULL LIMIT 1")
    return result.fetchone() is not None


def neuropil_rows(folder: Folder, kind: str) -> pa.Table:
    """pre_root_id, post_root_id, neuropil, weight of connections between graph nodes whose neuropil is known."""
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, KINDS)
    outside = "SELECT root_id FROM neurons WHERE NOT in_graph"
    return arrow(
        folder.cursor(),
        "SELECT pre_root_id, post_root_id, neuropil, weight FROM connections_by_neuropil WHERE kind = ? "
        f"AND neuropil IS NOT NULL AND pre_root_id NOT IN ({outside}) AND post_root_id NOT IN ({outside}) "
        "ORDER BY neuropil, pre_root_id, post_root_id",
        [kind],
    )


def neuron_values(folder: Folder, neurons: NeuronList, column: str) -> list[Any]:
    """A column of ``neurons`` in the order of ``neurons.root_ids`` (ascending), None where unknown."""
    names = [str(row[0]) for row in folder.cursor().execute("DESCRIBE neurons").fetchall()]
    if column not in names:
        raise UnknownNameError("column of neurons", column, names)
    cursor = folder.cursor()
    cursor.register("wanted", pa.table({"root_id": pa.array(neurons.root_ids, pa.uint64())}))
    table = arrow(
        cursor,
        f"SELECT n.{quote(column)} AS value FROM wanted w LEFT JOIN neurons n USING (root_id) ORDER BY w.root_id",
    )
    values: list[Any] = table["value"].to_pylist()
    return values


def neuropils_of(folder: Folder, snapshot: Snapshot, kind: str) -> list[list[str]]:
    """The neuropils in which each neuron makes or receives connections of a kind, in node order, sorted.

    Neurons without any get the ``neuropil`` of their own row in ``neurons``, if it has one.
    """
    cursor = folder.cursor()
    cursor.register("wanted", pa.table({"root_id": pa.array(snapshot.root_ids, pa.uint64())}))
    rows = arrow(
        cursor,
        """WITH entered AS (
             SELECT pre_root_id AS root_id, neuropil FROM connections_by_neuropil WHERE kind = $kind
             UNION SELECT post_root_id, neuropil FROM connections_by_neuropil WHERE kind = $kind)
           SELECT w.root_id, list_sort(coalesce(list(DISTINCT e.neuropil) FILTER (e.neuropil IS NOT NULL),
                  list(n.neuropil) FILTER (n.neuropil IS NOT NULL), [])) AS names
           FROM wanted w LEFT JOIN entered e USING (root_id) LEFT JOIN neurons n USING (root_id)
           GROUP BY w.root_id ORDER BY w.root_id""",
        {"kind": kind},
    )
    names: list[list[str]] = [sorted(set(row)) for row in rows["names"].to_pylist()]
    return names

"""Skeletons into the graph: one of a neuron, every node a row, in the transaction of its source."""

from __future__ import annotations

import duckdb

from graphlab.store.database import first_row
from graphlab.store.incoming_rows import IncomingRows
from ingest.schema.errors import IdError, SchemaError


def write_skeletons(arrivals: IncomingRows, unknown: str, run_id: str) -> list[str]:
    """Append ``arrivals`` to ``skeletons``; gives notes.

    Args:
        unknown: what becomes of neurons that only skeletons name: ``add`` as graph nodes, ``keep`` as rows with
            in_graph false, ``refuse``.

    Raises:
        SchemaError: a neuron that has a skeleton already, or that the graph does not know. IdError: root id 0.
    """
    connection, source = arrivals.connection, arrivals.source
    columns = ", ".join(arrivals.selected())
    connection.execute(
        f"INSERT INTO skeletons ({columns}, run_id) SELECT {columns}, $run FROM arrivals", {"run": run_id}
    )
    several = first_row(
        connection,
        "SELECT count(*), min(root_id) FROM (SELECT root_id FROM (SELECT DISTINCT root_id, run_id FROM skeletons) "
        "GROUP BY root_id HAVING count(*) > 1)",
    )
    if several[0]:
        raise SchemaError(
            f"{source}: {several[0]:,} neurons have a skeleton in this graph already, {several[1]} for example; a "
            "neuron has one. Leave those out, or bring them into a new graph"
        )
    mine = "FROM skeletons WHERE run_id = $run"
    if first_row(connection, f"SELECT count(*) {mine} AND root_id = 0", {"run": run_id})[0]:
        raise IdError(f"{source}: a skeleton of root id 0, which is the background of a segmentation and no neuron")
    known = first_row(connection, f"SELECT count(compartment), count(*) {mine}", {"run": run_id})
    notes = [f"compartments of {known[0]:,} of {known[1]:,} nodes are known"]
    return notes + neurons_of_skeletons(connection, source, unknown, run_id)


def neurons_of_skeletons(connection: duckdb.DuckDBPyConnection, source: str, unknown: str, run_id: str) -> list[str]:
    """What becomes of the neurons that only the skeletons of one source name; gives notes.

    Raises:
        SchemaError: there are some, and ``unknown`` is ``refuse``.
    """
    mine = "FROM skeletons WHERE run_id = $run"
    strange = f"SELECT DISTINCT root_id {mine} AND root_id NOT IN (SELECT root_id FROM neurons)"
    lost = first_row(
        connection,
        f"SELECT count(*), min(root_id), (SELECT count(DISTINCT root_id) {mine}) FROM ({strange})",
        {"run": run_id},
    )
    if not lost[0]:
        return []
    if unknown == "refuse":
        raise SchemaError(
            f"{source}: {lost[0]:,} of {lost[2]:,} skeletons are of no neuron of the graph, {lost[1]} for example. "
            "Ingest the neurons or connections first, or say --unknown add (they become neurons) or --unknown keep "
            "(kept out of the graph)"
        )
    connection.execute(
        f"INSERT INTO neurons (root_id, in_graph) SELECT root_id, $inside FROM ({strange})",
        {"run": run_id, "inside": unknown == "add"},
    )
    if unknown == "keep":
        return [f"{lost[0]:,} neurons that only skeletons name are kept out of the graph (in_graph is false)"]
    return [f"{lost[0]:,} neurons that only skeletons name were added"]

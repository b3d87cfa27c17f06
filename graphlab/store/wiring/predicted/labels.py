"""The rows of ``synapse_compartments``: what a model of embeddings says of where synapses lie.

They fill in where neither a source nor a skeleton says it, and go with the joins of embeddings that they rest on.

Tests: tests/graphlab/predict/proofread/test_synapse_labels.py.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pyarrow as pa

from graphlab.store.database import first_row
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.store.runs.results import ActiveRun
from graphlab.store.wiring.compartments.choice import LABELLED
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe

SIDES = ("pre", "post")


def write_labels(
    folder: Folder, run: ActiveRun, embeddings: str, labels: pa.Table, say: Callable[[dict[str, int]], str]
) -> None:
    """Replace what was predicted before, and make ``connections_by_compartment`` anew; one transaction.

    Args:
        embeddings: the model of embeddings whose nodes were asked about. labels: synapse_id, side, compartment.
        say: what the run says, from the sides whose compartment is known otherwise (see ``known_otherwise``).
    """
    with folder.transaction() as connection:
        connection.execute("DELETE FROM synapse_compartments")
        connection.register("predicted", labels)
        connection.execute(
            "INSERT INTO synapse_compartments BY NAME SELECT ? AS run_id, ? AS embeddings, * FROM predicted",
            [run.run_id, embeddings],
        )
        connection.unregister("predicted")
        folder.set_meta(LABELLED, run.run_id)
        rebuild_connections(connection, Recipe(**(folder.meta("recipe") or {})))
        run.finish_in(connection, say(known_otherwise(folder)), runs.hash_table(labels))


def known_otherwise(folder: Folder) -> dict[str, int]:
    """Side -> predicted compartments of synapses that have one from a source or a skeleton, which stays."""
    rows = folder.connection.execute(
        """SELECT p.side, count(*) FROM synapse_compartments p
           LEFT JOIN synapses s USING (synapse_id)
           LEFT JOIN (SELECT n.synapse_id, n.side, k.compartment FROM synapse_nodes n
                      JOIN skeletons k USING (root_id, node_id)) n ON n.synapse_id = p.synapse_id AND n.side = p.side
           WHERE n.compartment IS NOT NULL
              OR CASE p.side WHEN 'pre' THEN s.pre_compartment ELSE s.post_compartment END IS NOT NULL
           GROUP BY 1"""
    ).fetchall()
    return dict.fromkeys(SIDES, 0) | {str(side): int(count) for side, count in rows}


def delete_labels(connection: duckdb.DuckDBPyConnection) -> int:
    """Forget what was predicted, connections left as they are; how many synapses had something."""
    count = int(first_row(connection, "SELECT count(DISTINCT synapse_id) FROM synapse_compartments")[0])
    connection.execute("DELETE FROM synapse_compartments")
    connection.execute("DELETE FROM meta WHERE key = ?", [LABELLED])
    return count


def forget_labels(folder: Folder, embeddings: str) -> list[str]:
    """Forget what was predicted from this model of embeddings, and make the connections anew; a note where there was.

    Call inside a transaction that changes the joins or places that it rests on.
    """
    connection = folder.connection
    rests = "SELECT count(*) FROM (SELECT 1 FROM synapse_compartments WHERE embeddings = ? LIMIT 1)"
    if not first_row(connection, rests, [embeddings])[0]:
        return []
    count = delete_labels(connection)
    rebuild_connections(connection, Recipe(**(folder.meta("recipe") or {})))
    return [forgotten(count)]


def forgotten(count: int) -> str:
    """What is said of them."""
    return f"predicted compartments of {count:,} synapses are forgotten: label them again (label-synapses)"

"""Synapses placed on the skeletons of their two neurons, and the compartments that follow from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.runs.results import start_run
from graphlab.store.wiring.compartments.choice import PLACED
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError

PLACE = "place synapses on skeletons"
SIDES = ("pre", "post")
NEURONS_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class PlacedSynapses:
    """How many synapses found a node of their neurons' skeletons."""

    run_id: str
    within_nm: float
    synapses: int
    placed: dict[str, int]
    """Side -> synapses with a node within reach."""
    beyond: dict[str, int]
    """Side -> synapses whose nearest node is too far away."""
    without: dict[str, int]
    """Side -> synapses whose neuron has no skeleton, or is not known."""
    nowhere: int
    """Synapses that have no position."""

    def __str__(self) -> str:
        sides = "; ".join(
            f"{side}synaptic: {self.placed[side]:,} placed, {self.beyond[side]:,} beyond {self.within_nm:g} nm and "
            f"left unplaced, {self.without[side]:,} of neurons without a skeleton"
            for side in SIDES
        )
        nowhere = f"; {self.nowhere:,} have no position" if self.nowhere else ""
        return f"{self.synapses:,} synapses on skeletons, {sides}{nowhere} (run {self.run_id})"


def place_on_skeletons(folder: Folder, within_nm: float, progress: Progress | None = None) -> PlacedSynapses:
    """Keep the nearest skeleton node of the pre- and of the postsynaptic neuron of every synapse; one transaction.

    Rows go to ``synapse_nodes``, replacing earlier ones, and ``connections_by_compartment`` follows from the labels of
    the nodes; a label that a source gave a synapse stays.

    Args:
        within_nm: a synapse whose nearest node is farther away is left unplaced.

    Raises:
        SchemaError: no synapse with a position, no skeleton, a distance that is no length.
    """
    if not (np.isfinite(within_nm) and within_nm > 0):
        raise SchemaError(f"within is {within_nm}; wanted a length above 0 nm")
    synapses, positioned, nodes = _counts(folder)
    if not positioned:
        raise SchemaError(
            f"none of the {synapses:,} synapses has a position; ingest synapses with x_nm, y_nm, z_nm "
            "(or voxel positions and --resolution)"
        )
    if not nodes:
        raise SchemaError("this graph has no skeletons; bring some with graphlab ingest GRAPH FOLDER --as skeletons")
    run = start_run(folder, PLACE, {"within_nm": float(within_nm)})
    digest = hashlib.sha256()
    placed, beyond = dict.fromkeys(SIDES, 0), dict.fromkeys(SIDES, 0)
    with folder.transaction() as connection:
        connection.execute("DELETE FROM synapse_nodes")
        for side, table, far in _placed(folder, float(within_nm), progress):
            digest.update(_bytes(table))
            placed[side] += table.num_rows
            beyond[side] += far
            connection.register("placed", table)
            connection.execute(
                "INSERT INTO synapse_nodes BY NAME SELECT ? AS run_id, ? AS side, * FROM placed", [run.run_id, side]
            )
            connection.unregister("placed")
        without = {side: positioned - placed[side] - beyond[side] for side in SIDES}
        result = PlacedSynapses(run.run_id, float(within_nm), synapses, placed, beyond, without, synapses - positioned)
        folder.set_meta(PLACED, run.run_id)
        rebuild_connections(connection, Recipe(**(folder.meta("recipe") or {})))
        run.finish_in(connection, str(result), digest.hexdigest())
    return result


def place_again(folder: Folder, within_nm: float) -> str:
    """The hash that placing the synapses gives now, nothing kept; what ``graphlab rerun`` compares."""
    digest = hashlib.sha256()
    for _, table, _ in _placed(folder, within_nm, None):
        digest.update(_bytes(table))
    return digest.hexdigest()


def _counts(folder: Folder) -> tuple[int, int, int]:
    row: Any = first_row(
        folder.connection,
        "SELECT (SELECT count(*) FROM synapses), "
        "(SELECT count(*) FROM synapses WHERE x_nm IS NOT NULL AND y_nm IS NOT NULL AND z_nm IS NOT NULL), "
        "(SELECT count(*) FROM skeletons)",
    )
    return int(row[0]), int(row[1]), int(row[2])


def _placed(folder: Folder, within_nm: float, progress: Progress | None) -> Iterator[tuple[str, pa.Table, int]]:
    """(side, rows, how many are too far), some neurons at a time, in order of root_id and synapse_id.

    Of nodes that are as near the tree takes one, the same each time.
    """
    from scipy.spatial import cKDTree

    ids = arrow(folder.cursor(), "SELECT DISTINCT root_id FROM skeletons ORDER BY root_id")["root_id"].to_numpy()
    for first in range(0, len(ids), NEURONS_AT_A_TIME):
        some = {"low": int(ids[first]), "high": int(ids[min(first + NEURONS_AT_A_TIME, len(ids)) - 1])}
        nodes = arrow(
            folder.cursor(),
            "SELECT root_id, node_id, x_nm, y_nm, z_nm FROM skeletons WHERE root_id BETWEEN $low AND $high "
            "ORDER BY root_id, node_id",
            some,
        )
        roots, points = nodes["root_id"].to_numpy(), _points(nodes)
        node_ids = nodes["node_id"].to_numpy()
        trees = {}
        for side in SIDES:
            rows = arrow(
                folder.cursor(),
                f"SELECT synapse_id, {side}_root_id AS root_id, x_nm, y_nm, z_nm FROM synapses "
                f"WHERE {side}_root_id IN (SELECT root_id FROM skeletons WHERE root_id BETWEEN $low AND $high) "
                "AND x_nm IS NOT NULL AND y_nm IS NOT NULL AND z_nm IS NOT NULL ORDER BY 2, 1",
                some,
            )
            owners, places = rows["root_id"].to_numpy(), _points(rows)
            nearest, distance = np.zeros(len(owners), dtype=np.uint64), np.full(len(owners), np.inf)
            begins = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(owners) else np.empty(0, np.int64)
            for begin, end in zip(begins, np.r_[begins[1:], len(owners)], strict=True):
                a, b = np.searchsorted(roots, owners[begin]), np.searchsorted(roots, owners[begin], side="right")
                if owners[begin] not in trees:
                    trees[owners[begin]] = cKDTree(points[a:b])
                far, at = trees[owners[begin]].query(places[begin:end])
                nearest[begin:end], distance[begin:end] = node_ids[a:b][at], far
            near = distance <= within_nm
            table = pa.table(
                {
                    "synapse_id": rows["synapse_id"].to_numpy()[near],
                    "root_id": owners[near],
                    "node_id": nearest[near],
                    "distance_nm": distance[near],
                }
            )
            yield side, table, int((~near).sum())
        if progress:
            progress(min(first + NEURONS_AT_A_TIME, len(ids)), len(ids))


def _points(table: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack([table[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1).astype(np.float64).reshape(-1, 3)


def _bytes(table: pa.Table) -> bytes:
    """Rows one after another, so that a hash of them does not depend on how they were cut."""
    kind = np.dtype([("synapse_id", "u8"), ("root_id", "u8"), ("node_id", "u8"), ("distance_nm", "f8")])
    rows = np.empty(table.num_rows, dtype=kind)
    for name in kind.names or ():
        rows[name] = table[name].to_numpy()
    return rows.tobytes()

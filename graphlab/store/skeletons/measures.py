"""Cable and synapses of neurons and of their compartments, in one pass over the tables.

Tests: tests/graphlab/store/skeletons/test_placement.py.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.wiring.recipe import labelled_synapses
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.ids import RootIds
from ingest.skeletons.skeleton import Skeleton

BY = ("neuron", "compartment")
NONE = "this graph has no skeletons; bring some with graphlab ingest GRAPH FOLDER --as skeletons"


def measured(folder: Folder, by: str = "neuron") -> pa.Table:
    """Cable length and single synapses of every neuron with a skeleton, or of each of its compartments.

    Half of the cable between two nodes belongs to either, so compartments add up to their neuron; so do synapses: what
    is on no known compartment stands in the row whose compartment is null, which has no density.

    Returns:
        root_id uint64, [compartment,] nodes int64, pieces int64 (roots), cable_nm double, inputs, outputs int64 (rows
        of synapses, no recipe; null where the graph has none), inputs_per_um, outputs_per_um double; by root_id.

    Raises:
        SchemaError: no skeletons. UnknownNameError: ``by``.
    """
    if by not in BY:
        raise UnknownNameError("way to measure skeletons (by)", by, BY)
    cursor = folder.cursor()
    _require_some(folder)
    synapses = labelled_synapses(cursor)
    has_any = first_row(cursor, "SELECT count(*) FROM (SELECT 1 FROM synapses LIMIT 1)")[0] > 0
    label = "compartment" if by == "compartment" else "CAST(NULL AS VARCHAR)"
    sides = " UNION ALL ".join(
        f"SELECT {side}_root_id AS root_id, {f'{side}_compartment' if by == 'compartment' else label} AS compartment, "
        f"{int(side == 'post')} AS got FROM {synapses}"
        for side in ("pre", "post")
    )
    table = arrow(
        cursor,
        f"""WITH edges AS (
              SELECT k.root_id, k.compartment AS own, p.compartment AS other,
                     sqrt((k.x_nm - p.x_nm) ** 2 + (k.y_nm - p.y_nm) ** 2 + (k.z_nm - p.z_nm) ** 2) / 2 AS half
              FROM skeletons k JOIN skeletons p ON p.root_id = k.root_id AND p.node_id = k.parent),
            halves AS (SELECT root_id, own AS compartment, half FROM edges
                       UNION ALL SELECT root_id, other, half FROM edges),
            cable AS (SELECT root_id, {label} AS compartment, sum(half ORDER BY half) AS cable_nm
                      FROM halves GROUP BY ALL),
            nodes AS (SELECT root_id, {label} AS compartment, count(*) AS nodes, count(*) - count(parent) AS pieces
                      FROM skeletons GROUP BY ALL),
            contacts AS (SELECT root_id, compartment, sum(got) AS inputs, count(*) - sum(got) AS outputs
                         FROM ({sides}) WHERE root_id IN (SELECT root_id FROM skeletons) GROUP BY ALL),
            parts AS (SELECT root_id, compartment FROM nodes UNION SELECT root_id, compartment FROM contacts)
            SELECT p.root_id, p.compartment, CAST(coalesce(n.nodes, 0) AS BIGINT) AS nodes,
                   CAST(coalesce(n.pieces, 0) AS BIGINT) AS pieces, CAST(coalesce(c.cable_nm, 0) AS DOUBLE) AS cable_nm,
                   CASE WHEN $any THEN CAST(coalesce(s.inputs, 0) AS BIGINT) END AS inputs,
                   CASE WHEN $any THEN CAST(coalesce(s.outputs, 0) AS BIGINT) END AS outputs
            FROM parts p
            LEFT JOIN nodes n ON n.root_id = p.root_id AND n.compartment IS NOT DISTINCT FROM p.compartment
            LEFT JOIN cable c ON c.root_id = p.root_id AND c.compartment IS NOT DISTINCT FROM p.compartment
            LEFT JOIN contacts s ON s.root_id = p.root_id AND s.compartment IS NOT DISTINCT FROM p.compartment
            ORDER BY p.root_id, p.compartment""",
        {"any": has_any},
    )
    known = by == "neuron" or table["compartment"].is_valid().to_numpy()
    cable_um = table["cable_nm"].to_numpy() / 1000
    for name in ("inputs", "outputs"):
        count = table[name].to_numpy().astype(np.float64)
        density = np.divide(count, cable_um, out=np.full(len(table), np.nan), where=(cable_um > 0) & known)
        table = table.append_column(f"{name}_per_um", pa.array(density, pa.float64(), mask=np.isnan(density)))
    return table if by == "compartment" else table.drop_columns("compartment")


def skeletons_of(folder: Folder, root_ids: RootIds | None = None) -> list[Skeleton]:
    """Stored skeletons as values, in order of root_id; their types are not kept, compartments lie in the table.

    Raises:
        SchemaError: no skeletons at all, or none of a neuron that was named.
    """
    _require_some(folder)
    cursor = folder.cursor()
    which = ""
    if root_ids is not None:
        cursor.register("wanted", pa.table({"root_id": pa.array(root_ids, pa.uint64())}))
        which = "WHERE root_id IN (SELECT root_id FROM wanted)"
    rows = arrow(cursor, f"SELECT * FROM skeletons {which} ORDER BY root_id, node_id")
    owners = rows["root_id"].to_numpy()
    if root_ids is not None and len(missing := np.setdiff1d(root_ids, owners)):
        raise SchemaError(f"neuron {missing[0]} has no skeleton in this graph ({len(missing):,} like that)")
    begins = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    found = []
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(owners)], strict=True):
        one = rows.slice(begin, end - begin)
        ids = one["node_id"].to_numpy()
        parent = one["parent"].fill_null(pa.scalar(0, pa.uint64())).to_numpy()
        at = np.where(one["parent"].is_valid().to_numpy(), np.searchsorted(ids, parent), -1)
        points = np.stack([one[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1)
        radii = one["radius_nm"].to_numpy()
        found.append(Skeleton(int(owners[begin]), ids, points, at.astype(np.int64), None, radii))
    return found


def _require_some(folder: Folder) -> None:
    if not first_row(folder.cursor(), "SELECT count(*) FROM (SELECT 1 FROM skeletons LIMIT 1)")[0]:
        raise SchemaError(NONE)

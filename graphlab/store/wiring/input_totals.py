"""How much input a neuron has in all: the denominator of every fraction of input that is shown.

The stored total: before any threshold, from fragments too, autapses left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.store.database import arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.errors import SchemaError
from ingest.schema.ids import RootIds, rows_of
from queries.snapshot import Snapshot

Floats = npt.NDArray[np.float64]


def input_beyond(folder: Folder, view: Snapshot, kind: str) -> Floats:
    """float64 [n]: what each neuron of a snapshot receives that the snapshot's edges do not hold.

    Together with the edges it is the stored total input. For chemical connections that is ``total_in`` of the neurons
    without their autapses; where it was not given, and for other kinds, the sum of everything stored.

    Args:
        kind: as ``snapshot`` takes it; functional edges come from neurons alone, so only the threshold takes away.

    Raises:
        SchemaError: a given total that is smaller than the neuron's connections.
    """
    kept = _into(view)
    if "@" in kind:
        whole = snapshot(folder.whole, kind)
        total = _into(whole)[rows_of(whole.root_ids, view.root_ids)]
    else:
        total = _totals(folder, view, kind)
    beyond: Floats = total - kept
    wrong = np.flatnonzero(beyond < -1e-9 * np.maximum(kept, 1.0))
    if len(wrong):
        one = int(wrong[0])
        raise SchemaError(
            f"neuron {view.root_ids[one]} has total_in {total[one]:g} without autapses, and its connections here "
            f"alone weigh {kept[one]:g} ({len(wrong):,} neurons like that); fractions of input need totals before any "
            "filter: ingest neurons without the column total_in, and totals are added up"
        )
    return np.maximum(beyond, 0.0)


def _into(view: Snapshot) -> Floats:
    return np.bincount(view.out_target, weights=view.weight, minlength=view.n).astype(np.float64)


def stored_totals(folder: Folder, kind: str, side: str = "in") -> tuple[RootIds, Floats]:
    """What every neuron of the graph receives in all, or sends: fragments in, autapses out, before any threshold.

    Args:
        kind: chemical, electrical or extrasynaptic. side: ``in`` or ``out``.

    Returns:
        root_ids uint64 [n] ascending, totals float64 [n]; both are kept until the data change, and not to be written.
    """
    known = folder.known  # whoever changes the data gives the folder another one
    key = ("stored totals", kind, side)
    if key not in known or folder.shared:  # others write a shared graph
        known[key] = _added_up(folder, kind, side)
    root_ids, totals = known[key]
    return root_ids, totals


def _added_up(folder: Folder, kind: str, side: str) -> tuple[RootIds, Floats]:
    cursor = folder.cursor()
    own_end = "post_root_id" if side == "in" else "pre_root_id"
    given = f"n.total_{side}"
    origin = first_row(cursor, "SELECT origin FROM pair_sources WHERE kind = ?", [kind])
    if origin is not None and origin[0] == "synapses":
        rows = "SELECT pre_root_id, post_root_id, coalesce(weight, 1) AS weight, coalesce(kind, 'chemical') AS kind "
        rows += "FROM synapses"
    else:
        rows = "SELECT pre_root_id, post_root_id, weight, kind FROM connections UNION ALL "
        rows += "SELECT pre_root_id, post_root_id, weight, kind FROM connections_left_out"
    sums = f"SELECT {own_end} AS root_id, sum(weight ORDER BY weight) AS value FROM ({rows}) WHERE kind = $kind"
    apart, self_ = (f"({sums} AND pre_root_id {sign} post_root_id GROUP BY {own_end})" for sign in ("<>", "="))
    total = "coalesce(apart.value, 0)"
    if kind == "chemical":
        total = f"coalesce({given} - coalesce(own.value, 0), {total})"
    # Only neurons without a stored total need everything added up.
    missing = first_row(cursor, f"SELECT count(*) FROM neurons n WHERE in_graph AND {given} IS NULL")
    if kind == "chemical" and not missing[0]:
        apart = "(SELECT 0::UBIGINT AS root_id, 0.0 AS value LIMIT 0)"
    table = arrow(
        cursor,
        f"SELECT n.root_id, CAST({total} AS DOUBLE) AS total FROM neurons n "
        f"LEFT JOIN {apart} AS apart ON apart.root_id = n.root_id "
        f"LEFT JOIN {self_} AS own ON own.root_id = n.root_id WHERE n.in_graph ORDER BY n.root_id",
        {"kind": kind},
    )
    root_ids, totals = table["root_id"].to_numpy(), table["total"].to_numpy()
    root_ids.flags.writeable = totals.flags.writeable = False
    return root_ids, totals


def _totals(folder: Folder, view: Snapshot, kind: str) -> Floats:
    """Summed weight into each neuron of a snapshot from all others, fragments included."""
    root_ids, totals = stored_totals(folder.whole, kind)
    found: Floats = totals[rows_of(root_ids, view.root_ids)]
    return found

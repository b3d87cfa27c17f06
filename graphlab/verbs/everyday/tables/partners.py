"""Connections of some neurons summed by partner, with sides apart and as fractions of everything.

Tests: tests/graphlab/verbs/everyday/test_partners.py.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphlab.store.database import arrow, quote
from graphlab.store.folder import Folder
from graphlab.store.wiring.input_totals import stored_totals
from ingest.schema.errors import SchemaError
from ingest.schema.ids import RootIds, rows_of

_SIDED = "side_pre IN ('left', 'right') AND side_post IN ('left', 'right')"
SIDES = {
    "ipsilateral": f"{_SIDED} AND side_pre = side_post",
    "contralateral": f"{_SIDED} AND side_pre <> side_post",
    "unsided": f"({_SIDED}) IS NOT TRUE",
}
"""Column -> which connections it sums."""


def partner_table(
    folder: Folder,
    connections: pa.Table,
    direction: str,
    chosen: RootIds,
    groups: list[str],
    labels: list[str],
    sides: bool,
    kind: str,
    upto: float | None,
) -> pa.Table:
    """The table of ``partners``, from connections between two neurons with ``<label>_pre`` and ``<label>_post``.

    Raises:
        SchemaError: a stored total that is smaller than the connections here.
    """
    end = "post" if direction == "out" else "pre"
    by_neuron = groups == ["neuron"]
    keys = [f"{end}_root_id AS root_id"] if by_neuron else []
    keys += [f"{quote(f'{label}_{end}')} AS {quote(label)}" for label in labels]
    places = ", ".join(str(i + 1) for i in range(len(keys)))
    counted = [] if by_neuron else [f"count(DISTINCT {end}_root_id) AS partners"]
    counted += ["count(*) AS connections", "sum(weight ORDER BY weight) AS weight"]
    if sides:
        counted += [
            f"coalesce(sum(weight ORDER BY weight) FILTER ({which}), 0) AS {name}" for name, which in SIDES.items()
        ]
    cursor = folder.cursor()
    cursor.register("found", connections)
    table = arrow(
        cursor,
        f"SELECT {', '.join([*keys, *counted])} FROM found GROUP BY {places} ORDER BY weight DESC, {places}",
    )
    side = "out" if direction == "out" else "in"
    ids, totals = stored_totals(folder.whole, kind, side)
    at = rows_of(ids, chosen)
    total = float(totals[at[at >= 0]].sum())
    share = table["weight"].to_numpy() / total if total > 0 else np.zeros(len(table))
    together = np.cumsum(share)
    if len(share) and together[-1] > 1 + 1e-9:
        raise SchemaError(
            f"the stored total {side}put of these neurons is {total:g}, and their connections weigh "
            f"{table['weight'].to_numpy().sum():g}; fractions need totals before any filter: ingest neurons without "
            f"the column total_{side}, and totals are added up"
        )
    table = table.append_column("fraction", pa.array(share, pa.float64()))
    table = table.append_column("cumulative", pa.array(together, pa.float64()))
    if upto is None:
        return table
    return table.slice(0, int(np.searchsorted(together, upto - 1e-12)) + 1)


def without_autapses(connections: pa.Table) -> tuple[pa.Table, int]:
    """The rows between two neurons, and how many others there are."""
    other = connections["pre_root_id"].to_numpy() != connections["post_root_id"].to_numpy()
    return connections.filter(pa.array(other)), int((~other).sum())

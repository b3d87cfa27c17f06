"""Weights as fractions of all input and of all output, whatever the answer left out.

Tests: tests/graphlab/verbs/everyday/test_connections.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.selection.resolve import root_ids_of
from graphlab.store.database import arrow, quote
from graphlab.store.folder import Folder
from graphlab.store.wiring.input_totals import stored_totals
from ingest.schema.errors import SchemaError
from ingest.schema.ids import rows_of
from queries.ir.connectome import NEURONS

ROUNDING = 1e-9
SIDES = {"fraction_in": ("post", "in"), "fraction_out": ("pre", "out")}


def with_fractions(
    folder: Folder,
    table: pa.Table,
    ends: Mapping[str, Mapping[str, Any] | None],
    kind: str,
    labels: list[str],
    regex: bool,
    autapses: pa.Table | None,
) -> pa.Table:
    """The table with ``fraction_in`` and ``fraction_out``, null where a group has no input or output at all.

    Args:
        table: weight, and a column ``<label>_pre`` and ``<label>_post`` for each of ``labels`` (``pre_root_id`` and
            ``post_root_id`` for root_id); without labels all neurons that meet an end are one group.
        ends: the criteria of pre and post: who is in a group.
        autapses: of groups, the part of the table that neurons make onto themselves, which no total counts.

    Raises:
        SchemaError: a stored total that is smaller than the connections of its neurons.
    """
    weight = _without_autapses(table, autapses, labels)
    for name, (end, side) in SIDES.items():
        ids, totals = stored_totals(folder.whole, kind, side)
        if labels == ["root_id"]:
            at = rows_of(ids, table[f"{end}_root_id"].to_numpy())
            total = np.where(at >= 0, totals[at], np.nan)
        else:
            total = _of_groups(folder, table, ids, totals, ends[end], [f"{n}_{end}" for n in labels], labels, regex)
        share = np.divide(weight, total, out=np.full(len(weight), np.nan), where=total > 0)
        if (share > 1 + ROUNDING).any():
            row = int(np.argmax(np.nan_to_num(share)))
            raise SchemaError(
                f"a stored total {'input' if side == 'in' else 'output'} of {total[row]:g} is smaller than connections "
                f"of weight {weight[row]:g} in it; fractions need totals before any filter: ingest neurons without the "
                f"column total_{side}, and totals are added up"
            )
        table = table.append_column(name, pa.array(share, pa.float64(), mask=np.isnan(share)))
    return table


def _without_autapses(table: pa.Table, autapses: pa.Table | None, labels: list[str]) -> npt.NDArray[np.float64]:
    """float64 [rows]: the weight that totals count, NaN for an autapse by itself."""
    weight: npt.NDArray[np.float64] = table["weight"].to_numpy().astype(np.float64)
    if autapses is None:
        own = table["pre_root_id"].to_numpy() == table["post_root_id"].to_numpy()
        return np.where(own, np.nan, weight)
    groups = [f"{label}_{end}" for label in labels for end in ("pre", "post")]
    groups += ["neuropil"] if "neuropil" in table.column_names else []
    onto_self = dict(zip(_keys(autapses, groups), autapses["weight"].to_pylist(), strict=True))
    return weight - np.array([onto_self.get(key, 0.0) for key in _keys(table, groups)], dtype=np.float64)


def _of_groups(
    folder: Folder,
    table: pa.Table,
    ids: npt.NDArray[np.uint64],
    totals: npt.NDArray[np.float64],
    criteria: Mapping[str, Any] | None,
    columns: list[str],
    labels: list[str],
    regex: bool,
) -> npt.NDArray[np.float64]:
    """float64 [rows]: the summed totals of every neuron in the group of each row."""
    chosen = root_ids_of(folder, criteria, regex)
    at = rows_of(ids, chosen)
    mine = np.where(at >= 0, totals[at], 0.0)
    if not labels:
        return np.full(len(table), mine.sum())
    cursor = folder.cursor()
    cursor.register("chosen", pa.table({"root_id": pa.array(chosen, pa.uint64()), "total": mine}))
    aliases = dict(NEURONS.aliases)
    named = ", ".join(f"n.{quote(_column(folder, aliases, label))} AS k{i}" for i, label in enumerate(labels))
    keys = ", ".join(f"k{i}" for i in range(len(labels)))
    rows = arrow(
        cursor,
        f"SELECT {keys}, sum(total ORDER BY total) AS total FROM "
        f"(SELECT {named}, c.total FROM chosen c JOIN neurons n USING (root_id)) GROUP BY {keys}",
    )
    sums: dict[Hashable, float] = dict(
        zip(_keys(rows, [f"k{i}" for i in range(len(labels))]), rows["total"].to_pylist(), strict=True)
    )
    return np.array([sums[key] for key in _keys(table, columns)], dtype=np.float64)


def _keys(table: pa.Table, columns: list[str]) -> list[Hashable]:
    """The labels of each row; NaN, which equals nothing, as its name."""
    values = ([str(v) if v != v else v for v in table[name].to_pylist()] for name in columns)
    return list(zip(*values, strict=True))


def _column(folder: Folder, aliases: Mapping[str, str], label: str) -> str:
    """The column that a name means; one of our other names where there is no column of it."""
    own = {str(row[0]).lower(): str(row[0]) for row in folder.cursor().execute("DESCRIBE neurons").fetchall()}
    return own.get(label.lower()) or aliases.get(label, label)

"""The tables of a graph that is followed, as views: what there was, overlaid with what events changed since.

``connections`` becomes a view of the table ``~connections`` and of ``live.connections`` after the position up to which
changes were brought into the table. Whoever reads the name reads the state of now.

Tests: tests/graphlab/store/live/test_going.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from graphlab.store.database import quote
from queries.ir.identifiers import OURS

PAIR = "pre_root_id, post_root_id, kind"


@dataclass(frozen=True, slots=True)
class Overlaid:
    """A table of weights by a key, and the table of its changes."""

    table: str
    changes: str
    key: str


WEIGHTS = (
    Overlaid("connections", "live.connections", PAIR),
    Overlaid("connections_by_neuropil", "live.neuropils", f"{PAIR}, neuropil"),
    Overlaid("connections_by_compartment", "live.compartments", f"{PAIR}, pre_compartment, post_compartment"),
)
TABLES = (*(one.table for one in WEIGHTS), "synapses", "neurons")
"""Tables that are views while a graph is followed."""


def base(table: str) -> str:
    """The table behind a view, for SQL."""
    return f"main.{quote(OURS + table)}"


def same(key: str, left: str, right: str) -> str:
    """The condition that two rows have one key, nulls alike."""
    return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM {right}.{name}" for name in key.split(", "))


def latest(changes: str, key: str, after: int, until: int | None = None) -> str:
    """SELECT of the newest row of each key in a table of changes, of positions above ``after`` up to ``until``."""
    to = "" if until is None else f" AND position <= {until}"
    return (
        f"SELECT * EXCLUDE (position, newest) FROM (SELECT *, row_number() OVER (PARTITION BY {key} "
        f"ORDER BY position DESC) AS newest FROM {changes} WHERE position > {after}{to}) WHERE newest = 1"
    )


def weights_now(one: Overlaid, folded: int, until: int | None = None) -> str:
    """SELECT of the weights of keys that changed, 0 where one is gone."""
    to = "" if until is None else f" AND position <= {until}"
    return (
        f"SELECT {one.key}, arg_max(after, position) AS weight FROM {one.changes} WHERE position > {folded}{to} "
        f"GROUP BY {one.key}"
    )


def _weights(one: Overlaid, folded: int) -> str:
    changed = weights_now(one, folded)
    # A key that has a null column is met by IS NOT DISTINCT FROM, which an anti join on columns would miss.
    pairs = "pre_root_id, post_root_id" if one.key == PAIR else ""
    if pairs:
        unchanged = f"FROM {base(one.table)} ANTI JOIN ({changed}) USING ({PAIR})"
    else:
        unchanged = f"FROM {base(one.table)} AS b ANTI JOIN ({changed}) AS c ON {same(one.key, 'b', 'c')}"
    return f"SELECT * {unchanged} UNION ALL BY NAME SELECT {one.key}, weight FROM ({changed}) WHERE weight > 0"


def neurons_now(folded: int, until: int | None = None) -> str:
    """SELECT of the rows of neurons that changed, with ``there`` false where one is gone."""
    return latest("live.neurons", "root_id", folded, until)


def totals_now(folded: int, until: int | None = None) -> str:
    """SELECT of root_id, in_after, out_after of neurons whose totals changed."""
    return f"SELECT root_id, in_after, out_after FROM ({latest('live.totals', 'root_id', folded, until)})"


def _neurons(folded: int) -> str:
    changed = neurons_now(folded)
    rows = (
        f"SELECT * FROM {base('neurons')} ANTI JOIN ({changed}) USING (root_id) UNION ALL BY NAME "
        f"SELECT * EXCLUDE (there) FROM ({changed}) WHERE there"
    )
    return (
        "SELECT n.* REPLACE (coalesce(t.in_after, n.total_in, 0) AS total_in, "
        f"coalesce(t.out_after, n.total_out, 0) AS total_out) FROM ({rows}) AS n "
        f"LEFT JOIN ({totals_now(folded)}) AS t USING (root_id)"
    )


def synapses_at(folded: int, until: int | None = None) -> str:
    """SELECT of synapses as they are, or were at a position from ``folded`` on."""
    came, moved = (
        latest("live.synapses", "synapse_id", folded, until),
        latest("live.moves", "synapse_id", folded, until),
    )
    rows = f"SELECT * FROM {base('synapses')} ANTI JOIN ({came}) USING (synapse_id) UNION ALL BY NAME {came}"
    return (
        "SELECT s.* REPLACE (coalesce(m.pre_after, s.pre_root_id) AS pre_root_id, "
        f"coalesce(m.post_after, s.post_root_id) AS post_root_id) FROM ({rows}) AS s LEFT JOIN ({moved}) AS m "
        "USING (synapse_id) WHERE m.synapse_id IS NULL OR m.pre_after IS NOT NULL"
    )


_VIEWS: dict[str, Callable[[int], str]] = {
    **{one.table: lambda folded, one=one: _weights(one, folded) for one in WEIGHTS},  # type: ignore[misc]
    "synapses": lambda folded: synapses_at(folded),
    "neurons": _neurons,
}


def create(connection: duckdb.DuckDBPyConnection, folded: int) -> None:
    """Make the views of changes after a position, in the place of earlier ones; call inside a transaction."""
    for table, select in _VIEWS.items():
        connection.execute(f"CREATE OR REPLACE VIEW {quote(table)} AS {select(folded)}")

"""A part of a graph, asked as if it were one: some neurons, the connections among them, of some neuropils and weights.

Every cursor of a part has views of its own in front of the tables, so whoever reads ``neurons`` or ``connections``
reads the part's, whatever language the question is in. Nothing is copied, and nothing of the graph changes.

Tests: tests/graphlab/verbs/everyday/test_subset.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.store.database import first_row, quote
from graphlab.store.folder import Folder
from graphlab.store.views.folder_view import FolderView
from graphlab.store.wiring.compartments.partition import PARTITION
from ingest.schema.errors import StoreError
from ingest.schema.ids import RootIds
from queries.ir.identifiers import OURS

IDS, POOLS = f"{OURS}part_neurons", f"{OURS}part_neuropils"
_PAIR = "pre_root_id, post_root_id, kind"


@dataclass(frozen=True, eq=False)
class Part:
    """Which part: its neurons, and what of their connections."""

    root_ids: RootIds
    """uint64 [n] ascending."""
    neuropils: tuple[str, ...]
    """Connections count what they have in these; everything when empty."""
    min_weight: float
    """Connections of less (in the neuropils) are left out."""
    said: Mapping[str, Any]
    """How it was asked for, in plain values, so that it can be asked for again."""

    @cached_property
    def key(self) -> str:
        """The same for the same neurons, neuropils and weight."""
        text = json.dumps([sorted(self.neuropils), self.min_weight]).encode()
        return hashlib.blake2b(self.root_ids.tobytes() + text, digest_size=6).hexdigest()

    def plain(self) -> dict[str, Any]:
        """As a run writes it down."""
        return {**self.said, "key": self.key}

    def __str__(self) -> str:
        told = f"a subset of {len(self.root_ids):,} neurons"
        if self.said.get("neurons") is not None:
            told += f" ({_words(self.said['neurons'])})"
        told += f" in {', '.join(self.neuropils)}" if self.neuropils else ""
        return told + (f", connections of weight {self.min_weight:g} or more" if self.min_weight else "")


def _words(said: Any) -> str:
    if isinstance(said, Mapping):
        return ", ".join(f"{name}={value}" for name, value in said.items())
    return f"{len(said):,} by root_id"


class PartFolder(FolderView):
    """A graph folder of which only a part is seen; runs are recorded in the whole graph, with the part they are of."""

    def __init__(self, whole: Folder, part: Part) -> None:
        super().__init__(whole, whole.read_only)
        self.part = part
        self._ids = pa.table({"root_id": pa.array(part.root_ids, pa.uint64())})
        self._pools = pa.table({"neuropil": pa.array(part.neuropils, pa.string())})
        with whole.reading() as cursor:
            database = str(first_row(cursor, "SELECT current_database()")[0])
            views = cursor.execute(
                "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND NOT temporary ORDER BY view_oid"
            ).fetchall()
        tables = _tables(quote(database), part)
        ours = {name for name, _ in tables}  # of a graph that follows events, these are views, too
        self._views = [*tables, *((str(n), _body(str(n), str(sql))) for n, sql in views if str(n) not in ours)]

    @property
    def whole(self) -> Folder:
        return self._whole

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._whole.cursor()
        cursor.register(IDS, self._ids)
        cursor.register(POOLS, self._pools)
        for name, select in self._views:
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {select}")
        return cursor

    def __str__(self) -> str:
        return f"this is {self.part}"


def _tables(database: str, part: Part) -> list[tuple[str, str]]:
    """Name and SELECT of every table of which only a part is seen."""
    main, ids, pools = f"{database}.main", quote(IDS), quote(POOLS)

    def among(sides: str = "AND") -> str:
        return f"(pre_root_id IN (FROM {ids}) {sides} post_root_id IN (FROM {ids}))"

    least = f" AND weight >= CAST('{part.min_weight!r}' AS DOUBLE)" if part.min_weight else ""
    connections = f"SELECT * FROM {main}.connections WHERE {among()}{least}"
    in_pools = ""
    if part.neuropils:
        in_pools = f" AND neuropil IN (FROM {pools})"
        summed = (
            f"SELECT {_PAIR}, sum(weight ORDER BY weight) AS part_weight FROM {main}.connections_by_neuropil "
            f"WHERE {among()}{in_pools} GROUP BY {_PAIR}"
        )
        connections = (
            f"SELECT * EXCLUDE (part_weight) FROM (SELECT c.* REPLACE (p.part_weight AS weight), p.part_weight "
            f"FROM {main}.connections c JOIN ({summed}) p USING ({_PAIR})) WHERE true{least}"
        )
    pairs = f"SEMI JOIN connections USING ({_PAIR})"
    return [
        ("neurons", f"SELECT * FROM {main}.neurons WHERE root_id IN (FROM {ids})"),
        ("connections", connections),
        ("connections_by_neuropil", f"SELECT n.* FROM {main}.connections_by_neuropil n {pairs} WHERE true{in_pools}"),
        (PARTITION, f"SELECT n.* FROM {main}.{PARTITION} n {pairs}"),
        ("connections_left_out", f"SELECT * FROM {main}.connections_left_out WHERE {among('OR')}"),
        ("synapses", f"SELECT s.* FROM {main}.synapses s {pairs} WHERE true{in_pools}"),
    ]


def _body(name: str, sql: str) -> str:
    """The SELECT of a stored CREATE VIEW statement."""
    head, found, body = sql.partition(" AS ")
    if not found or not head.upper().startswith("CREATE VIEW"):
        raise StoreError(f"the view {name!r} cannot be read in a part of the graph: {sql[:80]}")
    return body.strip().rstrip(";")

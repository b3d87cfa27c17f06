"""Graphs that follow events, and what a count from nothing says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.applied import Applied
from graphlab.live.events import from_records
from graphlab.live.follower import Follower
from graphlab.live.order import Followed
from graphlab.live.rows import batch_of
from graphlab.motifs.census.dyads import dyad_counts
from graphlab.motifs.census.triads import TRIADS, triad_counts
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from graphlab.store.live import going, log
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe, pairs_from_synapses

PARTS = {
    "connections": "pre_root_id, post_root_id, kind, weight",
    "connections_by_neuropil": "pre_root_id, post_root_id, kind, neuropil, weight",
    "connections_by_compartment": "pre_root_id, post_root_id, kind, pre_compartment, post_compartment, weight",
    "neurons": "root_id, in_graph, total_in, total_out, cell_type, name",
    "synapses": "synapse_id, pre_root_id, post_root_id, kind, neuropil, score, pre_supervoxel_id",
}


def state(folder: Folder) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of the wiring, sorted."""
    found = {}
    for table, columns in PARTS.items():
        rows = folder.cursor().execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
        if table in ("connections_by_neuropil", "connections_by_compartment"):
            # Empty, or of every connection: where nothing is known any more, both say the same.
            rows = rows if any(value is not None for row in rows for value in row[3:-1]) else []
        found[table] = rows
    return found


def recounted(folder: Folder) -> dict[str, list[tuple[Any, ...]]]:
    """The same once connections and totals are made anew from the synapses, in a transaction that is undone."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    try:
        with folder.transaction() as connection:
            recipe = Recipe(**(folder.meta("recipe") or {}))
            pairs_from_synapses(connection, recipe)
            rebuild_connections(connection, recipe, pairs_made=True)
            for table, columns in PARTS.items():
                rows = connection.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
                if table in ("connections_by_neuropil", "connections_by_compartment"):
                    rows = rows if any(value is not None for row in rows for value in row[3:-1]) else []
                found[table] = rows
            raise _Undone
    except _Undone:
        return found


class _Undone(Exception):
    pass


class Fed:
    """A graph that takes events from a test."""

    def __init__(self, folder: Folder, **options: Any) -> None:
        self.folder = folder
        going.start(folder)
        self.follower = Follower(folder, **options)
        self.sequence = 0
        self.position = going.position(folder)

    def take(self, *records: dict[str, Any]) -> Applied:
        """One batch, committed."""
        whole = []
        for record in records:
            self.sequence += 1
            always = {"version": 1, "producer": "p", "sequence": self.sequence, "event_id": f"e{self.sequence}"}
            whole.append(always | record)
        table, letters = from_records(whole)
        assert not letters, letters
        done = self.follower.apply(table, self.position)
        batch = batch_of(self.follower, done, (), {"p": Followed(self.sequence)}, 0, "test", {"at": self.sequence})
        log.append(self.folder, batch)
        self.position = batch.position
        return done

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        return state(self.folder)

    def recounted(self) -> dict[str, list[tuple[Any, ...]]]:
        return recounted(self.folder)

    def check_census(self) -> None:
        """Dyads and triads in memory are those of the tables."""
        wiring = self.follower.wiring
        with Graph(self.folder).folder.reading() as cursor:
            ids = arrow(cursor, "SELECT root_id FROM neurons WHERE in_graph ORDER BY root_id")["root_id"].to_numpy()
        view = Graph(self.folder).snapshot(wiring.kind, wiring.least)
        assert np.array_equal(view.root_ids, ids)
        assert wiring.triads() == dict(zip(TRIADS, triad_counts(view).tolist(), strict=True))
        assert list(wiring.dyad_counts().values()) == dyad_counts(view).tolist()


@pytest.fixture
def fed(tmp_path: Path) -> Callable[..., Fed]:
    """Makes a graph with what is handed over, that takes events."""

    def make(synapses: pa.Table | None = None, neurons: pa.Table | None = None, **options: Any) -> Fed:
        graph = Graph.create(tmp_path / f"g{len(list(tmp_path.iterdir()))}")
        if neurons is not None:
            graph.ingest(neurons, as_="neurons")
        if synapses is not None:
            graph.ingest(synapses, as_="synapses")
        return Fed(graph.folder, **options)

    return make

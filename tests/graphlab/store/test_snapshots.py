"""Snapshots: what they hold, saved once, mapped, equal to networkx's view of the same tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store.snapshots import load, save
from ingest.errors import UnknownNameError
from queries.snapshot import Snapshot


def test_a_snapshot_is_the_graph_without_autapses(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    rng = np.random.default_rng(0)
    pairs = {(int(a), int(b)) for a, b in rng.integers(1, 30, (200, 2))}
    graph.ingest(connections([(a, b, float(a + b)) for a, b in pairs]), as_="connections")
    snapshot = graph.snapshot(min_weight=20)
    wanted = graph.to_networkx(min_weight=20)
    edges = zip(snapshot.sources(), snapshot.out_target, snapshot.weight, strict=True)
    ids = snapshot.root_ids
    assert {(int(ids[a]), int(ids[b])): w for a, b, w in edges} == {
        (a, b): data["weight"] for a, b, data in wanted.edges(data=True) if a != b
    }
    assert snapshot.n == wanted.number_of_nodes()
    assert snapshot.meta["autapses"] == sum(a == b for a, b in wanted.edges)


def test_saved_once_and_mapped(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 5.0)]), as_="connections")
    first = graph.snapshot()
    files = list((graph.path / "snapshots").iterdir())
    assert [file.name for file in files] == [f"{first.meta['hash']}.arrow"]
    assert not first.out_target.flags.writeable
    written = files[0].stat().st_mtime_ns
    graph.snapshot()
    assert files[0].stat().st_mtime_ns == written
    graph.ingest(connections([(3, 1, 1.0)]), as_="connections")
    assert graph.snapshot().m == 3


def test_empty_graphs_round_trip(tmp_path: Path) -> None:
    empty = Snapshot.from_edges(np.array([], np.uint64), [], [])
    save(empty, tmp_path / "s" / "e.arrow")
    found = load(tmp_path / "s" / "e.arrow")
    assert (found.n, found.m, found.meta) == (0, 0, {"autapses": 0})
    with Graph.create(tmp_path / "g") as graph:
        assert graph.snapshot().n == 0
        with pytest.raises(UnknownNameError, match="did you mean 'electrical'"):
            graph.snapshot(kind="electric")

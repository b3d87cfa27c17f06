"""Snapshots: what they hold, saved once, mapped, equal to networkx's view of the same tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store.wiring.snapshots import SnapshotRebuiltWarning, load, save
from ingest.schema.errors import ReadError, UnknownNameError
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


def small(path: Path) -> Snapshot:
    made = Snapshot.from_edges(np.arange(5, dtype=np.uint64), [0, 1, 2, 3], [1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0])
    save(made, path)
    return made


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("out_target", 1, 10**6), ("out_target", 1, -5), ("out_target", 1, 5), ("in_source", 0, 5), ("in_edge", 2, 4),
        ("in_edge", 0, -1), ("out_start", 0, 1), ("out_start", 5, 3), ("out_start", 2, 4), ("in_start", 3, -1),
        ("root_ids", 3, 1),
    ],
)  # fmt: skip
def test_an_index_outside_is_refused(tmp_path: Path, name: str, at: int, value: int) -> None:
    made = small(tmp_path / "a.arrow")
    wrong = getattr(made, name).copy()
    wrong[at] = value
    save(replace(made, **{name: wrong}), tmp_path / "b.arrow")
    with pytest.raises(ReadError, match=f"{name} cannot be of a graph of 5 neurons and 4 connections"):
        load(tmp_path / "b.arrow")


@pytest.mark.parametrize("name", ["weight", "in_source", "in_edge", "out_start", "in_start"])
def test_sides_of_different_lengths_are_refused(tmp_path: Path, name: str) -> None:
    made = small(tmp_path / "a.arrow")
    save(replace(made, **{name: getattr(made, name)[:-1]}), tmp_path / "b.arrow")
    with pytest.raises(ReadError, match=f"{name} cannot be"):
        load(tmp_path / "b.arrow")


def test_a_damaged_snapshot_is_made_again_with_a_word(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 5.0), (3, 1, 2.0)]), as_="connections")
    right = graph.snapshot()
    file = next((graph.path / "snapshots").iterdir())
    whole = file.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:-30], whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :], b"", b"x" * 500):
        file.unlink()
        file.write_bytes(damaged)
        with pytest.warns(SnapshotRebuiltWarning, match="made again from the tables"):
            again = graph.snapshot()
        assert np.array_equal(again.out_target, right.out_target)
        assert file.read_bytes() == whole
    other = graph.snapshot(min_weight=2)
    file.write_bytes((graph.path / "snapshots" / f"{other.meta['hash']}.arrow").read_bytes())
    with pytest.warns(SnapshotRebuiltWarning, match="of something else"):
        assert graph.snapshot().m == 3


def test_a_table_larger_than_memory_gives_the_same_file(
    graph: Graph, connections: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    pairs = sorted({(int(a), int(b)) for a, b in rng.integers(1, 40, (300, 2))})
    graph.ingest(connections([(a, b, float(a + b)) for a, b in pairs]), as_="connections")
    wanted = graph.snapshot(min_weight=10)
    (file,) = (graph.path / "snapshots").iterdir()
    content = file.read_bytes()
    file.unlink()
    monkeypatch.setenv("GRAPHLAB_MEMORY", "2KB")
    assert graph.snapshot(min_weight=10).m == wanted.m
    assert file.read_bytes() == content
    assert not list((graph.path / "tmp").iterdir())

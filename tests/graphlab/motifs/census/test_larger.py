"""A census from a file against the one in memory: the same counts whatever the memory, in any order of parts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.content import digest
from graphlab.distributed.parts_folder import PartDone
from graphlab.motifs.census import larger
from graphlab.motifs.census.census import census
from graphlab.motifs.census.larger import Room, Rows, degrees, in_degree_order
from graphlab.motifs.census.triads import TRIADS, triad_counts
from graphlab.motifs.kernels import triads as kernels
from ingest.schema.errors import DiskError, ReadError
from queries.snapshot import Snapshot

Made = Callable[[int, float, float, int], Snapshot]


def hubs(n: int = 300, seed: int = 3) -> Snapshot:
    rng = np.random.default_rng(seed)
    pull = rng.pareto(1.2, n) + 0.01
    pairs = np.unique(rng.choice(n, (15 * n, 2), p=pull / pull.sum()), axis=0)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(0, 14),
    density=st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
    mutual=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
    memory=st.sampled_from([0, 40, 200, 10_000]),
)
def test_equals_memory_and_networkx(
    tmp_path_factory: pytest.TempPathFactory, random_graph: Made, n: int, density: float, mutual: float, seed: int,
    memory: int,
) -> None:  # fmt: skip
    one = random_graph(n, density, mutual, seed)
    folder = tmp_path_factory.getbasetemp()
    found = triad_counts(one, room=Room(memory, folder))
    assert found.tobytes() == triad_counts(one).tobytes()
    other = networkx.DiGraph(list(zip(one.sources().tolist(), one.out_target.tolist(), strict=True)))
    other.add_nodes_from(range(n))
    by_networkx = networkx.triadic_census(other)
    assert found.tolist() == [by_networkx[name] for name in TRIADS]
    degree, sums = degrees(one)
    start, neighbour, state = kernels.typed_neighbours(one.out_start, one.out_target, one.in_start, one.in_source)
    assert degree.tolist() == np.diff(start).tolist()
    arrays = (one.out_start, one.out_target, one.in_start, one.in_source)
    size = (np.diff(one.out_start) + np.diff(one.in_start)).astype(np.int32)
    begin, split, rest = np.empty(n + 1, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    wanted = kernels.split_rows(*arrays, size, begin, split, rest, np.empty(2 * one.m, np.uint32), 0, n)
    assert sums.tolist() == wanted.tolist()
    forward_start, forward, _ = kernels.forward_in_degree_order(start, neighbour, state)
    with in_degree_order(one, degree, Room(memory, folder)) as (file_start, rows):
        assert file_start.tobytes() == forward_start.tobytes()
        assert rows.all().tobytes() == forward.tobytes()
    assert not list(folder.glob(".array*"))


def test_hubs_blocks_and_workers_change_nothing(tmp_path: Path) -> None:
    one = hubs()
    wanted = triad_counts(one).tobytes()
    for memory, workers in ((2_000, 2), (20_000, 5)):
        assert triad_counts(one, workers, room=Room(memory, tmp_path)).tobytes() == wanted
    assert not list(tmp_path.iterdir())


def test_parts_in_any_order(tmp_path: Path) -> None:
    """Each part writes the degree order to a file of its own; the folder of the parts knows it by its content."""
    one = hubs()
    for part in (3, 1, 2):
        own = tmp_path / str(part)
        own.mkdir()
        with pytest.raises(PartDone):
            triad_counts(one, ArrayPart(part, 3, tmp_path / "parts"), room=Room(20_000, own))
    found = triad_counts(one, Gather(tmp_path / "parts"), room=Room(20_000, tmp_path))
    assert found.tobytes() == triad_counts(one).tobytes()


def test_what_fits_is_counted_in_memory_and_else_a_note_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hubs(60)
    small, large = Room(one.m * larger.IN_MEMORY - 1, tmp_path), Room(one.m * larger.IN_MEMORY, tmp_path / "none")
    found, wanted = census(one, 3, room=small), census(one, 3, room=large)
    assert found.counts == wanted.counts
    (note,) = set(found.notes) - set(wanted.notes)
    assert note.startswith("counted in blocks from a file")
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_gone_or_another_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="same place"):
        Rows(tmp_path / "none", "0", 4).all()
    (tmp_path / "short").write_bytes(bytes(8))
    with pytest.raises(ReadError, match="2 entries; wanted 4"):
        Rows(tmp_path / "short", "0", 4).all()


def test_rows_are_sent_by_name_and_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(np.arange(4, dtype=np.uint32).tobytes())
    rows = Rows(tmp_path / "a", "1f", 4)
    assert rows.block(1, 3).tolist() == [1, 2]
    other = pickle.loads(pickle.dumps(rows))
    assert other.block(0, 4).tolist() == [0, 1, 2, 3]
    assert digest(rows, "the function") == digest(Rows(tmp_path / "b", "1f", 4), "the function")
    assert digest(rows, "the function") != digest(Rows(tmp_path / "a", "2f", 4), "the function")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="GRAPHLAB_MEMORY"):
        triad_counts(hubs(60), room=Room(100, tmp_path / "file"))

"""Crops against padded arrays; every block read once, against one read per node; faults stay with their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.cutouts.blocks import BlockGrid, plan_reads
from gpu_embed.cutouts.crops import ABSENT, OUTSIDE, UNREADABLE, Cutouts, Failure
from gpu_embed.cutouts.stages import prefetch
from ingest.schema.errors import SchemaError, VersionError
from ingest.volumes.volume import Volume


def crops_of(cutouts: Cutouts) -> tuple[dict[int, np.ndarray], list[Failure]]:
    found: dict[int, np.ndarray] = {}
    failures = list(cutouts.failures)
    for rows, crops, failed in cutouts.cut(prefetch(cutouts.read())):
        found.update(zip(rows.tolist(), crops, strict=True))
        failures += failed
    return found, failures


def by_padding(em: Any, ids: Any, point: list[float], root_id: int, side: int) -> np.ndarray:
    """The crop voxel by voxel, from nanometres."""
    crop = np.zeros((side,) * 3, dtype=np.uint8)
    em_nm, ids_nm = (np.array(source.resolution.xyz[::-1]) for source in (em, ids))
    centre = np.floor(np.array(point[::-1]) / em_nm).astype(int)
    for at in np.ndindex(*crop.shape):
        voxel = centre + at - side // 2
        place = tuple(voxel - em.origin)
        label = tuple(np.floor((voxel + 0.5) * em_nm / ids_nm).astype(int) - ids.origin)
        if all(0 <= i < n for i, n in zip(place, em.shape, strict=True)) and all(
            0 <= i < n for i, n in zip(label, ids.shape, strict=True)
        ):
            crop[at] = em.data[place] * (ids.data[label] == root_id)
    return crop


@given(
    seed=st.integers(0, 2**32),
    steps=st.tuples(*[st.sampled_from([1 / 3, 1 / 2, 1, 2, 3])] * 3),
    chunk=st.tuples(*[st.sampled_from([3, 8, 64])] * 3),
    memory=st.sampled_from([0, 5_000, 1 << 30]),
)
@settings(deadline=None, max_examples=40)
def test_crops_are_those_of_a_padded_array(
    held: Any, node_table: Callable[..., pa.Table], seed: int, steps: Any, chunk: Any, memory: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = np.array([14, 17, 20])
    origin = rng.integers(-5, 5, 3)
    em = held(rng.integers(1, 256, shape, dtype=np.uint8), (12, 12, 12), tuple(origin.tolist()), chunk)
    ids_origin = tuple(np.floor(origin * steps).astype(int).tolist())
    ids_shape = np.maximum(np.ceil(shape * np.array(steps)).astype(int), 1)
    nm = [12 / step for step in steps[::-1]]
    ids = held(rng.integers(1, 4, ids_shape).astype(np.uint64) + 2**63, nm, ids_origin, chunk[::-1])
    volumes = (Volume("em", em), Volume("ids", ids))
    rows = []
    for node in range(12):
        point = ((rng.random(3) * shape + origin) * 12)[::-1]
        at = volumes[1].voxels_of(point)
        label = int(ids.data[tuple(at[0] - ids_origin)]) if volumes[1].holds(at)[0] else 7
        rows.append((label, node, *point.tolist()))
    cutouts = Cutouts(*volumes, node_table(rows), 5, group=3, memory_bytes=memory)
    found, failures = crops_of(cutouts)
    assert {failure.reason for failure in failures} <= {OUTSIDE}
    assert len(found) + len(failures) == len(rows)
    for row, crop in found.items():
        root_id, _, *point = rows[row]
        assert np.array_equal(crop, by_padding(em, ids, point, root_id, 5))
    assert volumes[0].reads + volumes[1].reads == cutouts.plan.reads
    assert volumes[0].bytes_read + volumes[1].bytes_read == cutouts.plan.bytes_read
    if memory == 1 << 30:
        assert cutouts.plan.read_again == 0
        assert em.times.max() <= 1
        assert ids.times.max() <= 1


def test_each_block_is_read_once_against_one_read_per_node(held: Any, node_table: Callable[..., pa.Table]) -> None:
    rng = np.random.default_rng(3)
    shape = (128, 128, 160)
    em, ids = held(np.ones(shape, np.uint8), chunk=(32, 32, 32)), held(np.ones(shape, np.uint32), chunk=(32, 32, 32))
    rows = [(1, node, *(rng.random(3) * shape[::-1] * 8).tolist()) for node in range(150)]
    volumes = (Volume("em", em), Volume("ids", ids))
    cutouts = Cutouts(*volumes, node_table(rows), 33)
    found, failures = crops_of(cutouts)
    assert (len(found), failures) == (150, [])
    blocks = 2 * 2 * 3  # of 64^3 voxels: two chunks a side
    assert volumes[0].reads == volumes[1].reads == blocks
    assert em.times.max() == ids.times.max() == 1
    assert cutouts.plan.naive_reads > 20 * cutouts.plan.reads
    assert cutouts.padded > 0


@given(st.integers(0, 2**32), st.integers(0, 40))
@settings(deadline=None, max_examples=30)
def test_memory_bounds_what_is_kept(held: Any, seed: int, blocks: int) -> None:
    """Less memory, more reads; what is held after a group fits, beyond what the next group needs."""
    rng = np.random.default_rng(seed)
    volumes = [Volume("v", held(np.ones((40, 40, 40), np.uint8), chunk=(8, 8, 8))) for _ in range(2)]
    grids = (BlockGrid(volumes[0], 8), BlockGrid(volumes[1], 8))
    centres = rng.integers(0, 40, (30, 3))
    boxes = ((centres - 4, centres + 5),) * 2
    free = plan_reads(grids, boxes, centres, group=4, memory_bytes=1 << 30)
    tight = plan_reads(grids, boxes, centres, group=4, memory_bytes=blocks * 512)
    assert free.read_again == 0
    assert tight.reads >= free.reads
    assert tight.most_held <= free.most_held
    held_now: set[Any] = set()
    for at, group in enumerate(tight.groups):
        assert not held_now & set(group.fetch)
        held_now |= set(group.fetch)
        held_now -= set(group.release)
        if at + 1 < len(tight.groups):
            needed = {
                (w, *b)
                for w in (0, 1)
                for n in tight.groups[at + 1].nodes
                for b in grids[w].touched(*[s[n] for s in boxes[w]])
            }
            assert len(held_now) <= max(blocks, len(needed))
    assert not held_now


def test_faults_stay_with_their_nodes(held: Any, node_table: Callable[..., pa.Table]) -> None:
    shape = (64, 64, 200)
    em, ids = held(np.full(shape, 9, np.uint8), chunk=(64, 64, 16)), held(np.ones(shape, np.int32))
    em.bad = [(10, 10, 70)]  # one chunk of the four of its block: x from 64 to 80
    ids.data[32, 32, 20] = 5
    rows = [
        (1, 0, 200, 200, 200),
        (1, 1, 640, 256, 256),
        (1, 5, 720, 256, 256),
        (1, 2, 1500, 256, 256),
        (1, 3, 164, 260, 260),
        (1, 4, -1, 0, 0),
    ]
    cutouts = Cutouts(Volume("em", em), Volume("ids", ids), node_table(rows), 9)
    found, failures = crops_of(cutouts)
    assert sorted(found) == [0, 2, 3]
    assert {failure.row: failure.reason for failure in failures} == {1: UNREADABLE, 4: ABSENT, 5: OUTSIDE}
    told = {failure.row: failure.message for failure in failures}
    assert "chunk is corrupt" in told[1]
    assert told[4] == "the segmentation has 5 there, not 1"
    assert told[5] == "voxel [0, 0, -1] (ZYX) of em, which has [0, 0, 0] to [64, 64, 200]"
    # A segment of an id that the volume's integers cannot hold is absent, not an error.
    cutouts = Cutouts(Volume("em", em), Volume("ids", ids), node_table([(2**63, 0, 200, 200, 200)]), 9)
    assert crops_of(cutouts)[1][0].reason == ABSENT


def test_volumes_that_do_not_fit_are_refused(held: Any, node_table: Callable[..., pa.Table]) -> None:
    nodes = node_table([(1, 0, 1, 1, 1)])
    bytes_, ids = Volume("em", held(np.ones((4, 4, 4), np.uint8))), Volume("ids", held(np.ones((4, 4, 4), np.uint64)))
    with pytest.raises(SchemaError, match="em holds uint64; wanted EM as uint8"):
        Cutouts(Volume("em", held(np.ones((4, 4, 4), np.uint64))), ids, nodes, 3)
    with pytest.raises(SchemaError, match="em holds float32; wanted whole numbers"):
        Cutouts(bytes_, Volume("em", held(np.ones((4, 4, 4), np.float32))), nodes, 3)
    with pytest.raises(SchemaError, match="no middle voxel"):
        Cutouts(bytes_, ids, nodes, 4)
    with pytest.raises(VersionError, match="neither is a multiple"):
        Cutouts(bytes_, Volume("ids", held(np.ones((4, 4, 4), np.uint64), (12, 8, 8))), nodes, 3)


def test_stages_work_ahead_but_not_far() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    taken = prefetch(items(), depth=3)
    assert next(taken) == 0
    for i in range(1, 20):
        assert next(taken) == i
        assert len(made) <= i + 6
    taken.close()  # type: ignore[attr-defined]
    assert len(made) < 50
    assert list(prefetch(iter(range(9)))) == list(range(9))

    def broken() -> Iterator[int]:
        yield 1
        raise SchemaError("no more")

    taken = prefetch(broken())
    assert next(taken) == 1
    with pytest.raises(SchemaError, match="no more"):
        next(taken)

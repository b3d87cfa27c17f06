"""Crops cut on a device against those cut on the host: the same bytes, the same failures, the same reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.cutouts.crops import ABSENT, OUTSIDE, UNREADABLE, Cutouts
from gpu_embed.cutouts.device_blocks import BlockPool, Ranks
from gpu_embed.cutouts.device_crops import DeviceCutter
from gpu_embed.cutouts.stages import prefetch
from gpu_embed.engines.memory import cutting_bytes
from ingest.volumes.volume import Volume

CPU = torch.device("cpu")
KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def on_host(cutouts: Cutouts) -> tuple[dict[int, bytes], dict[int, tuple[str, str]]]:
    return _collected(cutouts.cut(prefetch(cutouts.read())), cutouts)


def on_device(cutouts: Cutouts, device: torch.device = CPU, **options: Any) -> Any:
    cutter = DeviceCutter(cutouts, device, **options)
    return _collected(cutter.cut(prefetch(cutouts.fetch())), cutouts)


def _collected(cut: Any, cutouts: Cutouts) -> tuple[dict[int, bytes], dict[int, tuple[str, str]]]:
    crops: dict[int, bytes] = {}
    failures = list(cutouts.failures)
    for rows, some, failed in cut:
        whole = some.cpu().numpy() if isinstance(some, torch.Tensor) else some
        assert whole.dtype == np.uint8
        crops.update((row, crop.tobytes()) for row, crop in zip(rows.tolist(), whole, strict=True))
        failures += failed
    return crops, {failure.row: (failure.reason, failure.message) for failure in failures}


def made(held: Any, seed: int, kind: str, steps: Any, chunk: Any) -> tuple[Any, Any, list[Any]]:
    """Two sources, and nodes anywhere in and around them, some of segments that are not there."""
    rng = np.random.default_rng(seed)
    shape = np.array([14, 17, 20])
    origin = rng.integers(-5, 5, 3)
    em = held(rng.integers(1, 256, shape, dtype=np.uint8), (12, 12, 12), tuple(origin.tolist()), chunk)
    ids_origin = tuple(np.floor(origin * steps).astype(int).tolist())
    ids_shape = np.maximum(np.ceil(shape * np.array(steps)).astype(int), 1)
    info = np.iinfo(kind)
    # Neighbours that differ in the last bit only, at both ends and at the middle of the integers.
    several = [info.min, info.min + 1, 0, 1, info.max // 2, info.max // 2 + 1, info.max - 1, info.max]
    labels = rng.choice(np.array(several, dtype=kind), ids_shape)
    ids = held(labels, [12 / step for step in steps[::-1]], ids_origin, chunk[::-1])
    there = Volume("ids", ids)
    rows = []
    for node in range(14):
        point = ((rng.random(3) * (shape + 2) - 1 + origin) * 12)[::-1]
        at = there.voxels_of(point)
        label = int(labels[tuple(at[0] - ids_origin)]) if there.holds(at)[0] else 7
        # A negative id has the bits of a root id that is not there; one node in four asks for another segment.
        rows.append((label % 2**64 if rng.random() < 0.75 else (5, 2**63, 2**64 - 1)[rng.integers(3)], node, *point))
    return em, ids, rows


@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    steps=st.tuples(*[st.sampled_from([1 / 3, 1 / 2, 1, 2, 3])] * 3),
    chunk=st.tuples(*[st.sampled_from([3, 8, 64])] * 3),
    memory=st.sampled_from([0, 5_000, 1 << 30]),
    bad=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_the_same_bytes_as_on_the_host(
    held: Any, node_table: Callable[..., pa.Table], seed: int, kind: str, steps: Any, chunk: Any, memory: int, bad: bool
) -> None:
    em, ids, rows = made(held, seed, kind, steps, chunk)
    if bad:
        em.bad, ids.bad = [(3, 3, 3)], [(0, 0, 0)]
    found = {}
    for device in (False, True):
        volumes = (Volume("em", em), Volume("ids", ids))
        options = {"group": 3, "memory_bytes": memory, "on_device": device}
        cutouts = Cutouts(*volumes, node_table(rows), 5, **options)
        found[device] = (on_device if device else on_host)(cutouts)
        if not bad:
            assert volumes[0].reads + volumes[1].reads == cutouts.plan.reads
            assert volumes[0].bytes_read + volumes[1].bytes_read == cutouts.plan.bytes_read
    assert found[True] == found[False]
    assert len(found[True][0]) + len(found[True][1]) == len(rows)


def test_every_kind_of_failure_and_crops_beyond_the_rim_are_in_what_is_compared(
    held: Any, node_table: Callable[..., pa.Table]
) -> None:
    reasons, crops = set(), 0
    for seed, kind in enumerate(KINDS * 3):
        em, ids, rows = made(held, seed, kind, (1, 1 / 2, 2), (8, 3, 64))
        em.bad = [(3, 3, 3)]
        cutouts = Cutouts(Volume("em", em), Volume("ids", ids), node_table(rows), 5, on_device=True)
        found, failures = on_device(cutouts)
        reasons |= {reason for reason, _ in failures.values()}
        crops += sum(any(crop) for crop in found.values())
        assert cutouts.padded > 0
    assert reasons == {OUTSIDE, ABSENT, UNREADABLE}
    assert crops > 100


@pytest.mark.slow
def test_compiled_gathers_are_the_same(held: Any, node_table: Callable[..., pa.Table]) -> None:
    em, ids, rows = made(held, 5, "uint64", (1, 1 / 2, 2), (8, 8, 8))
    found = []
    for options in ({}, {"compiled": True}):
        volumes = (Volume("em", em), Volume("ids", ids))
        cutouts = Cutouts(*volumes, node_table(rows), 5, group=4, on_device=True)
        cutter = DeviceCutter(cutouts, CPU, **options)
        cutter.count = 3  # Not a divisor of the group: the last gather is filled up.
        found.append(_collected(cutter.cut(cutouts.fetch()), cutouts))
    assert found[0] == found[1]
    assert found[0][0]


@pytest.mark.parametrize(("kind", "side", "group"), [("uint64", 33, 8), ("uint32", 17, 2)])
def test_peak_memory_within_twenty_percent(
    held: Any, node_table: Callable[..., pa.Table], kind: str, side: int, group: int
) -> None:
    """What is predicted for the device against every array that PyTorch's allocator gave, cutting alone."""
    rng = np.random.default_rng(1)
    shape = (130, 140, 150)
    volumes = (
        Volume("em", held(np.ones(shape, np.uint8), chunk=(32, 32, 32))),
        Volume("ids", held(np.ones(shape, kind), chunk=(32, 32, 32))),
    )
    rows = [(1, node, *(rng.random(3) * shape[::-1] * 8).tolist()) for node in range(60)]
    cutouts = Cutouts(*volumes, node_table(rows), side, group=group, on_device=True, memory_bytes=5 << 20)
    cutter = DeviceCutter(cutouts, CPU)
    pieces = list(cutouts.fetch())
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        for _ in cutter.cut(iter(pieces)):
            pass
    events: list[Any] = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive = highest = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        highest = max(highest, alive)
    slots = zip(cutouts.plan.most_blocks, cutouts.grids, strict=True)
    blocks = sum((count + 1) * (grid.slot_bytes or 0) for count, grid in slots)
    predicted = cutting_bytes(blocks, int(np.prod(cutouts.grids[1].size)), side, group, 1)
    assert predicted == pytest.approx(highest, rel=0.2)


@pytest.mark.gpu
def test_on_a_gpu(held: Any, node_table: Callable[..., pa.Table]) -> None:
    for compiled in (False, True):
        em, ids, rows = made(held, 5, "uint64", (1, 1 / 2, 2), (8, 8, 8))
        volumes = (Volume("em", em), Volume("ids", ids))
        device = Cutouts(*volumes, node_table(rows), 5, group=4, on_device=True)
        host = Cutouts(*volumes, node_table(rows), 5, group=4)
        assert on_device(device, torch.device("cuda"), compiled=compiled) == on_host(host)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300), st.sampled_from(KINDS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_ranks_are_ids(root_ids: list[int], kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    info = np.iinfo(kind)
    voxels = rng.integers(info.min, info.max, (2, 3, 4), dtype=kind, endpoint=True)
    known = [i for i in root_ids if i <= info.max]
    voxels.flat[: len(known[:9])] = known[:9]
    ids = np.array(root_ids, dtype=np.uint64)
    ranks = Ranks(ids, np.dtype(kind), CPU)
    mine, of_voxels = ranks.of(ids), ranks.of_voxels(voxels)
    assert of_voxels.dtype == ranks.dtype
    for root_id, rank in zip(root_ids, mine.tolist(), strict=True):
        same = [int(voxel) == root_id for voxel in voxels.flat]
        if root_id > info.max:
            assert rank == 0
            assert not any(same)
        else:
            assert same == (of_voxels == rank).flatten().tolist()
    assert [v == 0 for v in of_voxels.flatten().tolist()] == [int(v) not in known for v in voxels.flat]


def test_slots_are_used_again_and_cleared() -> None:
    pool = BlockPool(2, (2, 2, 2), torch.uint8, CPU)
    pool.put(7, torch.full((2, 2, 2), 9, dtype=torch.uint8), (0, 0, 0))
    pool.put(8, torch.full((2, 2, 2), 8, dtype=torch.uint8), (0, 0, 0))
    with pytest.raises(IndexError):
        pool.put(9, None, (0, 0, 0))
    pool.release(7)
    pool.put(9, torch.full((1, 2, 1), 5, dtype=torch.uint8), (1, 0, 1))
    first = pool.first_voxels(np.array([7, 8, 9, -1]))
    assert first[0] == first[3] == 0
    flat = pool.voxels.reshape(-1)
    assert [flat[f : f + 8].tolist() for f in first] == [[0] * 8, [8] * 8, [0, 0, 0, 0, 0, 5, 0, 5], [0] * 8]

"""Label tools beside Google's package on one made segmentation, and a volume box by box beside the whole.

``GRAPHLAB_BENCH_SIDE`` (512) and ``GRAPHLAB_BENCH_EDGES`` (10 million) make it smaller.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from ingest.volumes.boxes.bounding_box import BoundingBox
from ingest.volumes.boxes.box_generator import BoxGenerator
from ingest.volumes.equivalences.union_find import UnionFind
from ingest.volumes.labels.adjacency import adjacency, from_subvolume, merged
from ingest.volumes.labels.components import split_disconnected_components
from ingest.volumes.labels.relabeling import make_contiguous, relabel
from ingest.volumes.processing.run import ProcessVolumeConfig, process_volume
from ingest.volumes.volume import open_volume

SIDE = int(os.environ.get("GRAPHLAB_BENCH_SIDE", "512"))
EDGES = int(os.environ.get("GRAPHLAB_BENCH_EDGES", "10000000"))
ONCE = {"Google": 1}


@functools.cache
def segmentation() -> npt.NDArray[np.uint64]:
    """Convex segments, a mean of 25 voxels across, every third id shared by two of them."""
    rng = np.random.default_rng(0)
    low = SIDE // 4
    count = max(2, 8_000 * SIDE**3 // 512**3)
    seeds = np.zeros((low,) * 3, np.int32)
    seeds[tuple(rng.integers(0, low, (3, count)))] = np.arange(1, count + 1)
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    ids = np.arange(1, count + 2, dtype=np.uint64) * np.uint64(401)  # below 2^32, as Google's RAG needs
    ids[2::3] = ids[1::3][: ids[2::3].size]
    small = ids[seeds[tuple(nearest)]]
    return small.repeat(4, 0).repeat(4, 1).repeat(4, 2)


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    from connectomics.common import union_find
    from connectomics.segmentation import labels, rag

    class Google:
        UnionFind = union_find.UnionFind

    Google.labels, Google.rag = labels, rag  # type: ignore[attr-defined]
    return Google


def memory(side_by_side: Any, task: str, measured: dict[str, Any]) -> None:
    """Peaks above the start, which the volume of 8 bytes a voxel is in already."""
    peaks = (f"{who} {found.peak_mb * 2**20 / segmentation().size:.1f}" for who, found in measured.items())
    side_by_side.note(f"{task}, most bytes a voxel beside the volume: {', '.join(peaks)}")


def test_relabel(side_by_side: Any, google: Any) -> None:
    seg = segmentation()
    ids = np.unique(seg)
    new = np.random.default_rng(1).permutation(ids)
    relabel(seg[:4], ids, new)
    measured = side_by_side(
        f"relabel, {SIDE}^3 uint64",
        {"graphlab": lambda: relabel(seg, ids, new), "Google": lambda: google.labels.relabel(seg, ids, new)},
        rounds=3, rounds_of=ONCE, work=seg.size, unit="voxels",
    )  # fmt: skip
    assert np.array_equal(measured["graphlab"].result, measured["Google"].result)
    memory(side_by_side, "relabel", measured)


def test_split(side_by_side: Any, google: Any) -> None:
    seg = segmentation()
    measured = side_by_side(
        f"split, {SIDE}^3 uint64",
        {
            "graphlab": lambda: split_disconnected_components(seg),
            "Google": lambda: google.labels.split_disconnected_components(seg),
        },
        rounds=3, rounds_of=ONCE, work=seg.size, unit="voxels",
    )  # fmt: skip
    assert np.array_equal(measured["graphlab"].result, measured["Google"].result)
    memory(side_by_side, "split", measured)


def test_rag(side_by_side: Any, google: Any) -> None:
    seg = segmentation()
    measured = side_by_side(
        f"RAG, {SIDE}^3 uint64",
        {
            "graphlab": lambda: from_subvolume(seg),
            "graphlab, arrays": lambda: adjacency(seg),
            "graphlab, arrays, 1 thread": lambda: adjacency(seg, 1),
            "Google": lambda: google.rag.from_subvolume(seg),
        },
        rounds=3, rounds_of=ONCE, work=seg.size, unit="voxels",
    )  # fmt: skip
    memory(side_by_side, "RAG", measured)
    found: nx.Graph[Any] = measured["graphlab"].result
    assert list(found.edges(data=True)) == list(measured["Google"].result.edges(data=True))
    side_by_side.note(f"segmentation: {len(found):,} segments, {found.number_of_edges():,} pairs of neighbours")


def test_union_find(side_by_side: Any, google: Any) -> None:
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 2**63, EDGES * 7 // 10, dtype=np.uint64)
    pairs = ids[rng.integers(0, ids.size, (EDGES, 2))]
    asked = ids[:100_000]

    def ours() -> Any:
        sets = UnionFind()
        sets.union_pairs(pairs)
        return sets.find_ids(asked)

    def one_by_one(kind: Any) -> Any:
        sets = kind()
        for a, b in pairs:
            sets.Union(a, b)
        return np.array([sets.Find(a) for a in asked], np.uint64)

    measured = side_by_side(
        f"union-find, {EDGES:,} edges",
        {
            "graphlab, union_pairs": ours,
            "graphlab, Union in a loop": lambda: one_by_one(UnionFind),
            "Google": lambda: one_by_one(google.UnionFind),
        },
        rounds=3, rounds_of={**ONCE, "graphlab, Union in a loop": 1}, work=EDGES, unit="edges",
    )  # fmt: skip
    for found in measured.values():
        assert np.array_equal(found.result, measured["Google"].result)


def test_make_contiguous(side_by_side: Any, google: Any) -> None:
    seg = segmentation()[: SIDE // 4]
    measured = side_by_side(
        f"make_contiguous, {seg.size:,} voxels",
        {"graphlab": lambda: make_contiguous(seg), "Google": lambda: google.labels.make_contiguous(seg)},
        rounds=3, rounds_of=ONCE, work=seg.size, unit="voxels",
    )  # fmt: skip
    assert np.array_equal(measured["graphlab"].result[0], measured["Google"].result[0])


def test_box_by_box_in_little_memory(side_by_side: Any, tmp_path: Path) -> None:
    """Neighbours, components and a filter of a volume on disk, in boxes of a quarter of its side."""
    import tensorstore

    seg = segmentation()
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/seg/"}}
    schema = {"dtype": "uint64", "domain": {"shape": seg.shape}, "chunk_layout": {"chunk": {"shape": [64, 64, 64]}}}
    tensorstore.open({**spec, "schema": schema}, create=True).result().write(seg).result()
    volume = open_volume(f"zarr3://{tmp_path}/seg", resolution=(8, 8, 8), axes="zyx")
    step = SIDE // 4

    def boxes() -> Any:
        cut = BoxGenerator(BoundingBox([0, 0, 0], [SIDE] * 3), [step + 1] * 3, [1] * 3)
        return merged((adjacency(volume.read(box.start[::-1], box.end[::-1]), 1) for box in cut.boxes), np.uint64)

    measured = side_by_side(
        f"RAG from disk, {SIDE}^3",
        {
            f"boxes of {step}^3": boxes,
            "whole": lambda: adjacency(volume.read((0, 0, 0), (SIDE,) * 3), 1),
        },
        rounds=1, warmup=0,
    )  # fmt: skip
    parts, whole = (found.result for found in measured.values())
    assert np.array_equal(parts.pairs, whole.pairs)
    assert np.array_equal(parts.axes, whole.axes)

    def processed(processor: dict[str, Any], overlap: int, side: int) -> Path:
        out = tmp_path / f"{processor['name']}-{side}"
        document = {
            "input_volume": {"tensorstore_config": {"spec": spec, "metadata": {"voxel_size": [8, 8, 8]}}},
            "output_dir": str(out), "subvolume_size": [side] * 3, "overlap": [overlap] * 3, "processor": processor,
        }  # fmt: skip
        process_volume(ProcessVolumeConfig.from_dict(document))
        return out

    filtered = {"name": "ApplyFilter", "args": {"filter_size": 3, "filter_type": "max", "mode": "3d"}}
    for processor, overlap in ((filtered, 8), ({"name": "SplitDisconnectedComponents"}, 0)):
        measured = side_by_side(
            f"{processor['name']} from disk to disk, {SIDE}^3",
            {
                f"boxes of {step}^3": functools.partial(processed, processor, overlap, step),
                "whole": functools.partial(processed, processor, overlap, SIDE),
            },
            rounds=1, warmup=0,
        )  # fmt: skip
        contents = [
            {str(path.relative_to(of.result)): path.read_bytes() for path in of.result.rglob("*") if path.is_file()}
            for of in measured.values()
        ]
        for content in contents:
            content.pop("volume.json")  # it names its folder
        assert contents[0] == contents[1]

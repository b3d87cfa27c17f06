"""Two volumes compared: read once in boxes of a bounded size, whatever their formats; faults before the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts
from hypothesis import given
from hypothesis import strategies as st

from gpu_embed.segmentation.boxes import boxes, parse_box, xyz
from gpu_embed.segmentation.contingency import contingency
from gpu_embed.segmentation.evaluate import BYTES_A_VOXEL, evaluate_volumes
from gpu_embed.segmentation.overlap_scores import MASKS, overlap_scores
from gpu_embed.segmentation.run_length import run_length
from ingest.schema.errors import SchemaError, VersionError
from ingest.skeletons.skeleton import Skeleton
from ingest.volumes.volume import Volume, open_volume

SHAPE = (20, 24, 28)
START = (7, 6, 5)
"""ZYX, of every volume here"""
SIZE_NM = 8.0


def volume(path: Path, data: np.ndarray, resolution: Any = (8, 8, 8), offset: Any = START[::-1]) -> Volume:
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{path}/",
        "multiscale_metadata": {"type": "segmentation", "data_type": str(data.dtype), "num_channels": 1},
        "scale_metadata": {
            "size": data.shape[::-1],
            "resolution": resolution,
            "encoding": "raw",
            "chunk_size": [8, 8, 8],
            "voxel_offset": offset,
        },
    }
    ts.open(spec, create=True).result()[...] = data.T[..., None]
    return open_volume(f"precomputed://{path}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Truth and segmentation of few labels, some beyond 2^53; a mask."""
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(4)
    names = np.array([0, 1, 2**53, 2**53 + 1, 2**64 - 1], dtype=np.uint64)
    blocks = np.ones((4, 4, 4), dtype=np.int64)
    truth = names[np.kron(rng.integers(0, 5, (5, 6, 7)), blocks)]
    segmentation = np.where(rng.random(SHAPE) < 0.8, truth, names[rng.integers(0, 5, SHAPE)])
    mask = (rng.random(SHAPE) < 0.7).astype(np.uint8)
    arrays = {"truth": truth, "segmentation": segmentation, "mask": mask}
    return {"arrays": arrays, **{name: volume(folder / name, data) for name, data in arrays.items()}}


def cable(root_id: int, voxels: np.ndarray) -> Skeleton:
    points = (voxels[:, ::-1] + 0.5) * SIZE_NM
    return Skeleton(root_id, np.arange(len(points), dtype=np.uint64), points, np.arange(-1, len(points) - 1))


@pytest.mark.parametrize("voxels", [1, 600, 10**6])
def test_boxes_of_any_size_give_the_scores_of_the_whole(made: dict[str, Any], voxels: int) -> None:
    arrays = made["arrays"]
    walk = np.cumsum(np.random.default_rng(1).integers(0, 2, (12, 3)), axis=0)
    skeletons = [cable(1, walk + START), cable(2, walk + START + (5, 5, 5))]
    told: list[int] = []
    found = evaluate_volumes(
        made["segmentation"],
        made["truth"],
        mask=made["mask"],
        skeletons=skeletons,
        memory_bytes=voxels * BYTES_A_VOXEL,
        merge_tolerance=2,
        progress=lambda done, total: told.append(done),
    )
    table = contingency(arrays["truth"], arrays["segmentation"], arrays["mask"])
    assert found.scores == tuple(overlap_scores(table, mask) for mask in MASKS)
    assert found.voxels == arrays["mask"].sum()
    at = tuple(np.concatenate([walk, walk + 5]).T)
    inside = arrays["mask"][at] > 0
    assert found.run_length == run_length(skeletons, arrays["segmentation"][at], merge_tolerance=2, inside=inside)
    assert any("nm of cable leave the box or the mask" in note for note in found.notes)
    assert told[-1] == np.prod(SHAPE)
    assert found.mask.startswith("voxels that are not 0 in precomputed://")


@given(st.tuples(*[st.integers(-9, 9)] * 3), st.tuples(*[st.integers(1, 20)] * 3), st.tuples(*[st.integers(1, 8)] * 3),
       st.integers(1, 900))  # fmt: skip
def test_boxes_are_the_volume_once(start: Any, size: Any, chunk: Any, voxels: int) -> None:
    times = np.zeros(size, dtype=int)
    stop = tuple(a + n for a, n in zip(start, size, strict=True))
    for low, high in boxes(start, stop, chunk, (1, 2, 3), voxels):
        times[tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))] += 1
        assert np.prod(np.subtract(high, low)) <= max(voxels, np.prod(chunk))
        whole = [(b - g) % c == 0 or b == s for b, g, c, s in zip(high, (1, 2, 3), chunk, stop, strict=True)]
        assert all(whole), "a box ends where chunks end"
    assert (times == 1).all()


def test_a_box_an_ignored_label_and_bodies_of_supervoxels(made: dict[str, Any]) -> None:
    arrays = made["arrays"]
    box = ((9, 8, 7), (20, 20, 20))
    part = tuple(slice(a - s, b - s) for a, b, s in zip(*box, START, strict=True))
    found = evaluate_volumes(made["segmentation"], made["truth"], box=box, ignored=[2**64 - 1])
    truth, segmentation = arrays["truth"][part], arrays["segmentation"][part]
    assert found.box == "7,8,9:20,20,20"
    assert parse_box(found.box) == box
    assert xyz(box) == found.box
    wanted = contingency(truth, segmentation, truth != np.uint64(2**64 - 1))
    assert found.scores[-1] == overlap_scores(wanted, "all")
    assert any("ignored true labels" in note for note in found.notes)
    bodies = {int(label): int(label) // 2 for label in np.unique(truth)}
    mapped = evaluate_volumes(made["segmentation"], made["truth"], box=box, truth_map=bodies)
    assert mapped.scores[-1] == overlap_scores(contingency(truth // np.uint64(2), segmentation), "all")
    del bodies[2**53]
    with pytest.raises(SchemaError, match="1 labels that the map does not name, 9007199254740992"):
        evaluate_volumes(made["segmentation"], made["truth"], box=box, truth_map=bodies)


def test_what_does_not_lie_on_each_other_is_refused(made: dict[str, Any], tmp_path: Path) -> None:
    segmentation, data = made["segmentation"], made["arrays"]["truth"]
    with pytest.raises(SchemaError, match="nothing to compare with"):
        evaluate_volumes(segmentation)
    shorter = volume(tmp_path / "shorter", data[:, :, :-1])
    with pytest.raises(SchemaError, match=r"extents differ \(XYZ\): .*5,6,7:33,30,27, .*shorter 5,6,7:32,30,27.*--box"):
        evaluate_volumes(segmentation, shorter)
    with pytest.raises(SchemaError, match="is not within .*shorter"):
        evaluate_volumes(segmentation, shorter, box=((7, 6, 5), (20, 20, 33)))
    with pytest.raises(SchemaError, match="is empty"):
        evaluate_volumes(segmentation, shorter, box=((7, 6, 5), (7, 20, 33)))
    with pytest.raises(VersionError, match="wanted one size"):
        evaluate_volumes(segmentation, volume(tmp_path / "coarse", data, (16, 16, 16)))
    before = segmentation.reads
    with pytest.raises(SchemaError, match="floats holds float32; wanted whole numbers"):
        evaluate_volumes(segmentation, volume(tmp_path / "floats", np.full(SHAPE, np.nan, np.float32)))
    assert segmentation.reads == before, "seen before anything is read"
    for text in ("1,2,3", "1,2,3:4,5", "1,2,3:4,5,x", "1,2,3:4,5,6:7,8,9", "--1,2,3:4,5,6", "\u00b2,2,3:4,5,6"):
        with pytest.raises(SchemaError, match="wanted first voxel and end"):
            parse_box(text)

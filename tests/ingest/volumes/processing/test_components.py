"""Components of a volume box by box: those of the whole, to the bit, in little memory, for any boxes and workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schema.errors import AnalysisError, SchemaError
from ingest.volumes.boxes.bounding_box import BoundingBox
from ingest.volumes.boxes.box_generator import MultiBoxGenerator
from ingest.volumes.descriptors import VolumeDescriptor
from ingest.volumes.labels.adjacency import adjacency
from ingest.volumes.labels.components import split_disconnected_components
from ingest.volumes.processing.components import SplitDisconnectedComponents
from ingest.volumes.processing.run import ProcessVolumeConfig
from ingest.volumes.processing.subvolume import Subvolume

tensorstore = pytest.importorskip("tensorstore")


def in_boxes(volume: npt.NDArray[Any], start: Any, sides: Any, workers: int = 1) -> npt.NDArray[Any]:
    outer = BoundingBox(start, volume.shape[::-1])
    boxes = MultiBoxGenerator([outer], sides)

    def read(box: Any) -> npt.NDArray[Any]:
        voxels: npt.NDArray[Any] = volume[box.translate(-outer.start).to_slice3d()]
        return voxels

    work = SplitDisconnectedComponents()
    work.survey(boxes, read, workers, volume.dtype)
    found = np.zeros_like(volume)
    for box in boxes.boxes:
        found[box.translate(-outer.start).to_slice3d()] = work.process(Subvolume(read(box)[np.newaxis], box)).data[0]
    return found


@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.integers(-3, 20)] * 3),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.integers(1, 3),
)
def test_boxes_give_the_components_of_the_whole(
    shape: Any, start: Any, sides: Any, ids: int, seed: int, workers: int
) -> None:
    choice = np.array([0, 2**64 - 1, 7, 2**40], np.uint64)[: ids + 1]
    volume = np.random.default_rng(seed).choice(choice, shape)
    np.testing.assert_array_equal(
        in_boxes(volume, start, sides, workers), split_disconnected_components(volume), strict=True
    )


def test_one_sub_volume_by_itself_is_the_whole() -> None:
    volume = np.random.default_rng(0).integers(0, 2, (5, 6, 7)).astype(np.int32)
    found = SplitDisconnectedComponents().process(Subvolume(volume[None], BoundingBox([3, 0, 0], [7, 6, 5])))
    np.testing.assert_array_equal(found.data[0], split_disconnected_components(volume), strict=True)


def test_refused() -> None:
    board = (np.indices((8, 8, 9)).sum(axis=0) % 2 + 1).astype(np.uint8)
    with pytest.raises(AnalysisError, match="576 components do not fit uint8, which counts to 255"):
        in_boxes(board, (0, 0, 0), (4, 4, 4))  # none of the boxes has too many
    box = BoundingBox([0, 0, 0], [9, 9, 9])
    for boxes, said in (
        (MultiBoxGenerator([box, box.translate([20, 0, 0])], [4, 4, 4]), "of 2 bounding boxes"),
        (MultiBoxGenerator([box], [4, 4, 4], [1, 0, 0]), r"overlap \[1, 0, 0\]"),
    ):
        with pytest.raises(SchemaError, match=said):
            SplitDisconnectedComponents().survey(boxes, lambda _: board, 1, board.dtype)


IN_LITTLE_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from ingest.volumes.boxes.box_generator import BoxGenerator
from ingest.volumes.labels.adjacency import adjacency, merged
from ingest.volumes.processing.run import ProcessVolumeConfig, process_volume, _opened

once, config = (ProcessVolumeConfig.from_json(text) for text in sys.argv[1:3])
volume = _opened(config.input_volume)

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

def neighbours(outer):
    read = lambda box: volume.read(box.start[::-1].tolist(), box.end[::-1].tolist())
    return merged((adjacency(read(box), 1) for box in BoxGenerator(outer, [65] * 3, [1] * 3).boxes), np.uint64)

# What is compiled, loaded and started once is there before.
process_volume(once)
neighbours(once.bounding_boxes[0])
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
before = peak()
process_volume(config)
found = neighbours(config.bounding_boxes[0])
print(peak() - before)
np.savez(sys.argv[3], pairs=found.pairs, axes=found.axes)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are Linux's")
def test_a_volume_larger_than_memory(tmp_path: Path) -> None:
    """160 MiB of labels in boxes of 2 MiB, with less than half of the volume on top of what is loaded."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 5, (20, 16, 16)).astype(np.uint64) << np.uint64(33)
    volume = coarse.repeat(16, 0).repeat(16, 1).repeat(16, 2)
    volume[:, ::37] = 0
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/seg/"}}
    schema = {"dtype": "uint64", "domain": {"shape": volume.shape}, "chunk_layout": {"chunk": {"shape": [64] * 3}}}
    tensorstore.open({**spec, "schema": schema}, create=True).result().write(volume).result()
    about = {"tensorstore_config": {"spec": spec, "metadata": {"voxel_size": [8, 8, 8]}}}
    whole, once = (
        ProcessVolumeConfig(
            VolumeDescriptor.from_dict(about), str(tmp_path / name), {"name": "SplitDisconnectedComponents"},
            (64, 64, 64), (BoundingBox([0, 0, 0], size),),
        )
        for name, size in (("out", volume.shape[::-1]), ("once", (80, 80, 80)))
    )  # fmt: skip
    texts = [json.dumps(config.to_dict()) for config in (once, whole)]
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, *texts, str(tmp_path / "rag.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < volume.nbytes // 2
    written = tensorstore.open({"driver": "n5", "kvstore": f"file://{tmp_path}/out/"}).result().read().result()[0]
    np.testing.assert_array_equal(written, split_disconnected_components(volume))
    found, expected = np.load(tmp_path / "rag.npz"), adjacency(volume)
    np.testing.assert_array_equal(found["pairs"], expected.pairs)
    np.testing.assert_array_equal(found["axes"], expected.axes)

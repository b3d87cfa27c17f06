"""A processor over a volume: every box, any number of workers, killed and begun again, the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.running.task_runners import Processes
from ingest.schema.errors import SchemaError, UnknownNameError, VersionError
from ingest.volumes.boxes.bounding_box import BoundingBox
from ingest.volumes.descriptors import VolumeDescriptor, read_json
from ingest.volumes.processing.objects import FillHoles
from ingest.volumes.processing.processor import SubvolumeProcessor
from ingest.volumes.processing.run import ProcessVolumeConfig, get_processor, process_volume
from ingest.volumes.processing.subvolume import Subvolume
from ingest.volumes.volume import open_volume

tensorstore = pytest.importorskip("tensorstore")
SHAPE = (21, 34, 45)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """An n5 volume as Google's runner writes them, and its descriptor."""
    image = np.random.default_rng(0).integers(0, 256, (1, *SHAPE)).astype(np.uint8)
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{tmp_path}/in/"}}
    metadata = {
        "dimensions": image.shape,
        "blockSize": [1, 8, 8, 8],
        "dataType": "uint8",
        "compression": {"type": "raw"},
    }
    tensorstore.open({**spec, "metadata": metadata}, create=True).result().write(image).result()
    about = {"voxel_size": [8, 8, 40], "bounding_boxes": [{"start": [0, 0, 0], "size": [45, 34, 21]}]}
    return {"tensorstore_config": {"spec": spec, "metadata": about}}


def config(given: Any, out: Path, name: str = "ApplyFilter", args: Any = None, **words: Any) -> ProcessVolumeConfig:
    filtered = {"filter_size": 3, "filter_type": "median", "mode": "3d"}
    document = {
        "input_volume": given, "output_dir": str(out), "subvolume_size": [16, 13, 9], "batch_size": 4,
        "processor": {"name": name, "args": filtered if args is None else args,
                      "module_search_path": "connectomics.volume.processor"}, **words,
    }  # fmt: skip
    return ProcessVolumeConfig.from_json(json.dumps(document))


def files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content.replace(str(folder).encode(), b"OUT") for name, content in found.items()}


def test_boxes_give_what_the_whole_gives(given: Any, tmp_path: Path) -> None:
    from scipy import ndimage

    whole = tensorstore.open(given["tensorstore_config"]["spec"]).result().read().result()[0]
    told: list[tuple[int, int]] = []
    written = process_volume(config(given, tmp_path / "out"), workers=2, progress=lambda *a: told.append(a))
    assert told[-1] == (48, 48)
    found = open_volume(f"n5://{tmp_path / 'out'}", resolution=(8, 8, 40), axes="czyx", offset=(0, 0, 0))
    assert found.shape == SHAPE
    # The border has no context and is left out: 1 voxel in front, 2 behind.
    inner = (slice(1, -2),) * 3
    np.testing.assert_array_equal(found.read((0, 0, 0), SHAPE)[inner], ndimage.median_filter(whole, 3)[inner])
    assert written.bounding_boxes == (BoundingBox([1, 1, 1], [42, 31, 18]),)
    assert VolumeDescriptor.from_dict(read_json(tmp_path / "out" / "volume.json")) == written
    assert open_volume(tmp_path / "out" / "volume.json", axes="czyx").resolution.xyz == (8, 8, 40)


def test_google_opens_it(given: Any, tmp_path: Path) -> None:
    pytest.importorskip("connectomics")
    process_volume(config(given, tmp_path / "out", "CLAHE", {"kernel_size": 4}, subvolume_size=[45, 34, 5]))
    code = (
        "import sys; from connectomics.volume import descriptor\n"
        "v = descriptor.open_descriptor(sys.argv[1]); print(v.shape, v.voxel_size, v.asarray[0:1, 0:2, 0:2, 0:2].shape)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "out" / "volume.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "(1, 21, 34, 45)" in done.stdout


def test_any_number_of_workers_and_processes(given: Any, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("three", 3), ("processes", Processes(2))):
        process_volume(config(given, tmp_path / name), workers=workers)
    assert files(tmp_path / "one") == files(tmp_path / "three") == files(tmp_path / "processes")
    assert len(files(tmp_path / "one")) > 2


def test_killed_in_the_middle(given: Any, tmp_path: Path) -> None:
    """By a signal that nothing can catch, three times, with boxes under way; then finished."""
    hanging = (
        "import itertools, sys, time\n"
        "from ingest.volumes.processing import filters\n"
        "from ingest.volumes.processing.run import ProcessVolumeConfig, process_volume\n"
        "whole = filters.ApplyFilter.process\n"
        "calls = itertools.count()\n"
        "def process(self, subvol):\n    next(calls) < 5 or time.sleep(600)\n    return whole(self, subvol)\n"
        "filters.ApplyFilter.process = process\n"
        "process_volume(ProcessVolumeConfig.from_json(sys.argv[1]), workers=2)\n"
    )
    process_volume(config(given, tmp_path / "whole"))
    again = config(given, tmp_path / "again")
    done: list[int] = []
    for _ in range(3):
        running = subprocess.Popen([sys.executable, "-c", hanging, json.dumps(again.to_dict())])
        journal, before = tmp_path / "again" / "boxes.txt", len(done)
        while running.poll() is None and (not journal.exists() or len(journal.read_bytes().split()) < before + 3):
            time.sleep(0.01)
        assert running.poll() is None
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        done = [int(line) for line in journal.read_bytes().split()]
    with journal.open("a") as torn:
        torn.write("5")  # the beginning of a line
    told: list[tuple[int, int]] = []
    process_volume(again, workers=2, progress=lambda *a: told.append(a))
    assert told[0][0] == len(done) + 1
    assert told[-1] == (48, 48)
    assert files(tmp_path / "whole") == files(tmp_path / "again")


def test_killed_as_it_began(given: Any, tmp_path: Path) -> None:
    """With a config half-written, or written and no voxels yet: the same call begins."""
    whole = tmp_path / "whole"
    process_volume(config(given, whole))
    kept: list[bytes] = []
    look: Any = lambda *_: kept or kept.append((tmp_path / "out" / "run.json").read_bytes())  # noqa: E731
    out = tmp_path / "out"
    out.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (out / f".run.json.part-{dead.pid}-0123abcd").write_text("{")
    process_volume(config(given, out), progress=look)
    assert files(out) == files(whole)
    shutil.rmtree(out)
    out.mkdir()
    (out / "run.json").write_bytes(kept[0])
    process_volume(config(given, out))
    assert files(out) == files(whole)


def test_chunks_that_are_not_there_are_told(given: Any, tmp_path: Path) -> None:
    (tmp_path / "in" / "0" / "1" / "0" / "2").unlink()
    told: list[str] = []
    process_volume(config(given, tmp_path / "out"), workers=2, noted=told.append)
    assert told == ["1 chunks of n5 are not there: read as 0, the fill value"]


def test_segments_over_boxes(tmp_path: Path) -> None:
    """Holes smaller than the context are filled as in one piece, borders kept."""
    seg = np.full(SHAPE, 2**63 + 1, np.uint64)
    seg[:, 17:] = 3
    for z, y, x in np.random.default_rng(1).integers(2, (19, 32, 43), (40, 3)):
        seg[z, y, x] = 0
    np.save(tmp_path / "seg.npy", seg)
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/seg/"}}
    tensorstore.open({**spec, "schema": {"dtype": "uint64", "domain": {"shape": SHAPE}}}, create=True).result().write(
        seg
    ).result()
    whole = FillHoles(0).process(Subvolume(seg[None], BoundingBox([0, 0, 0], SHAPE[::-1]))).data[0]
    given = {"tensorstore_config": {"spec": spec, "metadata": {"voxel_size": [8, 8, 40]}}}
    process_volume(config(given, tmp_path / "out", "FillHoles", {"min_neighbor_size": 0}, overlap=[8, 8, 8]))
    found = tensorstore.open({"driver": "n5", "kvstore": f"file://{tmp_path}/out/"}).result().read().result()[0]
    np.testing.assert_array_equal(found, whole)
    assert (seg == 0).any()


def test_refused(given: Any, tmp_path: Path) -> None:
    done = config(given, tmp_path / "out")
    process_volume(done)
    with pytest.raises(VersionError, match="is there already"):
        process_volume(done)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    (stopped / "run.json").write_text("{}")
    with pytest.raises(VersionError, match="another config"):
        process_volume(config(given, stopped))
    with pytest.raises(UnknownNameError, match="did you mean 'FillHoles'"):
        get_processor({"name": "FillHole"})
    with pytest.raises(SchemaError, match="unexpected keyword"):
        get_processor({"name": "LCN", "args": {"radius": 3}})
    box = {"start": [0, 0, 0], "size": [20, 20, 20]}
    with pytest.raises(SchemaError, match="overlap each other"):
        process_volume(config(given, tmp_path / "b", bounding_boxes=[box, {**box, "start": [10, 0, 0]}]))
    with pytest.raises(SchemaError, match="lies in the volume"):
        process_volume(config(given, tmp_path / "c", bounding_boxes=[{**box, "start": [100, 0, 0]}]))
    with pytest.raises(SchemaError, match="did you mean 'subvolume_size'"):
        ProcessVolumeConfig.from_dict({**done.to_dict(), "subvolume_sise": 1})

    class Wrong(SubvolumeProcessor):
        def process(self, subvol: Subvolume) -> Subvolume:
            return subvol[:, :-1]

    with pytest.raises(SchemaError, match="it said"):
        process_volume(config(given, tmp_path / "d"), processor=Wrong())

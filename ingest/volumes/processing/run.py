"""A processor over a whole volume, box by box, by a task runner; what was stopped goes on.

Reads and writes what ``connectomics.pipeline.process_volume_dask`` does: a ``ProcessVolumeConfig``, and an n5 array
CZYX with a ``volume.json`` (VolumeDescriptor) beside it. Memory is a few boxes a worker, however large the volume is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ingest.running import whole_files
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.volumes.boxes.bounding_box import BoundingBox, BoundingBoxBase, boxes_of
from ingest.volumes.boxes.box_generator import MultiBoxGenerator
from ingest.volumes.boxes.documents import only_keys, whole_numbers
from ingest.volumes.descriptors import VolumeDescriptor, read_json
from ingest.volumes.processing.components import SplitDisconnectedComponents
from ingest.volumes.processing.contrast import CLAHE, LCN
from ingest.volumes.processing.filters import ApplyFilter, HighPass
from ingest.volumes.processing.objects import FillHoles, MergeInternalObjects
from ingest.volumes.processing.processor import SubvolumeProcessor
from ingest.volumes.processing.subvolume import Subvolume, Voxels
from ingest.volumes.sources import Zyx, file_store, short
from ingest.volumes.volume import Volume, open_volume

PROCESSORS: dict[str, type[SubvolumeProcessor]] = {
    kind.__name__: kind
    for kind in (ApplyFilter, CLAHE, FillHoles, HighPass, LCN, MergeInternalObjects, SplitDisconnectedComponents)
}
DONE, IDENTITY, DESCRIPTOR = "boxes.txt", "run.json", "volume.json"
BLOCK = (64, 128, 128)
"""Voxels of a block of the output, ZYX, at most."""
NEEDED = ("input_volume", "output_dir", "processor", "subvolume_size")
OPTIONAL = ("bounding_boxes", "overlap", "batch_size", "input_ts_context", "output_ts_context")


@dataclass(frozen=True)
class ProcessVolumeConfig:
    """What is processed, how, in which boxes, and where it goes: Google's JSON.

    Attributes:
        input_volume: their VolumeDescriptor; or, as ours, what ``open_volume`` takes.
        output_dir: a folder that is not there, or is of a run of this config that was stopped.
        processor: {"name": .., "args": {..}}, a name of ``PROCESSORS``.
        subvolume_size: XYZ.
        bounding_boxes: what to process; the volume's own, or all of it, if None.
        overlap: XYZ; the processor's if None.
    """

    input_volume: VolumeDescriptor | str
    output_dir: str
    processor: Mapping[str, Any]
    subvolume_size: tuple[int, ...]
    bounding_boxes: tuple[BoundingBoxBase, ...] | None = None
    overlap: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        given = self.input_volume
        boxes = self.bounding_boxes
        return {
            "input_volume": given if isinstance(given, str) else given.to_dict(),
            "output_dir": self.output_dir,
            "processor": dict(self.processor),
            "subvolume_size": list(self.subvolume_size),
            "bounding_boxes": None if boxes is None else [box.to_dict() for box in boxes],
            "overlap": None if self.overlap is None else list(self.overlap),
        }

    @classmethod
    def from_dict(cls, document: Any, where: str = "process-volume config") -> ProcessVolumeConfig:
        """Batch sizes and TensorStore contexts of Google's runner are read and have no use here.

        Raises:
            SchemaError: another document.
        """
        checked = only_keys(document, where, NEEDED, OPTIONAL)
        processor = only_keys(checked["processor"], f"{where}: processor", ("name",), ("args", "module_search_path"))
        given = checked["input_volume"]
        boxes, overlap = checked.get("bounding_boxes"), checked.get("overlap")
        return cls(
            given if isinstance(given, str) else VolumeDescriptor.from_dict(given, f"{where}: input_volume"),
            str(checked["output_dir"]),
            {"name": str(processor["name"]), "args": dict(processor.get("args") or {})},
            whole_numbers(checked["subvolume_size"], f"{where}: subvolume_size"),
            boxes_of(boxes, where) or None,
            None if overlap is None else whole_numbers(overlap, f"{where}: overlap"),
        )

    @classmethod
    def from_json(cls, text: str) -> ProcessVolumeConfig:
        return cls.from_dict(json.loads(text))


def get_processor(config: Mapping[str, Any]) -> SubvolumeProcessor:
    """The processor of a name with its arguments. No code is imported for a config.

    Raises:
        UnknownNameError: none of ours. SchemaError: arguments that it does not take.
    """
    name = str(config["name"])
    if name not in PROCESSORS:
        raise UnknownNameError("processor", name, PROCESSORS)
    try:
        return PROCESSORS[name](**(config.get("args") or {}))
    except TypeError as error:
        raise SchemaError(f"processor {name}: {error}") from None


def process_volume(
    config: ProcessVolumeConfig,
    *,
    processor: SubvolumeProcessor | None = None,
    workers: Workers = 1,
    progress: Progress | None = None,
    noted: Callable[[str], None] | None = None,
) -> VolumeDescriptor:
    """Process every box and write the result; boxes that a stopped run of the same config finished are not done again.

    The bytes are the same for any number of workers and wherever a run was stopped.

    Args:
        processor: one of your own, in place of the config's; its name has to be the config's.
        workers: boxes at a time, in threads (a runner of processes works for processors of the config).
        progress: told how many boxes are done.
        noted: told of chunks of the input that are not there and were read as its fill value, by this run.

    Raises:
        VersionError: the folder holds another run, or a finished volume. SchemaError: boxes that overlap each other, a
            size that the processor does not take, a result of another size than it says. ReadError: no such volume.
    """
    work = processor or get_processor(config.processor)
    volume = _opened(config.input_volume)
    overlap = tuple(int(side) for side in (work.overlap() if config.overlap is None else config.overlap))
    work.set_effective_subvol_and_overlap(config.subvolume_size, overlap)
    boxes = MultiBoxGenerator(_outer(config, volume), config.subvolume_size, overlap)
    folder = Path(config.output_dir)
    spec = _output(work, volume, boxes, folder)
    done = _begun(folder, config, spec)
    work.survey(boxes, partial(_read, config.input_volume), workers, np.dtype(spec["metadata"]["dataType"]))
    left = [index for index in range(boxes.num_boxes) if index not in done]
    task = partial(_process, work, config.input_volume, boxes, spec)
    runner = runner_of(workers)
    finished = len(done)
    absent: set[Zyx] = set()
    with (folder / DONE).open("a", encoding="ascii") as journal:
        results = runner.map_tasks(task, left, in_order=False)
        for index, missing in results:
            absent |= missing
            # The line comes after the voxels: a box without one is done again, with the same result.
            journal.write(f"{index}\n")
            journal.flush()
            finished += 1
            if progress:
                progress(finished, boxes.num_boxes)
    if noted and (note := volume.note(len(absent))):
        noted(note)
    described = VolumeDescriptor(
        {key: value for key, value in spec.items() if key != "metadata"},
        volume.resolution.parse(work.pixelsize(volume.resolution.xyz).tolist()),
        tuple(work.expected_output_box(box) for box in boxes.outer_boxes),
    )
    _unlock(folder)
    whole_files.write_bytes(folder / DESCRIPTOR, described.to_json(indent=2).encode())
    for name in (DONE, IDENTITY):
        (folder / name).unlink()
    return described


def _process(
    work: SubvolumeProcessor,
    given: VolumeDescriptor | str,
    boxes: MultiBoxGenerator,
    spec: Mapping[str, Any],
    index: int,
) -> tuple[int, frozenset[Zyx]]:
    """The number of the box, and the chunks of the input that are not there."""
    box = boxes.generate(index)[1]
    expected = work.expected_output_box(box)
    if np.any(box.size <= 0) or np.any(expected.size <= 0):
        return index, frozenset()  # all of it is context
    volume = _opened(given)
    voxels = volume.read(box.start[::-1].tolist(), box.end[::-1].tolist())
    found = work.process(Subvolume(voxels[np.newaxis], box))
    if found.bbox != expected:
        raise SchemaError(f"{type(work).__name__} gave {found.bbox} for {box}; it said {expected}")
    store = _store(spec)
    try:
        store[(slice(None), *found.bbox.to_slice3d())].write(found.data).result()
    except Exception as error:
        raise ReadError(f"{spec['kvstore']['path']} cannot be written: {short(error)}") from None
    return index, volume.absent_chunks


def _read(given: VolumeDescriptor | str, box: BoundingBoxBase) -> Voxels:
    return _opened(given).read(box.start[::-1].tolist(), box.end[::-1].tolist())


def _opened(given: VolumeDescriptor | str) -> Volume:
    if isinstance(given, str):
        return open_volume(given)
    import tensorstore

    try:
        rank = tensorstore.open(dict(given.spec), open=True, read=True).result()
    except Exception as error:
        raise ReadError(f"the input volume cannot be opened: {short(error)}") from None
    axes = None if all(rank.domain.labels) else "czyx"[-rank.rank :]
    return open_volume(given.spec, resolution=given.voxel_size, axes=axes)


def _outer(config: ProcessVolumeConfig, volume: Volume) -> list[BoundingBoxBase]:
    """The boxes to process, within the volume."""
    whole = BoundingBox(start=volume.start[::-1], end=volume.stop[::-1])
    own = config.input_volume.bounding_boxes if isinstance(config.input_volume, VolumeDescriptor) else ()
    asked = config.bounding_boxes or own or (whole,)
    found: list[BoundingBoxBase] = [common for box in asked if (common := whole.intersection(box)) is not None]
    if not found:
        raise SchemaError(f"no box of {[repr(box) for box in asked]} lies in the volume, {whole}")
    if any(a.intersection(b) is not None for a, b in combinations(found, 2)):
        raise SchemaError("bounding boxes overlap each other; what is in both would be written twice, in either order")
    return found


def _output(work: SubvolumeProcessor, volume: Volume, boxes: MultiBoxGenerator, folder: Path) -> dict[str, Any]:
    ends = np.max([work.expected_output_box(box).end for box in boxes.outer_boxes], axis=0)
    scaled = work.pixelsize(volume.resolution.xyz) / np.asarray(volume.resolution.xyz)
    shape = np.maximum(ends, np.ceil(np.array(volume.stop[::-1]) / scaled)).astype(int)
    if min(volume.start) < 0:
        raise SchemaError(f"{volume.name} begins at voxel {volume.start} (ZYX); n5 has no voxels below 0")
    channels = work.num_channels(1)
    block = [channels, *(int(min(side, most)) for side, most in zip(shape[::-1], BLOCK, strict=True))]
    return {
        "driver": "n5",
        "kvstore": file_store(folder),
        "metadata": {
            "dimensions": [channels, *shape[::-1].tolist()],
            "blockSize": block,
            "dataType": np.dtype(work.output_type(volume.dtype.type)).name,
            "compression": {"type": "gzip"},
        },
    }


def _begun(folder: Path, config: ProcessVolumeConfig, spec: Mapping[str, Any]) -> set[int]:
    """Make the output, or find the boxes that a stopped run has done."""
    identity = {"config": config.to_dict(), "output": {**spec, "kvstore": None}}
    whole_files.sweep(folder / IDENTITY)  # what a run left that was killed as it began
    begun = (folder / IDENTITY).is_file()
    if begun:
        if read_json(folder / IDENTITY) != json.loads(json.dumps(identity)):
            raise VersionError(f"{folder} holds a stopped run of another config. Finish that run, or remove the folder")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise VersionError(f"{folder} is there already; remove it, or give another output_dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if begun:
            _unlock(folder)
        else:
            whole_files.write_bytes(folder / IDENTITY, json.dumps(identity, indent=2).encode())
        _store(spec, create=True)
    except OSError as error:
        raise ReadError(f"{folder} cannot be made: {error.strerror or error}") from None
    return set(_lines(folder / DONE))


def _unlock(folder: Path) -> None:
    """Remove blocks that TensorStore was killed over: of a longer one, a later one written over it keeps the end."""
    for lock in folder.rglob("*.__lock"):
        lock.unlink(missing_ok=True)


def _lines(path: Path) -> Iterator[int]:
    """Whole lines; one that was cut off by the end of a process counts as not there."""
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        path.write_bytes(whole)
        yield from map(int, whole.split())


def _store(spec: Mapping[str, Any], create: bool = False) -> Any:
    import tensorstore

    return tensorstore.open(dict(spec), open=True, create=create).result()

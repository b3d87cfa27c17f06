"""The run over a volume: cut it, segment each sub-volume, keep what is finished, make one segmentation of all."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.checkpoint import FfnCheckpoint
from gpu_embed.ffn.engines.choose import open_ffn_engine
from gpu_embed.ffn.engines.protocol import FfnEngine, FfnEngineOptions
from gpu_embed.ffn.loop.canvas import Canvas, Run, check_image, check_seeds, check_shape
from gpu_embed.ffn.loop.fields import Fields, HostFields
from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import Scene, check_policy, seeds_of
from gpu_embed.ffn.loop.together import Job, run_together
from gpu_embed.ffn.settings import FfnSettings, Floats, check_grey_type
from gpu_embed.ffn.subvolumes.files import SubvolumeFile, restore_state, save_state, subvolume_path, write_subvolume
from gpu_embed.ffn.subvolumes.label_volume import label_volume
from gpu_embed.journal import IDENTITY, claim
from gpu_embed.segmentation.boxes import Box
from gpu_embed.segmentation.reconcile import Reconciled, reconcile
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.volume import Volume

PARTS = 1000
"""Of a sub-volume, in which progress is told."""
NEAR = 1e-6
Open = Callable[[], Volume]


@dataclass(frozen=True)
class SegmentPlan:
    """What is to be segmented, and how; plain enough to be sent to another process.

    Args:
        em: opens the grey values; ``functools.partial(open_volume, URL, ...)`` can be sent.
        folder: where finished sub-volumes are kept.
        settings: None for those of the checkpoint's card.
        box: first voxel and end, ZYX; None for the whole volume.
        size, overlap: of sub-volumes, ZYX. None for one, and for twice the margin of the field of view.
        exclude: opens a volume whose voxels above 0 are not entered by the centre of the field of view.
        unseeded: likewise, where no object starts.
        seeds: first voxels of objects, ZYX in the volume, in place of the settings' policy.
        seeds_from: folder of a finished run over the same sub-volumes: objects start where its objects did, the last
            first (Google's ``PolicyInvertOrigins``), in place of the settings' policy.
        probabilities: whether ``.prob`` files are written.
        together: sub-volumes whose steps are computed together; None for as many as the engine has in a batch.
        save_every_s: how often an unfinished sub-volume is saved, between two objects.
        out_of_domain: segment voxels of another size than the network was trained at.
    """

    em: Open
    checkpoint: FfnCheckpoint
    folder: Path
    settings: FfnSettings | None = None
    box: Box | None = None
    size: Zyx | None = None
    overlap: Zyx | None = None
    exclude: Open | None = None
    unseeded: Open | None = None
    seeds: tuple[Zyx, ...] | None = None
    probabilities: bool = False
    engine: str = "auto"
    options: FfnEngineOptions = field(default_factory=FfnEngineOptions)
    together: int | None = None
    save_every_s: float = 300.0
    out_of_domain: bool = False
    seeds_from: Path | None = None

    @property
    def architecture(self) -> FfnArchitecture:
        return self.checkpoint.card.architecture

    @property
    def used(self) -> FfnSettings:
        return self.settings or self.checkpoint.card.settings


@dataclass
class Segmented:
    """What a run made; steps, seconds and voxels are those of this run, not of an earlier one that it went on from."""

    pieces: list[SubvolumeFile]
    finished_before: int = 0
    steps: int = 0
    seconds: float = 0.0
    engine: str = ""
    objects: int = 0
    labelled_voxels: int = 0
    voxels: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def steps_per_s(self) -> float:
        return self.steps / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class PieceDone:
    """One sub-volume of a run; ``steps`` are -1 where it was finished before.

    ``absent``: chunks of EM and masks that its worker had asked for by then and that are not there.
    """

    piece: SubvolumeFile
    steps: int
    engine: str = ""
    absent: tuple[frozenset[Zyx], ...] = ()


def segment(plan: SegmentPlan, *, workers: Workers = 1, progress: Progress | None = None) -> Segmented:
    """Segment a volume into ``seg-x_y_z.npz`` files; stopped, it goes on where it was, to the same bytes.

    Args:
        workers: sub-volumes are spread over them; each has an engine of its own.

    Raises:
        SchemaError: a volume smaller than the field of view, grey values of another dtype, NaN, a box outside.
        VersionError: voxels of another size than the network's; the folder is of another run.
        AnalysisError: seeds outside, an overlap without room for the field of view, an engine that cannot.
    """
    began = time.monotonic()
    volume = plan.em()
    box = _checked(plan, volume)
    boxes = list(pieces_of(plan, box))
    about = identity(plan, volume, box)
    _check_earlier(plan, about)
    claim(plan.folder, about)
    runner = runner_of(workers)
    each = max(1, plan.together or 1)
    alone = runner.workers == 1 and runner.shares_memory
    groups = [boxes] if alone else [boxes[i : i + each] for i in range(0, len(boxes), each)]
    told = None if progress is None else _Told(progress, len(boxes))
    found: list[PieceDone] = []
    inner = told if alone else None
    for done in runner.map_tasks(partial(segment_group, plan, progress=inner), groups):
        found += done
        if told and inner is None:
            told.finished(len(found))
    result = Segmented(sorted((one.piece for one in found), key=lambda piece: piece.start))
    result.finished_before = sum(one.steps < 0 for one in found)
    result.steps = sum(max(0, one.steps) for one in found)
    result.engine = next((one.engine for one in found if one.engine), "")
    result.seconds = time.monotonic() - began
    for piece in result.pieces:
        labels = piece.labels()
        result.objects += int(labels.max())
        result.labelled_voxels += int(np.count_nonzero(labels))
        result.voxels += labels.size
    for at, source in enumerate((plan.em, plan.exclude, plan.unseeded)):
        absent = frozenset[Zyx]().union(*(one.absent[at] for one in found if one.absent))
        if source and (note := source().note(len(absent))):
            result.notes.append(note)
    return result


def write_one(
    pieces: Sequence[SubvolumeFile], url: str, resolution: Resolution, progress: Progress | None = None
) -> Reconciled:
    """Make one segmentation of finished sub-volumes (``gpu_embed.segmentation.reconcile``).

    Raises:
        ReadError, SchemaError: see ``label_volume``; something is there already.
    """
    start = tuple(min(piece.start[axis] for piece in pieces) for axis in range(3))
    stop = tuple(max(piece.stop[axis] for piece in pieces) for axis in range(3))
    with label_volume(url, (start[0], start[1], start[2]), (stop[0], stop[1], stop[2]), resolution) as write:
        return reconcile(pieces, write, progress=progress)


def segment_group(plan: SegmentPlan, boxes: Sequence[Box], progress: _Told | None = None) -> list[PieceDone]:
    """Sub-volumes that one worker segments, their steps computed together."""
    done: list[PieceDone] = []
    waiting: list[Box] = []
    for start, stop in boxes:
        path = subvolume_path(plan.folder, start)
        if path.is_file():
            done.append(PieceDone(_piece(path, start, stop), -1))
        else:
            waiting.append((start, stop))
    if progress:
        progress.finished(len(done))
    if not waiting:
        return done
    engine = open_ffn_engine(plan.architecture, plan.checkpoint.weights, plan.engine, plan.options)
    fields = _fields(plan, engine)
    volumes = _Volumes(plan)
    jobs = [_Work(plan, box, fields, volumes, engine, done, progress).job() for box in waiting]
    run_together(jobs, fields, plan.together or engine.batch)
    return done


def _fields(plan: SegmentPlan, engine: FfnEngine) -> Fields:
    """Where the engine computes on a GPU, images and logits lie there, too."""
    device = getattr(engine, "device", None)
    if device is None or device.type != "cuda":
        return HostFields(plan.architecture, plan.used, engine)
    from gpu_embed.ffn.engines.pytorch import TorchFfnEngine
    from gpu_embed.ffn.loop.device_fields import DeviceFields

    assert isinstance(engine, TorchFfnEngine)
    return DeviceFields(plan.architecture, plan.used, engine)


class _Volumes:
    """The volumes of a plan, opened once."""

    def __init__(self, plan: SegmentPlan) -> None:
        self.em = plan.em()
        self.exclude = plan.exclude() if plan.exclude else None
        self.unseeded = plan.unseeded() if plan.unseeded else None

    def absent(self) -> tuple[frozenset[Zyx], ...]:
        every = (self.em, self.exclude, self.unseeded)
        return tuple(frozenset() if one is None else one.absent_chunks for one in every)


class _Work:
    """One sub-volume on its way."""

    def __init__(
        self,
        plan: SegmentPlan,
        box: Box,
        fields: Fields,
        volumes: _Volumes,
        engine: FfnEngine,
        done: list[PieceDone],
        progress: _Told | None,
    ) -> None:
        self._plan, self._fields, self._volumes, self._engine = plan, fields, volumes, engine
        self._start, self._stop = box
        self._done, self._progress = done, progress
        self._saved = time.monotonic()
        self._steps_before = 0

    def job(self) -> Job:
        return Job(self._begin, self._finish)

    def _begin(self) -> tuple[Canvas, Run]:
        plan = self._plan
        image = self._image()
        restrictor = Restrictor(self._mask(self._volumes.exclude), self._mask(self._volumes.unseeded))
        canvas = Canvas(self._fields, image, plan.architecture, plan.used, restrictor, probabilities=plan.probabilities)
        if restore_state(plan.folder, self._start, canvas):
            self._steps_before = canvas.progress.steps
            seeds = canvas.progress.seeds
        else:
            z, y, x = self._volumes.em.resolution.xyz[::-1]
            seeds = self._seeds(Scene(image, canvas.segmentation, restrictor, (z, y, x)))
        return canvas, canvas.run(seeds, lambda: self._between(canvas))

    def _between(self, canvas: Canvas) -> None:
        now = time.monotonic()
        if now - self._saved >= self._plan.save_every_s:
            save_state(self._plan.folder, self._start, canvas)
            self._saved = now
        if self._progress:
            tried = canvas.progress.next_seed / max(1, len(canvas.progress.seeds))
            self._progress.within(self._start, tried)

    def _finish(self, canvas: Canvas) -> None:
        path = write_subvolume(self._plan.folder, self._start, canvas)
        steps = canvas.progress.steps - self._steps_before
        piece = _piece(path, self._start, self._stop)
        flags = ", ".join(getattr(self._engine, "flags", ()))
        told = f"{self._engine.name} with {flags}" if flags else self._engine.name
        self._done.append(PieceDone(piece, steps, told, self._volumes.absent()))
        if self._progress:
            self._progress.finished(len(self._done))

    def _image(self) -> Floats:
        grey = self._volumes.em.read(self._start, self._stop)
        if grey.dtype.kind == "f":
            check_image(grey, self._plan.architecture)
        self._plan.used.check_scale(self._volumes.em.name, grey)
        return self._plan.used.normalised(grey)

    def _mask(self, volume: Volume | None) -> npt.NDArray[np.bool_] | None:
        return None if volume is None else volume.read(self._start, self._stop) > 0

    def _seeds(self, scene: Scene) -> list[Zyx]:
        plan = self._plan
        if plan.seeds_from is not None:
            earlier = _piece(subvolume_path(plan.seeds_from, self._start), self._start, self._stop)
            return [found.start for found in reversed(earlier.objects())]
        if plan.seeds is None:
            return seeds_of(plan.used.seeds, scene, plan.architecture.margin)
        places = np.array(plan.seeds, dtype=np.int64).reshape(-1, 3) - self._start
        margin = np.array(plan.architecture.margin)
        room = np.all((places >= margin) & (places + margin < scene.image.shape), axis=1)
        return [(int(z), int(y), int(x)) for z, y, x in places[room]]


class _Told:
    """Progress over sub-volumes that are worked on at the same time: never falls."""

    def __init__(self, progress: Progress, pieces: int) -> None:
        self._progress, self._pieces = progress, pieces
        self._finished, self._most = 0, 0
        self._within: dict[Zyx, float] = {}

    def finished(self, pieces: int) -> None:
        self._finished = pieces
        self._within.clear()
        self._tell()

    def within(self, piece: Zyx, part: float) -> None:
        self._within[piece] = part
        self._tell()

    def _tell(self) -> None:
        parts = int(PARTS * (self._finished + sum(self._within.values())))
        self._most = min(max(self._most, parts), PARTS * self._pieces)
        self._progress(self._most, PARTS * self._pieces)


def pieces_of(plan: SegmentPlan, box: Box) -> Iterator[Box]:
    """Sub-volumes in the order of z, y, x, all of one size; the last along an axis begins earlier to have it."""
    margin = plan.architecture.margin
    axes = []
    for axis, (start, stop) in enumerate(zip(*box, strict=True)):
        whole = stop - start
        size = min(plan.size[axis], whole) if plan.size else whole
        overlap = plan.overlap[axis] if plan.overlap else 2 * margin[axis]
        if size < plan.architecture.fov[axis]:
            raise SchemaError(
                f"sub-volumes of {plan.size} voxels are smaller than the field of view of {plan.architecture.fov} (ZYX)"
            )
        if size < whole and not 0 < overlap < size:
            raise AnalysisError(
                f"sub-volumes of {plan.size} voxels overlap by {overlap}; wanted 1 to less than their size"
            )
        starts = list(range(start, max(start + 1, stop - overlap), max(1, size - overlap)))
        axes.append([(min(s, stop - size), min(s, stop - size) + size) for s in starts])
    for intervals in itertools.product(*(dict.fromkeys(axis) for axis in axes)):
        (a, i), (b, j), (c, k) = intervals
        yield (a, b, c), (i, j, k)


def identity(plan: SegmentPlan, volume: Volume, box: Box) -> dict[str, Any]:
    """All that the bytes of the sub-volumes follow from."""
    digest = hashlib.sha256()
    earlier = {} if plan.seeds_from is None else {"seeds_from": _earlier(plan.seeds_from)}
    for name, value in sorted(plan.checkpoint.weights.items()):
        digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return {
        "volume": _told_of(volume),
        "resolution": list(volume.resolution.xyz),
        "box": [list(corner) for corner in box],
        "weights": digest.hexdigest(),
        "architecture": plan.architecture.to_json(),
        "settings": plan.used.to_json(),
        "pieces": [[list(start), list(stop)] for start, stop in pieces_of(plan, box)],
        "exclude": _told_of(plan.exclude()) if plan.exclude else None,
        "unseeded": _told_of(plan.unseeded()) if plan.unseeded else None,
        "seeds": [list(place) for place in plan.seeds] if plan.seeds is not None else None,
        "probabilities": plan.probabilities,
        "engine": [plan.engine, plan.options.precision, plan.options.device, plan.options.batch],
        **earlier,
    }


def _earlier(folder: Path) -> Any:
    """The identity of a run that another one takes its first voxels from."""
    try:
        return json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{folder} holds no run of `segment`: {error}") from None


def _check_earlier(plan: SegmentPlan, about: Mapping[str, Any]) -> None:
    """Whether the run that first voxels are taken from is finished, and of the same sub-volumes."""
    if plan.seeds_from is None:
        return
    for name in ("volume", "pieces"):
        if about["seeds_from"].get(name) != json.loads(json.dumps(about[name], default=str)):
            raise VersionError(f"{plan.seeds_from} is a run of another {name}; its first voxels mean nothing here")
    for start, _ in about["pieces"]:
        path = subvolume_path(plan.seeds_from, (start[0], start[1], start[2]))
        if not path.is_file():
            raise ReadError(f"{path} is not there; finish that run first: the same command goes on")


def _told_of(volume: Volume) -> list[Any]:
    """What says which voxels lie where: at another offset, or with other axes, a box holds others."""
    return [volume.name, volume.axes, list(volume.start), list(volume.stop)]


def _checked(plan: SegmentPlan, volume: Volume) -> Box:
    """The box to segment, once everything that can be known before any work is right."""
    check_policy(plan.used.seeds)
    check_grey_type(volume.name, volume.dtype)
    trained = plan.checkpoint.card.resolution
    if trained is not None and not plan.out_of_domain and not _same(Resolution(*trained), volume.resolution):
        raise VersionError(
            f"the network was trained at {Resolution(*trained)} nm a voxel, {volume.name} has {volume.resolution}. "
            "Choose another scale, or say out_of_domain (--out-of-domain) to segment it all the same"
        )
    start, stop = plan.box or (volume.start, volume.stop)
    limits = zip(start, stop, volume.start, volume.stop, strict=True)
    if any(a < low or b > high or a >= b for a, b, low, high in limits):
        raise SchemaError(f"box {start} to {stop} (ZYX) is not within {volume.name}: {volume.start} to {volume.stop}")
    shape = tuple(b - a for a, b in zip(start, stop, strict=True))
    check_shape(shape, plan.architecture)
    if plan.seeds is not None:
        inside = [tuple(p - s for p, s in zip(place, start, strict=True)) for place in plan.seeds]
        check_seeds(inside, plan.architecture, shape)  # type: ignore[arg-type]
    if plan.seeds_from is not None and plan.seeds is not None:
        raise AnalysisError("first voxels are named, and those of another run are wanted, too; choose one")
    for open_mask in (plan.exclude, plan.unseeded):
        mask = open_mask() if open_mask else None
        if mask is not None and (
            not _same(mask.resolution, volume.resolution)
            or any(a < low or b > high for a, b, low, high in zip(start, stop, mask.start, mask.stop, strict=True))
        ):
            raise SchemaError(
                f"{mask.name} has voxels of {mask.resolution} nm from {mask.start} to {mask.stop}; wanted those of "
                f"{volume.name}, {volume.resolution} nm, and all of {start} to {stop} (ZYX)"
            )
    return (start[0], start[1], start[2]), (stop[0], stop[1], stop[2])


def _same(one: Resolution, other: Resolution) -> bool:
    return all(abs(a - b) <= NEAR * max(a, b) for a, b in zip(one.xyz, other.xyz, strict=True))


def _piece(path: Path, start: Zyx, stop: Zyx) -> SubvolumeFile:
    z, y, x = (b - a for a, b in zip(start, stop, strict=True))
    return SubvolumeFile(path, start, (z, y, x))

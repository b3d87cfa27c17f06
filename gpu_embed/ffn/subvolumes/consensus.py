"""Two finished runs made one: what both agree on, sub-volume by sub-volume.

Tests: tests/gpu_embed/ffn/subvolumes/test_consensus.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.subvolumes.files import SubvolumeFile, read_probability, subvolume_path, write_labels
from gpu_embed.journal import IDENTITY, claim
from gpu_embed.segmentation.contingency import Labels
from gpu_embed.segmentation.split_consensus import split_consensus
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.labels.components import split_disconnected_components

SAME = ("volume", "resolution", "box", "pieces")
"""What two runs must share to lie over each other."""


@dataclass(frozen=True, slots=True)
class Controls:
    """How a finished sub-volume is read: each control can only take voxels away, or cut objects.

    Args:
        threshold: voxels of a lower probability become 0; needs the run's ``.prob`` files.
        components: objects are cut into connected components (faces).
        least_voxels: objects that are smaller after that become 0.

    Raises:
        SchemaError: a threshold that is no probability, a size below 0.
    """

    threshold: float | None = None
    components: bool = False
    least_voxels: int = 0

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SchemaError(f"threshold is {self.threshold!r}; wanted a probability between 0 and 1")
        if self.least_voxels < 0:
            raise SchemaError(f"least_voxels is {self.least_voxels}; wanted 0 or more")

    def read(self, piece: SubvolumeFile) -> tuple[Labels, dict[int, int]]:
        """Labels, and for each label the object of the file that it is part of.

        Raises:
            ReadError: a damaged file, or no ``.prob`` beside it.
        """
        before = piece.labels().astype(np.uint64)
        labels = before.copy()
        if self.threshold is not None:
            labels[read_probability(piece) < self.threshold] = 0
        if self.components:
            labels = split_disconnected_components(labels).astype(np.uint64)
        names, first, voxels = np.unique(labels, return_index=True, return_counts=True)
        small = names[voxels < self.least_voxels]
        labels[np.isin(labels, small)] = 0
        small_ones = {0, *map(int, small)}
        whose = before.reshape(-1)[first]
        return labels, {int(a): int(b) for a, b in zip(names, whose, strict=True) if int(a) not in small_ones}


@dataclass(frozen=True, slots=True)
class Agreed:
    """Sub-volumes of a consensus; objects and voxels: of the first run as it was read, and of the consensus."""

    pieces: list[SubvolumeFile]
    objects_before: int
    objects: int
    voxels_before: int
    voxels: int


def consensus(
    first: Path,
    second: Path,
    folder: Path,
    *,
    least_voxels: int = 0,
    controls: Controls | None = None,
    progress: Progress | None = None,
) -> Agreed:
    """Write what two runs over the same sub-volumes agree on to ``folder``, in files as theirs.

    An object of the consensus is part of one object of each run: errors that join remain where both join. Objects
    that keep the label of the first run keep its first voxel and steps.

    Args:
        least_voxels: smaller parts become 0.
        controls: how both are read; None for as they are.

    Raises:
        ReadError: a folder without a run, sub-volumes that are not finished or damaged.
        VersionError: runs of different volumes, boxes or sub-volumes; the folder is of another run.
    """
    runs = [_run_of(one) for one in (first, second)]
    for name in SAME:
        if runs[0].get(name) != runs[1].get(name):
            raise VersionError(f"{first} and {second} are of different {name}; a consensus needs the same voxels")
    if folder.resolve() in (first.resolve(), second.resolve()):
        raise AnalysisError(f"{folder} holds one of the two runs; name another folder for their consensus")
    controls = controls or Controls()
    places = [((z, y, x), (k - z, j - y, i - x)) for (z, y, x), (k, j, i) in runs[0]["pieces"]]
    pairs = [[_finished(one, start, shape) for one in (first, second)] for start, shape in places]
    shared = {name: runs[0].get(name) for name in SAME}
    claim(folder, {**shared, "consensus": runs, "least_voxels": least_voxels, "controls": asdict(controls)})
    done, counts = [], np.zeros(4, dtype=np.int64)
    for number, (one, other) in enumerate(pairs, 1):
        (labels, whose), (others, _) = (controls.read(piece) for piece in (one, other))
        agreed, parts = split_consensus(labels, others, least_voxels)
        known = {one_object.label: one_object for one_object in one.objects()}
        voxels = dict(zip(*(map(int, column) for column in np.unique(agreed, return_counts=True)), strict=True))
        kept = [
            replace(known[whose[label]], label=label, voxels=voxels[label], overlaps=())
            for label, part in sorted(parts.items())
            if label == part and whose[label] in known
        ]
        path = write_labels(folder, one.start, agreed, kept)
        done.append(SubvolumeFile(path, one.start, one.shape))
        found = (len(whose), len(parts), np.count_nonzero(labels), np.count_nonzero(agreed))
        counts += np.array(found, dtype=np.int64)
        if progress:
            progress(number, len(pairs))
    return Agreed(done, *map(int, counts))


def resolution_of(folder: Path) -> Resolution:
    """Voxel size of a run, or of a consensus.

    Raises:
        ReadError: no run there.
    """
    x, y, z = _run_of(folder)["resolution"]
    return Resolution(x, y, z)


def _run_of(folder: Path) -> Mapping[str, Any]:
    path = folder / IDENTITY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReadError(f"{folder} holds no run of `segment` (no {IDENTITY} in it)") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"cannot read {path}: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("pieces"), list):
        raise ReadError(f"{folder} holds no run of `segment` ({IDENTITY} names no sub-volumes)")
    return found


def _finished(folder: Path, start: Zyx, shape: Zyx) -> SubvolumeFile:
    path = subvolume_path(folder, start)
    if not path.is_file():
        raise ReadError(f"{path} is not there; finish the run first: the same command goes on")
    return SubvolumeFile(path, start, shape)

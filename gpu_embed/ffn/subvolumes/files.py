"""Files of sub-volumes: Google's ``seg-x_y_z.npz`` and ``.prob``, and what a stopped run goes on from.

Google's files hold pickles (``origins``, ``overlaps``). They are written, so that Google's tools find what they look
for, and never read: the same stands beside them as plain numbers.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.loop.canvas import BINS, Canvas, FoundObject, Labels, Progress
from gpu_embed.ffn.loop.movement import as_places
from gpu_embed.ffn.settings import Floats
from ingest.running import whole_files
from ingest.schema.errors import ReadError

NAME = re.compile(r"seg-(-?\d+)_(-?\d+)_(-?\d+)\.npz")
OBJECTS = ("label", "start_z", "start_y", "start_x", "steps", "voxels")
"""Columns of ``objects``; starts are voxels of the sub-volume."""
ORIGIN = b"cffn.inference.storage\nOriginInfo\n"


def subvolume_path(folder: Path, corner: Zyx, ending: str = "npz") -> Path:
    """``<x>/<y>/seg-<x>_<y>_<z>.npz`` for the first voxel of a sub-volume."""
    z, y, x = corner
    return folder / str(x) / str(y) / f"seg-{x}_{y}_{z}.{ending}"


def write_subvolume(folder: Path, corner: Zyx, canvas: Canvas) -> Path:
    """Write a finished sub-volume, whole or not at all; the segmentation comes last, as the sign that it is done.

    Raises:
        ReadError: the folder cannot be written.
    """
    if canvas.probability is not None:
        _write(subvolume_path(folder, corner, "prob"), {"qprob": canvas.probability})
    path = write_labels(folder, corner, canvas.labels(), canvas.objects)
    subvolume_path(folder, corner, "cpoint").unlink(missing_ok=True)
    return path


def write_labels(folder: Path, corner: Zyx, labels: npt.NDArray[Any], objects: Sequence[FoundObject]) -> Path:
    """Write labels, and where the objects come from of which that is known.

    Raises:
        ReadError: the folder cannot be written.
    """
    path = subvolume_path(folder, corner)
    arrays = {
        "segmentation": reduced(labels),
        "objects": _object_rows(objects),
        "object_overlaps": _overlap_rows(objects),
        "origins": _Pickled(origins_pickle(objects)),
        "overlaps": _Pickled(overlaps_pickle(objects)),
    }
    _write(path, arrays)
    return path


@dataclass
class SubvolumeFile:
    """A finished sub-volume on disk; a ``Piece`` of ``gpu_embed.segmentation.grid``.

    Args:
        start: its first voxel ZYX in the volume.
    """

    path: Path
    start: Zyx
    shape: Zyx
    name: str = field(init=False)
    stop: Zyx = field(init=False)

    def __post_init__(self) -> None:
        z, y, x = (a + n for a, n in zip(self.start, self.shape, strict=True))
        self.name, self.stop = self.path.name, (z, y, x)

    def labels(self) -> npt.NDArray[Any]:
        """The whole segmentation.

        Raises:
            ReadError: the file is damaged, or of another shape.
        """
        labels: npt.NDArray[Any] = _whole(self.path, "segmentation", self.shape)
        return labels

    def read(self, start: Sequence[int], stop: Sequence[int], /) -> npt.NDArray[Any]:
        return self.labels()[tuple(slice(a - s, b - s) for a, b, s in zip(start, stop, self.start, strict=True))]

    def objects(self) -> list[FoundObject]:
        """The objects of the segmentation, by label.

        Raises:
            ReadError: the file is damaged.
        """
        return _objects(*_arrays(self.path, "objects", "object_overlaps"))


def read_probability(piece: SubvolumeFile) -> Floats:
    """Probabilities of a finished sub-volume's objects, NaN elsewhere; to 1 / 255, as Google's files have them.

    Raises:
        ReadError: the run kept none, or the file is damaged.
    """
    path = piece.path.with_suffix(".prob")
    if not path.is_file():
        raise ReadError(
            f"{path} is not there: the run kept no probabilities (`segment` keeps them with --probabilities)"
        )
    steps = _whole(path, "qprob", piece.shape)
    found: Floats = ((steps - 0.5) / BINS).astype(np.float32)
    found[steps == 0] = np.nan
    return found


def save_state(folder: Path, corner: Zyx, canvas: Canvas) -> None:
    """Write how far a sub-volume is, between two objects.

    Raises:
        ReadError: the folder cannot be written.
    """
    state: dict[str, Any] = {
        "segmentation": canvas.segmentation,
        "objects": _object_rows(canvas.objects),
        "object_overlaps": _overlap_rows(canvas.objects),
        "seeds": np.array(canvas.progress.seeds, dtype=np.int64).reshape(-1, 3),
        "progress": np.array([canvas.progress.next_seed, canvas.progress.steps], dtype=np.int64),
    }
    if canvas.probability is not None:
        state["probability"] = canvas.probability
    _write(subvolume_path(folder, corner, "cpoint"), state)


def restore_state(folder: Path, corner: Zyx, canvas: Canvas) -> bool:
    """Bring a canvas to where it was saved; False where it never was.

    Raises:
        ReadError: what was saved is damaged, or of another canvas.
    """
    path = subvolume_path(folder, corner, "cpoint")
    if not path.is_file():
        return False
    segmentation: Labels = _whole(path, "segmentation", canvas.shape)
    objects, overlaps, progress, seeds = _arrays(path, "objects", "object_overlaps", "progress", "seeds")
    if canvas.probability is not None:
        canvas.probability[...] = _whole(path, "probability", canvas.shape)
    canvas.objects[:] = _objects(objects, overlaps)
    canvas.segmentation[...] = segmentation
    canvas.progress = Progress(as_places(seeds), int(progress[0]), int(progress[1]))
    return True


def reduced(labels: npt.NDArray[Any]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """In the smallest unsigned type that holds the largest label."""
    largest = int(labels.max(initial=0))
    for kind in (np.uint8, np.uint16):
        if largest <= np.iinfo(kind).max:
            return labels.astype(kind)
    return labels.astype(np.uint32)


def origins_pickle(objects: Sequence[FoundObject]) -> bytes:
    """A dict of label to ``OriginInfo(start_zyx, iters, walltime_sec)`` as Google's code unpickles it.

    Wall times are 0: the same run gives the same bytes.
    """
    items = b"".join(
        _int(o.label) + ORIGIN + b"(" + _tuple(o.start) + _int(o.steps) + b"G" + bytes(8) + b"tR" for o in objects
    )
    return b"\x80\x02}(" + items + b"u."


def overlaps_pickle(objects: Sequence[FoundObject]) -> bytes:
    """A dict of label to ((labels), (voxels)): what Google keeps as arrays of these two rows."""
    items = b""
    for found in objects:
        labels, voxels = (tuple(pair[i] for pair in found.overlaps) for i in (0, 1))
        items += _int(found.label) + b"(" + _tuple(labels) + _tuple(voxels) + b"t"
    return b"\x80\x02}(" + items + b"u."


@dataclass(frozen=True)
class _Pickled:
    """The pickle of a dict in place of an array's numbers."""

    content: bytes

    def npy(self) -> bytes:
        """As ``np.load`` reads an array () of one object: ``numpy.array`` called with the dict."""
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
        body = self.content.removeprefix(b"\x80\x02").removesuffix(b".")
        return header.getvalue() + b"\x80\x02cnumpy\narray\n(" + body + b"tR."


def _write(path: Path, arrays: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            whole_files.write_atomically(path) as new,
            zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, value in arrays.items():
                # Dates of a ZIP's members are the same for the same run.
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    if isinstance(value, _Pickled):
                        member.write(value.npy())
                    else:
                        np.lib.format.write_array(member, np.ascontiguousarray(value), allow_pickle=False)
    except OSError as error:
        raise ReadError(
            f"cannot write {path}: {error.strerror or error}; what is finished is kept: free some space, run it again"
        ) from None


def _arrays(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except Exception as error:  # whatever a damaged archive leads zipfile, zlib and numpy to
        raise ReadError(f"{path} is damaged ({error}); remove it: it is computed again") from None


def _whole(path: Path, name: str, shape: Zyx) -> Any:
    (values,) = _arrays(path, name)
    if values.shape != shape:
        raise ReadError(f"{path} is {list(values.shape)}, wanted {list(shape)} (ZYX); it is of another run")
    return values


def _object_rows(objects: Sequence[FoundObject]) -> npt.NDArray[np.int64]:
    rows = [(o.label, *o.start, o.steps, o.voxels) for o in objects]
    return np.array(rows, dtype=np.int64).reshape(-1, len(OBJECTS))


def _overlap_rows(objects: Sequence[FoundObject]) -> npt.NDArray[np.int64]:
    rows = [(o.label, label, voxels) for o in objects for label, voxels in o.overlaps]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _objects(rows: npt.NDArray[np.int64], overlaps: npt.NDArray[np.int64]) -> list[FoundObject]:
    over: dict[int, list[tuple[int, int]]] = {}
    for label, other, voxels in overlaps:
        over.setdefault(int(label), []).append((int(other), int(voxels)))
    return [
        FoundObject(label, (z, y, x), steps, voxels, tuple(over.get(label, ())))
        for label, z, y, x, steps, voxels in (map(int, row) for row in rows)
    ]


def _int(value: int) -> bytes:
    return b"J" + int(value).to_bytes(4, "little", signed=True)


def _tuple(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(_int, values)) + b"t"

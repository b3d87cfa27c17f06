"""``SubvolumeProcessor``: what turns one sub-volume into another, and how much it needs to see around it.

The calls of ``connectomics.volume.subvolume_processor``; a run over a volume is in ``run.py``.

Tests: tests/ingest/volumes/processing/test_processors.py.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Workers
from ingest.volumes.boxes.bounding_box import BoundingBoxBase
from ingest.volumes.boxes.box_generator import MultiBoxGenerator
from ingest.volumes.processing.subvolume import Subvolume, Voxels

Ints = npt.NDArray[np.int64]
Read = Callable[[BoundingBoxBase], Voxels]
_KEBAB = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class SuggestedXyz(NamedTuple):
    """Sizes that a processor proposes and does not need."""

    x: int
    y: int
    z: int


class OutputNums(enum.Enum):
    """How many sub-volumes come of one."""

    SINGLE = 1
    MULTI = 2


class SubvolumeProcessor:
    """What does the work is ``process``; the rest says what it needs and gives.

    Attributes:
        crop_at_borders: whether voxels at the border of the volume, which lack context, are left out of the output too.
        ignores_input_data: only the box and type of the input matter.
    """

    crop_at_borders = True
    ignores_input_data = False
    _context: tuple[Ints, Ints] | None = None
    _subvol_size: Ints
    _overlap: Ints

    def survey(self, boxes: MultiBoxGenerator, read: Read, workers: Workers, dtype: np.dtype[Any]) -> None:
        """A look at the whole volume before its boxes are processed, for what one box does not tell; none as a rule.

        Args:
            boxes: those that will be processed.
            read: the voxels [z, y, x] of a box; can be sent to a worker.
            dtype: of the output.
        """

    def process(self, subvol: Subvolume) -> Subvolume:
        """The processed sub-volume, smaller by the context on every side that is cropped."""
        raise NotImplementedError

    @property
    def namespace(self) -> str:
        """The name of the class in words with hyphens."""
        return _KEBAB.sub("-", type(self).__name__).lower()

    @property
    def name_parts(self) -> tuple[str, ...]:
        """What names of outputs are made of."""
        return (type(self).__name__,)

    @property
    def output_num(self) -> OutputNums:
        return OutputNums.SINGLE

    def output_type(self, input_type: Any) -> Any:
        """numpy type of the output."""
        return input_type

    def pixelsize(self, input_psize: Any) -> npt.NDArray[Any]:
        """nm of an output voxel, XYZ."""
        return np.asarray(input_psize)

    def num_channels(self, input_channels: int) -> int:
        return input_channels

    def subvolume_size(self) -> tuple[int, int, int] | SuggestedXyz | None:
        """XYZ that ``process`` needs, or proposes, or None."""
        return None

    def context(self) -> tuple[Any, Any]:
        """XYZ voxels that are needed in front and behind."""
        return SuggestedXyz(0, 0, 0), SuggestedXyz(0, 0, 0)

    def overlap(self) -> tuple[int, int, int] | SuggestedXyz:
        """Context in front and behind together."""
        front, back = self.context()
        sums = (front[0] + back[0], front[1] + back[1], front[2] + back[2])
        proposed = isinstance(front, SuggestedXyz) and isinstance(back, SuggestedXyz)
        return SuggestedXyz(*sums) if proposed else sums

    def set_effective_subvol_and_overlap(self, subvol_size: Any, overlap: Any) -> None:
        """What the run uses: its own overlap, other than the processor's, is halved between front and back."""
        self._subvol_size, self._overlap = np.asarray(subvol_size), np.asarray(overlap)
        if np.array_equal(self.overlap(), self._overlap):
            front, back = (np.asarray(side, np.int64) for side in self.context())
        else:
            front = self._overlap // 2
            back = self._overlap - front
        self._context = front, back

    def expected_output_box(self, box: BoundingBoxBase) -> BoundingBoxBase:
        """The box that ``process`` gives for an input box, in voxels of the output."""
        factor = 1 / self.pixelsize(np.repeat(1, box.rank))
        return self.crop_box(box).scale(factor.tolist())

    def crop_box(self, box: BoundingBoxBase) -> BoundingBoxBase:
        """The box without its context."""
        front, back = self._context_for_box(box)
        return box.adjusted_by(start=front, end=-back)

    def crop_box_and_data(self, box: BoundingBoxBase, data: Voxels) -> Subvolume:
        """Voxels [channel, z, y, x] of a box, and the box, without their context."""
        cropped = self.crop_box(box)
        inner: Any = (slice(None), *cropped.translate(-box.start).to_slice3d())
        return Subvolume(data[inner], cropped)

    def _context_for_box(self, box: BoundingBoxBase) -> tuple[Ints, Ints]:
        if self._context is None:
            self.set_effective_subvol_and_overlap(box.size, self.overlap())
        assert self._context is not None
        front, back = self._context
        if self.crop_at_borders:
            return front, back
        return front * ~box.is_border_start, back * ~box.is_border_end

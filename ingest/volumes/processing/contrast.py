"""Contrast, plane by plane: ``CLAHE`` and ``LCN``, of scikit-image as Google's are, so equal to the bit.

Tests: tests/ingest/volumes/processing/test_processors.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError, SchemaError
from ingest.volumes.processing.processor import SubvolumeProcessor
from ingest.volumes.processing.subvolume import Subvolume, Voxels, require_finite

MASK_SEED = 42
"""Of the pixels drawn for masked ones, as theirs."""


class PlaneProcessor(SubvolumeProcessor):
    """Works on each plane of one direction by itself.

    Args:
        plane: ``yx``, ``zy`` or ``zx``, or the other way round.
        mask_configs: handed to ``_build_mask``, which a subclass has; masked pixels stay as they are, and pixels drawn
            from the others stand for them.
    """

    crop_at_borders = False

    def __init__(self, plane: str = "yx", mask_configs: Any = None) -> None:
        if len(plane) != 2 or len(set(plane) & set("xyz")) != 2:
            raise SchemaError(f"plane {plane!r}; wanted two of x, y and z, like yx")
        self._plane, self._mask_configs = plane, mask_configs

    def process_plane(self, image2d: Voxels) -> Voxels:
        raise NotImplementedError

    def _build_mask(self, mask_configs: Any, box: Any) -> npt.NDArray[np.bool_]:
        """Which voxels [z, y, x] of a box are masked."""
        raise SchemaError("mask_configs are Google's own format; give a subclass with _build_mask")

    def process(self, subvol: Subvolume) -> Subvolume:
        require_finite(subvol.data)
        (other,) = set("xyz") - set(self._plane)
        order = [0, *("czyx".index(axis) for axis in (other, *self._plane))]
        planes = subvol.data.transpose(order)
        masks = None
        if self._mask_configs is not None:
            masks = self._build_mask(self._mask_configs, subvol.bbox).transpose([axis - 1 for axis in order[1:]])
        out = np.zeros(planes.shape, self.output_type(planes.dtype))
        rng = np.random.default_rng(MASK_SEED)
        for channel in range(planes.shape[0]):
            for at in range(planes.shape[1]):
                plane = np.array(planes[channel, at], order="C")
                mask = None if masks is None else masks[at]
                hidden = None
                if mask is not None and np.any(mask) and not np.all(mask):
                    hidden = plane[mask]
                    plane[mask] = rng.choice(plane[~mask], size=np.sum(mask), replace=True)
                out[channel, at] = self.process_plane(plane)
                if hidden is not None:
                    out[channel, at][mask] = hidden
        return self.crop_box_and_data(subvol.bbox, out.transpose(np.argsort(order)))


class CLAHE(PlaneProcessor):
    """Contrast limited adaptive histogram equalisation; uint8 out.

    Args:
        plane, mask_configs: see ``PlaneProcessor``.
        kernel_size, clip_limit: of ``skimage.exposure.equalize_adapthist``.
        clip_min, clip_max: of the input, before.
        invert: dark to light.
    """

    def __init__(
        self, plane: str = "yx", kernel_size: Any = None, clip_limit: float = 0.01, clip_min: float | None = None,
        clip_max: float | None = None, invert: bool = False, mask_configs: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(plane, mask_configs)
        self._kernel_size, self._clip_limit, self._invert = kernel_size, clip_limit, invert
        self._clip = clip_min, clip_max

    def output_type(self, input_type: Any) -> Any:
        return np.uint8

    def process_plane(self, image2d: Voxels) -> Voxels:
        if image2d.size == 0 or image2d.min() == image2d.max():
            return np.clip(image2d, 0, 255)  # of one value: left as it is, as theirs
        if self._clip != (None, None):
            image2d = np.clip(image2d, *self._clip)
        found = _skimage("exposure").equalize_adapthist(
            _within_one(image2d), kernel_size=self._kernel_size, clip_limit=self._clip_limit
        )
        equalised: Voxels = ((1.0 - found if self._invert else found) * 255).astype(np.uint8)
        return equalised


class LCN(PlaneProcessor):
    """Local contrast: the rank of each pixel within a disk around it."""

    def __init__(self, plane: str = "yx", disk_radius: int = 100) -> None:
        super().__init__(plane)
        self._disk = _skimage("morphology").disk(disk_radius)

    def process_plane(self, image2d: Voxels) -> Voxels:
        equalised: Voxels = _skimage("filters").rank.equalize(_within_one(image2d), footprint=self._disk)
        return equalised


def _within_one(image2d: Voxels) -> Voxels:
    """Raises SchemaError for floats that scikit-image takes for no image."""
    most = float(np.abs(image2d).max(initial=0)) if image2d.dtype.kind == "f" else 0.0
    if most > 1:
        raise SchemaError(
            f"floats of up to {most:g}; wanted -1 to 1, or whole numbers, as scikit-image does. "
            "Give clip_min and clip_max of CLAHE, or rescale the image first"
        )
    return image2d


def _skimage(part: str) -> Any:
    try:
        from importlib import import_module

        return import_module(f"skimage.{part}")
    except ImportError:
        raise MissingExtraError("scikit-image", "volumes") from None

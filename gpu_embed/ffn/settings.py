"""How a network is used: grey values it wants to see, thresholds, least sizes; published settings by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from ingest.registry import Registry
from ingest.schema.errors import SchemaError, did_you_mean

Floats = npt.NDArray[np.float32]
PROBABILITIES = ("seed", "pad", "move", "segment")
FARTHEST = 300.0
"""Deviations from the mean beyond which grey values are of another scale than the settings."""


@dataclass(frozen=True, slots=True)
class FfnSettings:
    """Settings of a run; probabilities are told as such and used as logits.

    Args:
        mean, std: of the grey values; the network sees (grey - mean) / std.
        seed: probability of the voxel that an object starts from.
        pad: probability of a voxel that was not looked at yet.
        move: least probability of a voxel to move to. An object whose first voxel falls below is given up.
        segment: least probability of a voxel of the object.
        least_voxels: smaller objects are not kept; their first voxel is not tried again.
        boundary: ZYX; no object starts within so many voxels of another.
        freeze: above this fraction of the field of view that is at ``move`` or more, voxels below 0.5 cannot rise
            again, which keeps apart what was apart (Google's ``disco_seed_threshold``, 0 where nothing is said);
            below 0: never.
        seeds: the policy that proposes first voxels, see ``gpu_embed.ffn.loop.seeds``.

    Raises:
        SchemaError: a probability that is not between 0 and 1, a deviation of 0, sizes below 0.
    """

    mean: float = 128.0
    std: float = 33.0
    seed: float = 0.95
    pad: float = 0.05
    move: float = 0.9
    segment: float = 0.6
    least_voxels: int = 1000
    boundary: Zyx = (1, 1, 1)
    freeze: float = 0.0
    seeds: str = "peaks"

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            if not 0 < getattr(self, name) < 1:
                raise SchemaError(f"{name} is {getattr(self, name)!r}; wanted a probability between 0 and 1")
        if not (math.isfinite(self.mean) and math.isfinite(self.std)) or self.std <= 0:
            raise SchemaError(f"grey values of mean {self.mean!r} and deviation {self.std!r}; wanted numbers, std > 0")
        if not math.isfinite(self.freeze):
            raise SchemaError(f"freeze is {self.freeze!r}; wanted a fraction, or a number below 0 for never")
        if min(self.least_voxels, *self.boundary) < 0:
            raise SchemaError(f"least_voxels {self.least_voxels} and boundary {self.boundary}; wanted 0 or more")

    def logit(self, name: str) -> np.float32:
        """One of the probabilities as the network speaks of it.

        Rounded to 32 bits before and after, as Google's messages keep it: the last bit may decide a move.
        """
        probability = float(np.float32(getattr(self, name)))
        return np.float32(math.log(probability / (1 - probability)))

    def normalised(self, grey: npt.NDArray[Any]) -> Floats:
        """Grey values as the network wants them."""
        values: Floats = (grey.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)
        return values

    def check_scale(self, what: str, grey: npt.NDArray[Any]) -> None:
        """SchemaError for grey values, all finite, of another scale: of 0 to 1 where 0 to 255 is meant, or so."""
        low, high = float(grey.min()), float(grey.max())
        most = max(-low, high)
        far = max(self.mean - low, high - self.mean) / self.std
        # Of 0 alone are parts outside of the tissue.
        if (grey.dtype.kind == "f" and 0 < most <= 1 < self.mean) or far > FARTHEST:
            raise SchemaError(
                f"{what} holds {grey.dtype} of at most {most:g}; the settings want grey values of mean {self.mean:g} "
                f"and deviation {self.std:g}"
            )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "boundary": list(self.boundary)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FfnSettings:
        """Raises SchemaError for a setting that there is none of."""
        known = [field.name for field in fields(cls)]
        for name in document:
            if name not in known:
                raise SchemaError(f"unknown setting {name!r}{did_you_mean(str(name), known)}")
        values = dict(document)
        if "boundary" in values:
            z, y, x = (int(n) for n in values["boundary"])
            values["boundary"] = z, y, x
        return cls(**values)


def check_grey_type(what: str, dtype: np.dtype[Any]) -> None:
    """SchemaError for images that are neither trained on nor segmented."""
    if dtype.kind != "f" and dtype != np.uint8:
        raise SchemaError(f"{what} holds {dtype}; wanted uint8 grey values, or floats")


@dataclass(frozen=True, slots=True)
class Published:
    """A network that somebody published: its architecture, its settings, the voxels it was trained at.

    Args:
        resolution: nm XYZ.
        notes: where the numbers are from, and which are not the authors' own.
    """

    architecture: FfnArchitecture
    settings: FfnSettings
    resolution: tuple[float, float, float]
    notes: tuple[str, ...]


PUBLISHED: Registry[Published] = Registry("FFN settings")
PUBLISHED.register(
    "fib25",
    Published(
        FfnArchitecture(),
        FfnSettings(),
        (10.0, 10.0, 10.0),
        ("google/ffn, configs/inference_training_sample2.pbtxt; trained on FIB-25, by its README on validation1",),
    ),
)
PUBLISHED.register(
    "liconn",
    Published(
        FfnArchitecture(depth=21, layer_norm=True),
        FfnSettings(pad=0.5, move=0.6),
        (18.0, 18.0, 24.0),
        (
            "LICONN: field of view, moves, pad, move, grey values and voxels as published; what was not said (seed, "
            "segment, least size, boundary, policy of seeds) is that of FIB-25",
        ),
    ),
)

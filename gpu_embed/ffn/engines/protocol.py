"""The seam between the loop and whatever computes fields of view.

Tests: tests/gpu_embed/ffn/engines/test_choose.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.settings import Floats
from ingest.registry import Registry
from ingest.schema.errors import SchemaError, UnknownNameError

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class FfnEngineOptions:
    """How to compute.

    Args:
        precision: fp32, tf32, fp16, bf16 of the convolutions.
        device: ``cpu``, ``cuda``, ``cuda:1``, or ``auto`` (cuda where there is one).
        batch: fields of view in one call; None: 1 on a CPU, which one fills, 32 on a GPU.
        threads: of a CPU engine; None leaves it to the engine.
    """

    precision: str = "fp32"
    device: str = "auto"
    batch: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        if self.batch is not None and self.batch < 1:
            raise SchemaError(f"batch of {self.batch} fields of view; wanted 1 or more")


class FfnEngine(Protocol):
    """Computes fields of view. One answer depends on its own field of view only, and on how many there may be."""

    name: str
    batch: int
    """Fields of view in one call of the library underneath."""

    def logits(self, images: Floats, seeds: Floats) -> Floats:
        """Normalised images and logits so far, each [n, Z, Y, X] for any n, to the new logits."""


class FfnEngineMaker(Protocol):
    """Loads weights (our names) and gives an engine."""

    def __call__(
        self, architecture: FfnArchitecture, weights: Mapping[str, Array], options: FfnEngineOptions, /
    ) -> FfnEngine:
        """AnalysisError: a device or precision that it has not. MissingExtraError: its library is not installed."""


FFN_ENGINES: Registry[FfnEngineMaker] = Registry("FFN engine")
"""Ours are entered in ``gpu_embed.ffn.engines.choose``."""


class InCalls:
    """What engines share: as many calls as it takes, each of the same size."""

    batch = 1
    flags: tuple[str, ...] = ()
    """Instructions of the CPU that the precision rests on, where it does."""

    def logits(self, images: Floats, seeds: Floats) -> Floats:
        """See ``FfnEngine.logits``."""
        found = []
        for start in range(0, len(images), self.batch):
            image, seed = images[start : start + self.batch], seeds[start : start + self.batch]
            count = len(image)
            if count < self.batch:  # one shape: what is computed never depends on how many there are
                image, seed = (np.concatenate([a, np.repeat(a[:1], self.batch - count, axis=0)]) for a in (image, seed))
            found.append(self.call(image, seed)[:count])
        return np.concatenate(found)

    def call(self, images: Floats, seeds: Floats) -> Floats:
        raise NotImplementedError

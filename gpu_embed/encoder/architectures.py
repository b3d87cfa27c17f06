"""The encoders by name: crop, width, number of outputs, and the order of their layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ingest.registry import Registry
from ingest.schema.errors import SchemaError

STAGES = (2, 3, 4, 5)
HEAD_LAYERS = 3
EPSILON = 1e-5

Order = Literal["relu-norm", "norm-relu"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One 3-D ResNet-18 with a bottleneck head.

    Args:
        name: how checkpoints and cards call it.
        crop: voxels a side of a crop; 32 n + 1, so that every SAME padding of TensorFlow is equal on both sides
            (129 > 65 > 33 > 17 > 9 > 5).
        width: channels of the stem and of stage 2; each later stage has twice as many.
        outputs: floats of an embedding.
        order: ``relu-norm`` is what was published (convolution with bias, ReLU, batch norm; no ReLU in the stem);
            ``norm-relu`` the usual order of the TensorFlow 2 port (no biases, ReLU in the stem, no shift in the
            last norm). Weights of one do not fit the other.

    Raises:
        SchemaError: a crop of another size, or numbers below 1.
    """

    name: str
    crop: int = 129
    width: int = 64
    outputs: int = 64
    order: Order = "relu-norm"

    def __post_init__(self) -> None:
        if self.crop < 33 or self.crop % 32 != 1:
            raise SchemaError(
                f"crop of {self.crop} voxels a side; wanted 32 n + 1 (33, 65, 97, 129): only then is the padding of "
                "the published network the same on both sides"
            )
        if self.width < 1 or self.outputs < 1:
            raise SchemaError(f"width {self.width} and outputs {self.outputs}; both must be 1 or more")

    @property
    def published(self) -> bool:
        return self.order == "relu-norm"

    @property
    def features(self) -> int:
        """Channels after the last stage, before the bottleneck."""
        return self.width * 8

    def channels(self, stage: int) -> int:
        return self.width << (stage - 2)

    def side(self, stage: int) -> int:
        """Voxels a side after a stage; stage 1 is the stem after its pooling, 0 before it."""
        halvings = {0: 1, 1: 2, 2: 2, 3: 3, 4: 4, 5: 5}[stage]
        side = self.crop
        for _ in range(halvings):
            side = (side + 1) // 2
        return side

    def flops(self) -> float:
        """Floating-point operations of one crop, two for each multiply-add of a convolution or matrix product."""
        total = self.side(0) ** 3 * 343 * self.width
        into = self.width
        for stage in STAGES:
            out, voxels = self.channels(stage), self.side(stage) ** 3
            total += voxels * out * (27 * into + 27 * out + into + 2 * 27 * out)
            into = out
        return 2.0 * (total + 2 * self.features**2 + self.features * self.outputs)


ARCHITECTURES: Registry[Architecture] = Registry("encoder architecture")
SEGCLR = ARCHITECTURES.register("segclr", Architecture("segclr"))
ARCHITECTURES.register("segclr-128", Architecture("segclr-128", outputs=128))
ARCHITECTURES.register("segclr-tf2", Architecture("segclr-tf2", order="norm-relu"))
TINY = ARCHITECTURES.register("tiny", Architecture("tiny", crop=33, width=16))


def architecture(
    name: str, *, crop: int | None = None, width: int | None = None, outputs: int | None = None
) -> Architecture:
    """A registered architecture, with other numbers where given.

    Raises:
        UnknownNameError: nobody registered the name (nearest names are in the message).
        SchemaError: numbers that make no network.
    """
    base = ARCHITECTURES.get(name)
    return replace(base, crop=crop or base.crop, width=width or base.width, outputs=outputs or base.outputs)

"""An encoder as the engines run it: norms folded into convolutions wherever that is exact, and nowhere else.

Folded backward (a norm right after its convolution): stem, shortcuts, head, and all norms of the port. In the
published order a norm follows a ReLU and comes before a zero-padded convolution. Its scale moves exactly: the size
into the convolution before the ReLU, relu(|s| x) = |s| relu(x), the sign into the one after it, as padding stays
zero under any scale. Its shift does not: moved into the next bias it would also shift the padding, which the network
does not (27 cases of borders). So the shift stays where it is, one addition that engines fuse with the ReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.architectures import EPSILON, HEAD_LAYERS, STAGES, Architecture

Array = npt.NDArray[np.float32]
GREY = 128.0
"""Grey values are divided by this, a power of two: exact for 0..255 in half precisions; the stem makes up for it."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """weight [out, in, z, y, x] and bias [out]."""

    weight: Array
    bias: Array
    stride: int = 1

    @property
    def padding(self) -> int:
        return int(self.weight.shape[-1]) // 2


@dataclass(frozen=True, slots=True)
class FoldedBlock:
    """relu(conv0) [+ shift0] > conv1 > [relu, * scale1, + shift1] > + shortcut > relu."""

    conv0: Convolution
    shift0: Array | None
    conv1: Convolution
    scale1: Array | None
    shift1: Array | None
    shortcut: Convolution | None


@dataclass(frozen=True, slots=True)
class FoldedEncoder:
    """Everything an engine needs, in float32; the input is grey values / GREY."""

    architecture: Architecture
    stem: Convolution
    blocks: tuple[FoldedBlock, ...]
    head: tuple[Convolution, ...]


def fold(a: Architecture, weights: Mapping[str, Array]) -> FoldedEncoder:
    """Fold a state dict (our names) in double precision."""

    def affine(name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        gamma = weights[f"{name}.weight"].astype(np.float64)
        mean = weights[f"{name}.running_mean"].astype(np.float64)
        scale = gamma / np.sqrt(weights[f"{name}.running_var"].astype(np.float64) + EPSILON)
        beta = weights.get(f"{name}.bias")
        return scale, (0.0 if beta is None else beta.astype(np.float64)) - mean * scale

    def bias_of(name: str) -> npt.NDArray[np.float64]:
        bias = weights.get(f"{name}.bias")
        return np.zeros(len(weights[f"{name}.weight"])) if bias is None else bias.astype(np.float64)

    def convolution(
        name: str,
        after: npt.NDArray[np.float64] | None = None,
        shift: npt.NDArray[np.float64] | float = 0.0,
        before: npt.NDArray[np.float64] | None = None,
        stride: int = 1,
    ) -> Convolution:
        weight, bias = weights[f"{name}.weight"].astype(np.float64), bias_of(name)
        if before is not None:
            weight = weight * before[None, :, None, None, None]
        if after is not None:
            weight, bias = weight * _column(after, weight), bias * after
        return Convolution(_single(weight), _single(bias + shift), stride)

    scale, shift = affine("stem.norm")
    stem = convolution("stem.conv", scale, shift, stride=2)
    stem = Convolution(_single(stem.weight * (GREY / 255.0)), stem.bias, 2)
    blocks = []
    for stage in STAGES:
        for block in "ab":
            name = f"stage{stage}.{block}"
            stride = 2 if stage > 2 and block == "a" else 1
            scale0, shift0 = affine(f"{name}.norm0")
            scale1, shift1 = affine(f"{name}.norm1")
            projected = block == "a"
            kept0: Array | None
            kept_scale: Array | None
            kept1: Array | None
            extra: npt.NDArray[np.float64] | float
            if a.published:
                conv0 = convolution(f"{name}.conv0", np.abs(scale0), stride=stride)
                conv1 = convolution(f"{name}.conv1", before=np.where(scale0 < 0, -1.0, 1.0))
                # After the sign has moved on, the shift in front of it carries the sign too.
                kept0 = _single(shift0 * np.where(scale0 < 0, -1.0, 1.0))
                kept_scale, kept1 = _single(scale1), None if projected else _single(shift1)
                extra = shift1
            else:
                conv0 = convolution(f"{name}.conv0", scale0, shift0, stride=stride)
                conv1 = convolution(f"{name}.conv1", scale1, shift1)
                kept0, kept_scale, kept1, extra = None, None, None, 0.0
            shortcut = None
            if projected:
                scale2, shift2 = affine(f"{name}.shortcut_norm")
                shortcut = convolution(f"{name}.shortcut", scale2, shift2 + extra, stride=stride)
            blocks.append(FoldedBlock(conv0, kept0, conv1, kept_scale, kept1, shortcut))
    head = []
    for i in range(HEAD_LAYERS):
        scale, shift = affine(f"head.{i}.norm")
        head.append(convolution(f"head.{i}.linear", scale, shift))
    return FoldedEncoder(a, stem, tuple(blocks), tuple(head))


def stem_by_depth(weight: Array) -> Array:
    """The 7^3 stride-2 kernel of one channel as a 4^3 stride-1 kernel of 8 channels (space to depth): same sums.

    Channel 4 dz + 2 dy + dx holds the voxels with those parities; an eighth tap of zeros fills each axis.

    Args:
        weight: [out, 1, 7, 7, 7].

    Returns:
        [out, 8, 4, 4, 4].
    """
    out = len(weight)
    full = np.zeros((out, 8, 8, 8), dtype=np.float32)
    full[:, :7, :7, :7] = weight[:, 0]
    split = full.reshape(out, 4, 2, 4, 2, 4, 2).transpose(0, 2, 4, 6, 1, 3, 5)
    return np.ascontiguousarray(split.reshape(out, 8, 4, 4, 4))


def _column(values: npt.NDArray[np.float64], like: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _single(values: npt.NDArray[np.float64] | npt.NDArray[np.float32]) -> Array:
    return np.ascontiguousarray(values, dtype=np.float32)

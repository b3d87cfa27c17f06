"""Every weight of an encoder: our name, TensorFlow's name, shape, and a seeded rule that fills it.

Names of the published network are those of its TensorFlow 1 variables (``base_model_0/resnet18/stage_2/block_a/...``),
names of the port those of its object graph (``resnet_model/block_groups/0/layers/0/...``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.architectures import ARCHITECTURES, HEAD_LAYERS, STAGES, Architecture
from ingest.schema.errors import SchemaError

Array = npt.NDArray[np.float32]
Kind = Literal["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]
NORM: tuple[tuple[str, Kind], ...] = (
    ("weight", "gamma"),
    ("bias", "beta"),
    ("running_mean", "moving_mean"),
    ("running_var", "moving_variance"),
)


@dataclass(frozen=True, slots=True)
class Variable:
    """One tensor: ``ours`` in a state dict (PyTorch's layout, ``shape``), ``theirs`` in a checkpoint."""

    ours: str
    theirs: str
    kind: Kind
    shape: tuple[int, ...]

    @property
    def their_shape(self) -> tuple[int, ...]:
        """TensorFlow keeps [z, y, x, in, out] and [in, out]."""
        if self.kind != "kernel":
            return self.shape
        out, into, *window = self.shape
        return (*window, into, out)

    def from_theirs(self, value: npt.NDArray[np.float32]) -> Array:
        if self.kind == "kernel":
            value = np.moveaxis(value, (-1, -2), (0, 1))
        return np.ascontiguousarray(value, dtype=np.float32)

    def to_theirs(self, value: npt.NDArray[np.float32]) -> Array:
        if self.kind == "kernel":
            value = np.moveaxis(value, (0, 1), (-1, -2))
        return np.ascontiguousarray(value, dtype=np.float32)


@lru_cache(maxsize=32)
def variables(architecture: Architecture) -> tuple[Variable, ...]:
    """All variables of inference in the order of the network."""
    return tuple(_published(architecture) if architecture.published else _ported(architecture))


def _published(a: Architecture) -> Iterator[Variable]:
    def convolution(ours: str, theirs: str, out: int, into: int, side: int) -> Iterator[Variable]:
        yield Variable(f"{ours}.weight", f"{theirs}/kernel", "kernel", (out, into, side, side, side))
        yield Variable(f"{ours}.bias", f"{theirs}/bias", "bias", (out,))

    root = "base_model_0/resnet18"
    yield from convolution("stem.conv", f"{root}/stage_1/conv1", a.width, 1, 7)
    yield from _norm("stem.norm", f"{root}/stage_1/bn1", a.width)
    into = a.width
    for stage in STAGES:
        out = a.channels(stage)
        for block in "ab":
            ours, theirs = f"stage{stage}.{block}", f"{root}/stage_{stage}/block_{block}"
            for i, first in enumerate((into, out)):
                yield from convolution(f"{ours}.conv{i}", f"{theirs}/conv_{i}", out, first, 3)
                yield from _norm(f"{ours}.norm{i}", f"{theirs}/bn_{i}", out)
            if block == "a":
                yield from convolution(f"{ours}.shortcut", f"{theirs}/shortcut_conv", out, into, 1)
                yield from _norm(f"{ours}.shortcut_norm", f"{theirs}/shortcut_bn", out)
            into = out
    for i, out in enumerate(_head(a)):
        theirs = f"bottleneck_head_0/nl_{i}"
        yield Variable(f"head.{i}.linear.weight", f"{theirs}/dense/kernel", "kernel", (out, a.features))
        yield from _norm(f"head.{i}.norm", f"{theirs}/nl_{i}_bn", out)


def _ported(a: Architecture) -> Iterator[Variable]:
    def convolution(ours: str, theirs: str, out: int, into: int, side: int) -> Variable:
        return Variable(f"{ours}.weight", f"{theirs}/conv3d/kernel", "kernel", (out, into, side, side, side))

    stem = "resnet_model/initial_conv_relu_max_pool"
    yield convolution("stem.conv", f"{stem}/0", a.width, 1, 7)
    yield from _norm("stem.norm", f"{stem}/2/bn", a.width)
    into = a.width
    for group, stage in enumerate(STAGES):
        out = a.channels(stage)
        for layer, block in enumerate("ab"):
            ours, theirs = f"stage{stage}.{block}", f"resnet_model/block_groups/{group}/layers/{layer}"
            for i, first in enumerate((into, out)):
                yield convolution(f"{ours}.conv{i}", f"{theirs}/conv3d_bn_layers/{2 * i}", out, first, 3)
                yield from _norm(f"{ours}.norm{i}", f"{theirs}/conv3d_bn_layers/{2 * i + 1}/bn", out)
            if block == "a":
                yield convolution(f"{ours}.shortcut", f"{theirs}/shortcut_layers/0", out, into, 1)
                yield from _norm(f"{ours}.shortcut_norm", f"{theirs}/shortcut_layers/1/bn", out)
            into = out
    for i, out in enumerate(_head(a)):
        theirs = f"_bottleneck_head/linear_layers/{i}"
        yield Variable(f"head.{i}.linear.weight", f"{theirs}/dense/kernel", "kernel", (out, a.features))
        yield from _norm(f"head.{i}.norm", f"{theirs}/bn_relu/bn", out, shifted=i < HEAD_LAYERS - 1)


def _norm(ours: str, theirs: str, channels: int, shifted: bool = True) -> Iterator[Variable]:
    for name, kind in NORM:
        if shifted or kind != "beta":
            yield Variable(f"{ours}.{name}", f"{theirs}/{kind}", kind, (channels,))


def _head(a: Architecture) -> tuple[int, ...]:
    return (a.features,) * (HEAD_LAYERS - 1) + (a.outputs,)


def check_weights(architecture: Architecture, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Names (ours) and shapes of a state dict against the architecture.

    Raises:
        SchemaError: a weight is missing, left over or of another shape; says which architecture they would fit.
    """
    problems = differences({v.ours: v.shape for v in variables(architecture)}, shapes)
    if problems:
        fits = [a.name for _, a in ARCHITECTURES if not differences({v.ours: v.shape for v in variables(a)}, shapes)]
        raise misfit(architecture, problems, fits)


def differences(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is missing, left over, or of another shape, one phrase each."""
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is left over" for name in found if name not in wanted]
    problems += [
        f"{name} is {tuple(found[name])}, wanted {shape}"
        for name, shape in wanted.items()
        if name in found and tuple(found[name]) != shape
    ]
    return problems


def misfit(architecture: Architecture, problems: list[str], fits: list[str]) -> SchemaError:
    """The error for weights of another network."""
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    advice = (
        f"They fit architecture {' or '.join(repr(name) for name in fits)}: name that one"
        if fits
        else "Name the architecture, width and number of outputs that they were trained with"
    )
    return SchemaError(
        f"these weights do not fit architecture {architecture.name!r}: {'; '.join(problems[:3])}{more}. {advice}"
    )


def check_values(weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """SchemaError where a number is NaN or infinite, or a variance is negative; names the weight."""
    for name, value in weights.items():
        bad = int(np.count_nonzero(~np.isfinite(value)))
        if bad:
            raise SchemaError(
                f"{name}: {bad} of {value.size} numbers are NaN or infinite; training broke down or the file is "
                "damaged, use another checkpoint"
            )
        if name.endswith(("running_var", "moving_variance")) and float(value.min()) < 0:
            raise SchemaError(f"{name}: a variance of {value.min():g}; wanted 0 or more, the file is damaged")


def seeded_value(theirs: str, kind: Kind, their_shape: tuple[int, ...], seed: int) -> Array:
    """Values that follow from a seed and a variable's TensorFlow name alone, in TensorFlow's layout.

    The raw 64-bit words of PCG64, seeded by the first 16 bytes of SHA-256("<seed>:<name>"), become uniform numbers;
    nothing else of the generator is used, so they are the same wherever PCG64 is. Kernels have the variance
    1 / fan-in, which keeps embeddings near 1; a tenth of the gammas are negative, so that folding that holds for
    positive ones only shows.
    """
    key = int.from_bytes(hashlib.sha256(f"{seed}:{theirs}".encode()).digest()[:16], "little")
    count = int(np.prod(their_shape))
    words = np.random.PCG64(key).random_raw(count)
    uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    if kind == "kernel":
        values = (2 * uniform - 1) * np.sqrt(3.0 / int(np.prod(their_shape[:-1])))
    elif kind == "gamma":
        values = np.where(uniform < 0.1, -0.5 - 5 * uniform, 0.4 + 0.6 * uniform)
    elif kind == "moving_variance":
        values = 0.5 + uniform
    else:
        values = 0.4 * uniform - 0.2
    shaped: Array = values.astype(np.float32).reshape(their_shape)
    return shaped


def seeded_weights(architecture: Architecture, seed: int) -> dict[str, Array]:
    """A whole state dict (our names and layout) by ``seeded_value``: for tests and parity, never for science."""
    return {v.ours: v.from_theirs(seeded_value(v.theirs, v.kind, v.their_shape, seed)) for v in variables(architecture)}

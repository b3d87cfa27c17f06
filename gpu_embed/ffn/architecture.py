"""What a flood-filling network is made of: depth, features, field of view, how far it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from gpu_embed.encoder.variables import Kind, Variable, differences
from ingest.schema.errors import SchemaError

Zyx = tuple[int, int, int]
INPUTS = 2
"""Channels: the image, and the logits that the object has so far."""
SCOPE = "seed_update"
"""Of the network's variables in a TensorFlow checkpoint."""


@dataclass(frozen=True, slots=True)
class FfnArchitecture:
    """A stack of convolutions of 3^3 at one resolution, the field of view in and out.

    Args:
        depth: residual modules, the first without a shortcut; each has two convolutions.
        features: channels of every convolution but the last.
        fov: voxels of the field of view, ZYX; odd, so that it has a centre.
        deltas: how far the field of view moves along each axis, ZYX; 0 for an axis that it does not move along.
        layer_norm: features normalised over channels before ReLUs, as in Google's JAX network (which counts one
            module less: its first two convolutions are no module there).

    Raises:
        SchemaError: numbers that make no network, or moves out of the field of view.
    """

    depth: int = 12
    features: int = 32
    fov: Zyx = (33, 33, 33)
    deltas: Zyx = (8, 8, 8)
    layer_norm: bool = False

    def __post_init__(self) -> None:
        for name in ("fov", "deltas"):
            object.__setattr__(self, name, _three(name, getattr(self, name)))
        if self.depth < 1 or self.features < 1:
            raise SchemaError(f"depth {self.depth} and {self.features} features; both must be 1 or more")
        if any(side < 3 or side % 2 == 0 for side in self.fov):
            raise SchemaError(f"field of view of {self.fov} voxels (ZYX); wanted odd numbers from 3 on")
        if any(not 0 <= step <= side // 2 for step, side in zip(self.deltas, self.fov, strict=True)):
            raise SchemaError(
                f"moves of {self.deltas} voxels (ZYX) in a field of view of {self.fov}; wanted 0 to half of it"
            )
        if not any(self.deltas):
            raise SchemaError("moves of 0 voxels along every axis; wanted 1 or more along one at least")

    @property
    def margin(self) -> Zyx:
        """Voxels on every side of the centre."""
        z, y, x = (side // 2 for side in self.fov)
        return z, y, x

    def flops(self) -> float:
        """Floating-point operations of one field of view, two for each multiply-add of a convolution."""
        voxels = self.fov[0] * self.fov[1] * self.fov[2]
        convolutions = INPUTS * self.features + (2 * self.depth - 1) * self.features**2
        return 2.0 * voxels * (27 * convolutions + self.features)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "fov": list(self.fov), "deltas": list(self.deltas)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FfnArchitecture:
        """Raises KeyError, TypeError, ValueError for a document that is none."""
        depth, features = int(document["depth"]), int(document["features"])
        return cls(depth, features, document["fov"], document["deltas"], bool(document["layer_norm"]))

    def __str__(self) -> str:
        normed = ", layer norms" if self.layer_norm else ""
        return (
            f"depth {self.depth}, {self.features} features{normed}, field of view {self.fov}, moves {self.deltas} (ZYX)"
        )


@lru_cache(maxsize=32)
def variables(depth: int, features: int, layer_norm: bool) -> tuple[Variable, ...]:
    """All weights by module: ``norm<i>`` if any, ``conv<i>_a``, ``conv<i>_b``; then ``conv_lom``, the logits."""
    named: list[Variable] = []
    into = INPUTS
    for module in range(depth):
        if layer_norm:
            named += _norm(f"norm{module}", features)
        for half in "ab":
            named += _convolution(f"conv{module}_{half}", features, into, 3)
            into = features
    if layer_norm:
        named += _norm("norm_lom", features)
    return (*named, *_convolution("conv_lom", 1, features, 1))


def check_weights(architecture: FfnArchitecture, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Names (ours) and shapes of weights against the architecture.

    Raises:
        SchemaError: a weight is missing, left over or of another shape; says what depth they are of.
    """
    wanted = {v.ours: v.shape for v in variables(architecture.depth, architecture.features, architecture.layer_norm)}
    problems = differences(wanted, shapes)
    if not problems:
        return
    found = found_depth({name.rpartition(".")[0] for name in shapes})
    deep = f"They are of depth {found}. " if found and found != architecture.depth else ""
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    raise SchemaError(
        f"these weights do not fit a network of {architecture}: {'; '.join(problems[:3])}{more}. {deep}"
        "Name the settings that the network was trained with, or another checkpoint"
    )


def found_depth(layers: set[str]) -> int:
    """How many modules follow each other from 0 on among names of layers like ``conv0_a``."""
    depth = 0
    while {f"conv{depth}_a", f"conv{depth}_b"} <= layers:
        depth += 1
    return depth


def _convolution(name: str, out: int, into: int, side: int) -> list[Variable]:
    theirs = f"{SCOPE}/{name}"
    return [
        Variable(f"{name}.weight", f"{theirs}/weights", "kernel", (out, into, side, side, side)),
        Variable(f"{name}.bias", f"{theirs}/biases", "bias", (out,)),
    ]


def _norm(name: str, channels: int) -> list[Variable]:
    kinds: tuple[tuple[str, Kind], ...] = (("weight", "gamma"), ("bias", "beta"))
    return [Variable(f"{name}.{ours}", f"{SCOPE}/{name}/{kind}", kind, (channels,)) for ours, kind in kinds]


def _three(name: str, value: Any) -> Zyx:
    numbers = tuple(value)
    if len(numbers) != 3 or any(isinstance(n, bool) or int(n) != n for n in numbers):
        raise SchemaError(f"{name} is {value!r}; wanted three whole numbers, ZYX")
    return int(numbers[0]), int(numbers[1]), int(numbers[2])

"""Augmentations of pairs of crops: as published, with their quirks, and a corrected set beside them.

Source: google-research/connectomics ``segclr/tf2/data_augmentation_util.py``; masks come after grey values, as in
``data_shaping_util.build_key_data``. What the published set does otherwise than one would think:

- ``random_flip`` draws among axes 0, 1 and 2 of an array [1, x, y, z, channel]: the last spatial axis is never flipped,
  and a flip of axis 0 is none. A third of what was meant is lost.
- grey values of a crop's outside are changed like those inside, and masked afterwards: the outside stays 0.
- ``random_permutations`` applies five random orders of the axes one after the other, which is one random order.
- Axes are permuted whatever the voxel's shape: at 32 x 32 x 40 nm an object is stretched by 25 %.

The corrected set flips all three spatial axes, and permutes only those of one voxel size.

Draws are few numbers a crop from a host generator, so they are the same on every device.

Tests: tests/gpu_embed/training/contrastive/test_augment.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ingest.registry import Registry

GREY = 0.25
"""Contrast and brightness are changed by as much at most."""


@dataclass(frozen=True)
class Augmentation:
    """What is drawn for each crop.

    Args:
        grey: contrast, brightness and gamma.
        flipped: spatial axes (ZYX: 0, 1, 2) that a coin each may flip.
        turned: permute spatial axes.
        only_equal: permute only among axes of one voxel size.
    """

    grey: bool = True
    flipped: tuple[int, ...] = (0, 1, 2)
    turned: bool = True
    only_equal: bool = True


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
AUGMENTATIONS.register("published", Augmentation(flipped=(1, 2), only_equal=False))
AUGMENTATIONS.register("corrected", Augmentation())
AUGMENTATIONS.register("none", Augmentation(grey=False, flipped=(), turned=False))


def augment(
    em: Tensor, inside: Tensor, how: Augmentation, generator: torch.Generator, sides: tuple[float, float, float]
) -> Tensor:
    """Masked crops for a network: float32 [B, 1, S, S, S] in [0, 1], 0 outside of the segment.

    Args:
        em: uint8 [B, S, S, S] ZYX, unmasked. inside: bool, same shape.
        generator: on the host.
        sides: of a voxel in nm, ZYX.
    """
    count = len(em)
    draws = torch.rand((count, 9), generator=generator)
    made = em.float() / 255
    if how.grey:
        made = grey(made, *grey_numbers(draws[:, :3].to(em.device)))
    made = torch.where(inside, made, torch.zeros((), device=made.device))
    crops = []
    for at, crop in enumerate(made):
        flipped = crop.flip(flips(draws[at, 3:6].numpy(), how))
        crops.append(flipped.permute(order(draws[at, 6:].numpy(), sides, how)))
    return torch.stack(crops).unsqueeze(1)


def grey_numbers(draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Uniform numbers [B, 3] to contrast U(.75, 1.25), brightness U(-.25, .25) and gamma 2^U(-1, 1)."""
    spread = 2 * draws - 1
    return 1 + GREY * spread[:, 0], GREY * spread[:, 1], 2 ** spread[:, 2]


def grey(em: Tensor, contrast: Tensor, brightness: Tensor, gamma: Tensor) -> Tensor:
    """clip(em * contrast + brightness, 0, 1) ^ gamma, numbers [B] of crops [B, ...] in [0, 1]."""
    shape = (-1,) + (1,) * (em.ndim - 1)
    made = (em * contrast.view(shape) + brightness.view(shape)).clamp(0, 1)
    return made.pow(gamma.view(shape))


def flips(draws: npt.NDArray[np.float32], how: Augmentation) -> list[int]:
    """Axes to flip, from a uniform number for each of three."""
    return [axis for axis in how.flipped if draws[axis] > 0.5]


def order(draws: npt.NDArray[np.float32], sides: tuple[float, float, float], how: Augmentation) -> list[int]:
    """A random order of the axes from three uniform numbers; axes of unequal voxel size stay where they are."""
    axes = list(range(3))
    if not how.turned:
        return axes
    groups = [[i for i in axes if sides[i] == side] for side in sorted(set(sides))] if how.only_equal else [axes]
    result = axes.copy()
    for group in groups:
        shuffled = [group[i] for i in np.argsort(draws[group], kind="stable")]
        for place, axis in zip(group, shuffled, strict=True):
            result[place] = axis
    return result


def shifts(rng: np.random.Generator, count: int, most: int) -> npt.NDArray[np.float64]:
    """Uniform moves of centres, voxels [count, 3] from -most to most on each axis."""
    moves: npt.NDArray[np.float64] = (rng.random((count, 3)) * 2 - 1) * most
    return moves

"""Moves while training: Google's own, offset for offset, under an update that stands in for the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.training.moves import FacesWalk, FixedWalk, Walk, canvas_size, cut, fixed_offsets
from ingest.schema.errors import UnknownNameError

GOOGLES = Path(__file__).parents[3] / "data" / "ffn_training.npz"
LEAST = float(np.log(0.9 / 0.1))


@pytest.fixture(scope="module")
def googles() -> dict[str, np.ndarray]:
    with np.load(GOOGLES, allow_pickle=False) as kept:
        return dict(kept)


def architecture_of(googles: dict[str, np.ndarray]) -> FfnArchitecture:
    fov, deltas = (googles[name].tolist()[::-1] for name in ("fov", "deltas"))
    return FfnArchitecture(depth=1, features=1, fov=tuple(fov), deltas=tuple(deltas))


def walked(googles: dict[str, np.ndarray], walk: Walk, size: tuple[int, ...], centre: Any, radius: float) -> Any:
    """The offsets of a walk, XYZ, under the update of make_ffn_training.py."""
    part = googles["labels"][tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip(centre, size, strict=True))]
    mine = part[tuple(n // 2 for n in size)]
    target = torch.from_numpy(np.where((part == mine) & (part > 0), 0.95, 0.05).astype(np.float32))
    canvas = torch.full(size, float(np.log(0.05 / 0.95)))
    canvas[tuple(n // 2 for n in size)] = float(np.log(0.95 / 0.05))
    fov = tuple(googles["fov"].tolist()[::-1])
    places = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in fov], indexing="ij"))
    near = torch.from_numpy((places**2).sum(axis=0) <= radius**2)
    found = []
    while (offset := walk.next(canvas, target)) is not None:
        found.append(offset[::-1])
        seen = cut(canvas, offset, fov)
        on = cut(target, offset, fov) > 0.5
        seen += torch.where(on, torch.where(near, 6.0, 0.25), torch.tensor(-2.0))
    return found


@pytest.mark.parametrize("centre", range(4))
@pytest.mark.parametrize("radius", [3, 6])
def test_moves_are_googles(googles: dict[str, np.ndarray], centre: int, radius: int) -> None:
    architecture = architecture_of(googles)
    at = googles["centres"][centre].tolist()
    shifts = [tuple(shift[::-1]) for shift in googles["shifts"].tolist()]
    fixed = walked(googles, FixedWalk(shifts, LEAST), canvas_size(architecture, "fixed", 1), at, radius)
    assert fixed == [tuple(one) for one in googles[f"moves_fixed_{centre}_{radius}"].tolist()]
    size = canvas_size(architecture, "faces", 2)
    reach = tuple(n // 2 - m for n, m in zip(size, architecture.margin, strict=True))
    faces = walked(googles, FacesWalk(architecture, reach, LEAST), size, at, radius)
    assert faces == [tuple(one) for one in googles[f"moves_max_{centre}_{radius}"].tolist()]


def test_offsets_are_the_box_of_one_move(googles: dict[str, np.ndarray]) -> None:
    ours = fixed_offsets(architecture_of(googles).deltas)
    assert sorted(tuple(one[::-1]) for one in ours) == sorted(tuple(one) for one in googles["shifts"].tolist())
    assert fixed_offsets((0, 4, 4)) == [(0, y, x) for x in (-4, 0, 4) for y in (-4, 0, 4) if (y, x) != (0, 0)]
    with pytest.raises(UnknownNameError, match="did you mean 'faces'"):
        canvas_size(FfnArchitecture(), "face", 1)

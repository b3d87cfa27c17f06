"""Fields on a device: images and logits stay there, and with them gathering, freezing, scattering and the faces' best.

One transfer a step goes each way: centres and places over, scores and logits of single voxels back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.engines.pytorch import TorchFfnEngine
from gpu_embed.ffn.loop.fields import Answer, Bools, Step
from gpu_embed.ffn.loop.movement import faces_of
from gpu_embed.ffn.settings import FfnSettings, Floats
from ingest.schema.errors import AnalysisError


class DeviceFields:
    """``Fields`` for ``TorchFfnEngine``; the answers are those of ``HostFields``.

    Every slot has a row of images and one of logits, as long as the largest sub-volume; smaller ones fill its start.
    """

    def __init__(self, architecture: FfnArchitecture, settings: FfnSettings, engine: TorchFfnEngine) -> None:
        self._a, self._engine, self._freeze = architecture, engine, settings.freeze
        self._seed, self._pad, self._move = (float(settings.logit(name)) for name in ("seed", "pad", "move"))
        faces = faces_of(architecture)
        self._offsets = faces.offsets
        self._faces = [torch.from_numpy(flat).to(engine.device) for flat in faces.flat]
        places = np.indices(architecture.fov).reshape(3, -1) - np.array(architecture.margin)[:, None]
        self._places = torch.from_numpy(places).to(engine.device)
        self._images = torch.zeros((0, 0), device=engine.device)
        self._logits = torch.zeros((0, 0), device=engine.device)
        self._shapes: dict[int, Zyx] = {}

    def open(self, image: Floats) -> int:
        slot = next(i for i in range(len(self._shapes) + 1) if i not in self._shapes)
        z, y, x = image.shape
        self._shapes[slot] = (z, y, x)
        rows, voxels = max(slot + 1, len(self._images)), max(image.size, self._images.shape[1])
        if (rows, voxels) != tuple(self._images.shape):
            self._images, self._logits = (_grown(t, rows, voxels) for t in (self._images, self._logits))
        self._images[slot, : image.size] = torch.from_numpy(image.reshape(-1)).to(self._engine.device)
        self._logits[slot] = math.nan
        return slot

    def close(self, slot: int) -> None:
        del self._shapes[slot]

    def begin(self, slot: int, place: Zyx) -> None:
        self._logits[slot] = math.nan
        self._logits[slot, self._flat(slot, place)] = self._seed

    def step(self, steps: Sequence[Step]) -> list[Answer]:
        size = self._engine.batch
        return [answer for i in range(0, len(steps), size) for answer in self._step(steps[i : i + size])]

    def _step(self, steps: Sequence[Step]) -> list[Answer]:
        device, row = self._engine.device, self._images.shape[1]
        shapes = [self._shapes[step.slot] for step in steps]
        rows = [(y * x, x, 1) for _, y, x in shapes]
        bases = [step.slot * row + self._flat(step.slot, step.centre) for step in steps]
        strides = torch.tensor(rows, device=device)
        at = torch.tensor(bases, device=device)[:, None] + strides @ self._places
        old = self._logits.view(-1)[at]
        new = self._updated(self._images.view(-1)[at], torch.where(torch.isnan(old), self._pad, old))
        settled = self._settled(old, new)
        self._logits.view(-1)[at] = settled
        best, places = zip(*(_first_best(settled[:, face]) for face in self._faces), strict=True)
        most = max(len(step.watched) for step in steps)
        watched = [
            [
                step.slot * row + self._flat(step.slot, place)
                for place in (step.watched + step.watched[:1] * most)[:most]
            ]
            for step in steps
        ]
        values = self._logits.view(-1)[torch.tensor(watched, device=device)]
        told = torch.cat([torch.stack(best, 1), values, torch.isfinite(new).all(1)[:, None].float()], 1).cpu().numpy()
        chosen = torch.stack(places, 1).cpu().numpy()
        if not told[:, -1].all():
            raise AnalysisError("the network's logits are NaN or infinite; its weights or the image are damaged")
        count = len(self._faces)
        return [
            Answer(
                found[:count],
                np.array([offsets[i] for offsets, i in zip(self._offsets, at_faces, strict=True)]),
                found[count : count + len(step.watched)],
            )
            for step, found, at_faces in zip(steps, told, chosen, strict=True)
        ]

    def _updated(self, images: Tensor, seeds: Tensor) -> Tensor:
        """Always as many at a time: what is computed never depends on how many there are."""
        count, short = len(images), self._engine.batch - len(images)
        if short:
            images, seeds = (torch.cat([t, t[:1].expand(short, -1)]) for t in (images, seeds))
        shape = (-1, *self._a.fov)
        return self._engine.update(images.view(shape), seeds.view(shape))[:count].reshape(count, -1)

    def _settled(self, old: Tensor, new: Tensor) -> Tensor:
        if self._freeze < 0:
            return new
        high = (new >= self._move).sum(1, keepdim=True).double() / new.shape[1] > self._freeze
        return torch.where(high & (old < 0) & (new > old), old, new)

    def values(self, slot: int, places: Sequence[Zyx]) -> Floats:
        at = torch.tensor([self._flat(slot, place) for place in places], device=self._engine.device)
        found: Floats = self._logits[slot][at].cpu().numpy()
        return found

    def above(self, slot: int, start: Zyx, stop: Zyx, least: np.float32) -> Bools:
        found: Bools = (self._box(slot, start, stop) >= float(least)).cpu().numpy()
        return found

    def logits(self, slot: int, start: Zyx, stop: Zyx) -> Floats:
        found: Floats = self._box(slot, start, stop).cpu().numpy()
        return found

    def _box(self, slot: int, start: Zyx, stop: Zyx) -> Tensor:
        shape = self._shapes[slot]
        whole = self._logits[slot, : math.prod(shape)].view(shape)
        return whole[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]

    def _flat(self, slot: int, place: Zyx) -> int:
        _, y, x = self._shapes[slot]
        return (place[0] * y + place[1]) * x + place[2]


def _first_best(values: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each row, and where it is first."""
    best = values.amax(1, keepdim=True)
    at = torch.arange(values.shape[1], device=values.device)
    return best[:, 0], torch.where(values == best, at, values.shape[1]).amin(1)


def _grown(rows: Tensor, count: int, length: int) -> Tensor:
    grown = torch.full((count, length), math.nan, device=rows.device)
    grown[: rows.shape[0], : rows.shape[1]] = rows
    return grown

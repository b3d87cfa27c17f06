"""What a training would take: steps a second measured here, and hours of a GPU by arithmetic.

Tests: tests/gpu_embed/training/contrastive/test_forecast.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.training.contrastive.batches import Batch
from gpu_embed.training.contrastive.network import fresh_network
from gpu_embed.training.contrastive.objective import ContrastiveObjective
from gpu_embed.training.contrastive.run import EncoderSettings
from gpu_embed.training.devices import chosen_device
from gpu_embed.training.trainer import train

BACKWARD = 3.0
"""A step's operations over those of the forward pass: gradients of inputs and of weights cost one more each."""
H200_BF16, EFFICIENCY = 790e12, 0.4
"""Dense bf16 operations a second, and the share of them that 3-D convolutions are assumed to reach: not measured."""


@dataclass(frozen=True)
class TrainingForecast:
    """``here_hours`` by a probe on this device; ``h200_hours`` by arithmetic on an assumed share of a GPU's peak."""

    steps: int
    pairs_per_step: int
    flops_per_step: float
    device: str
    steps_per_s: float
    here_hours: float
    h200_hours: float


class _Phantoms:
    """One made-up batch, again and again: nothing is read."""

    def __init__(self, side: int, batch: int) -> None:
        crops = torch.from_numpy(phantom_crops(side, min(2 * batch, 8), 0))
        em = crops.repeat(-(-2 * batch // len(crops)), 1, 1, 1)[: 2 * batch]
        self.batch: Batch = {"em": em, "inside": (em > 0).to(torch.uint8), "root": torch.arange(batch)}

    def from_step(self, step: int) -> Iterator[Batch]:
        del step
        while True:
            yield self.batch


def forecast(settings: EncoderSettings, device: torch.device | None = None, probes: int = 2) -> TrainingForecast:
    """Trains for 1 + ``probes`` steps on made-up crops; the first, which compiles and allocates, is not counted."""
    device = device or chosen_device()
    s, a = settings, settings.architecture
    network = fresh_network(a, s.training.seed, projected=s.projected, renormalised=s.renormalised)
    ended: list[float] = []

    def told(done: int, total: int) -> None:
        del done, total
        if device.type == "cuda":
            torch.cuda.synchronize()
        ended.append(time.perf_counter())

    probing = replace(s.training, steps=1 + probes, warmup=0)
    train(
        network, ContrastiveObjective(s.loss, (1.0, 1.0, 1.0)), _Phantoms(a.crop, s.batch), probing, device=device,
        progress=told,
    )  # fmt: skip
    rate = probes / (ended[-1] - ended[0])
    flops = BACKWARD * 2 * s.batch * a.flops()
    seconds = s.training.steps / rate
    h200 = s.training.steps * flops / (H200_BF16 * EFFICIENCY)
    return TrainingForecast(s.training.steps, s.batch, flops, device.type, rate, seconds / 3600, h200 / 3600)

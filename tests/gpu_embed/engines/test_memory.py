"""Prediction against what PyTorch's allocator really held, event by event."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gpu_embed.encoder.architectures import SEGCLR, Architecture, architecture
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.engines.memory import Need, batch_that_fits, free_memory, predicted
from gpu_embed.engines.pytorch import TYPES, FoldedNet


def peak(a: Architecture, precision: str, batch: int) -> int:
    """The highest sum of arrays alive during one batch, input and weights included."""
    net = FoldedNet(fold(a, seeded_weights(a, 1)), TYPES[precision]).eval()
    crops = torch.from_numpy(phantom_crops(a.crop, 1, 1)).expand(batch, -1, -1, -1).contiguous()
    with (
        torch.inference_mode(),
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile,
    ):
        net(crops)
    events: list[Any] = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    alive = highest = 0
    for event in events:
        alive += event.nbytes()
        highest = max(highest, alive)
    assert highest > 0
    weights = sum(buffer.nbytes for buffer in net.buffers()) + sum(p.nbytes for p in net.parameters())
    return highest + weights + crops.nbytes


@pytest.mark.parametrize("batch", [2, 8])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_within_twenty_percent_of_the_peak(precision: str, batch: int) -> None:
    if precision == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bf16, and PyTorch unfolds convolutions that it could not compute otherwise")
    a = architecture("tiny", crop=65)
    assert predicted(a, precision).of(batch) == pytest.approx(peak(a, precision, batch), rel=0.2)


@pytest.mark.slow
def test_within_twenty_percent_for_googles_network() -> None:
    assert predicted(SEGCLR, "fp32").of(2) == pytest.approx(peak(SEGCLR, "fp32", 2), rel=0.2)


def test_the_batch_is_the_largest_that_fits() -> None:
    need = Need(100, 10)
    assert batch_that_fits(need, 0) == 1
    assert batch_that_fits(need, 200) == 6
    assert batch_that_fits(need, 2000) == 144
    assert batch_that_fits(need, 10**9) == 256
    for free in range(130, 3000, 7):
        assert need.of(batch_that_fits(need, free)) <= 0.8 * free + 10


def test_half_precision_takes_less() -> None:
    assert predicted(SEGCLR, "fp16").of(64) < 0.7 * predicted(SEGCLR, "fp32").of(64)
    assert free_memory("cpu") > 2**20

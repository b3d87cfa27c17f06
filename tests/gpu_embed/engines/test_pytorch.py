"""The PyTorch engine on the CPU, and (marker gpu, deselected by default) on a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gpu_embed.encoder.architectures import SEGCLR, TINY, architecture
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.network import encoder_of
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import Array, seeded_weights, variables
from gpu_embed.engines.choose import open_engine
from gpu_embed.engines.protocol import EngineOptions
from gpu_embed.engines.pytorch import FoldedNet, TorchEngine


def test_arrays_stay_channels_last(tiny_weights: dict[str, Array]) -> None:
    """Otherwise every convolution would copy its input into the layout it wants."""
    net = FoldedNet(fold(TINY, tiny_weights), torch.float32)
    seen = []
    for module in (net.stem, *(block.conv1 for block in net.blocks)):
        module.register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last_3d))
        )
    with torch.inference_mode():
        net(torch.from_numpy(phantom_crops(33, 2, 1)))
    assert seen == [True] * 9


def test_bf16_is_near_and_not_the_same(tiny_weights: dict[str, Array]) -> None:
    crops = phantom_crops(33, 2, 1)
    exact = TorchEngine(fold(TINY, tiny_weights), EngineOptions(device="cpu")).embed(crops)
    rounded = TorchEngine(fold(TINY, tiny_weights), EngineOptions("bf16", device="cpu")).embed(crops)
    assert 0 < np.abs(exact - rounded).max() < 0.05


def test_crops_on_the_device(tiny_weights: dict[str, Array]) -> None:
    engine = TorchEngine(fold(TINY, tiny_weights), EngineOptions(device="cpu"))
    crops = phantom_crops(33, 2, 1)
    np.testing.assert_array_equal(engine.embed_on_device(torch.from_numpy(crops)), engine.embed(crops))


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("precision", "lowest"), [("fp32", 0.999999), ("tf32", 0.999), ("fp16", 0.999), ("bf16", 0.97)]
)
def test_precisions_on_a_gpu(precision: str, lowest: float, compiled: bool, parity: dict[str, np.ndarray]) -> None:
    weights = seeded_weights(SEGCLR, int(parity["seed"]))
    moments = {v.ours: parity.get(f"segclr:moments:{v.theirs}") for v in variables(SEGCLR)}
    weights |= {name: value for name, value in moments.items() if value is not None}
    options = EngineOptions(precision, device="cuda", batch=2, compiled=compiled)
    found = open_engine(SEGCLR, weights, "torch", options).embed(phantom_crops(129, 3, int(parity["crops_seed"])))
    wanted = parity["segclr:recalibrated"]
    cosines = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosines.min() >= lowest


@pytest.mark.gpu
def test_plain_fp32_on_a_gpu_is_the_encoder(tiny_weights: dict[str, Array]) -> None:
    crops = phantom_crops(33, 5, 1)
    with torch.inference_mode():
        wanted = encoder_of(TINY, tiny_weights)(torch.from_numpy(crops).unsqueeze(1).float() / 255).numpy()
    found = open_engine(TINY, tiny_weights, "torch", EngineOptions(device="cuda", batch=2)).embed(crops)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_peak_memory_on_a_gpu_within_twenty_percent(precision: str, compiled: bool) -> None:
    a = architecture("segclr")
    options = EngineOptions(precision, device="cuda", batch=16, compiled=compiled)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    engine: Any = open_engine(a, seeded_weights(a, 1), "torch", options)
    crops = np.repeat(phantom_crops(129, 1, 1), 16, axis=0)
    engine.embed(crops)
    torch.cuda.reset_peak_memory_stats()
    engine.embed(crops)
    peak = torch.cuda.max_memory_allocated() - before
    assert engine.predicted_bytes(16) == pytest.approx(peak, rel=0.2)


@pytest.mark.gpu
def test_a_gpu_that_is_full_shrinks_the_batch(tiny_weights: dict[str, Array]) -> None:
    a = architecture("segclr")
    engine: Any = open_engine(a, seeded_weights(a, 1), "torch", EngineOptions(device="cuda", batch=64, compiled=False))
    free, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((total - free + engine.predicted_bytes(24)) / total)
    try:
        engine.embed(np.repeat(phantom_crops(129, 1, 1), 64, axis=0))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert engine.batch < 64
    assert "did not fit in memory" in engine.notes[0]

"""Folding against the unfolded network: exact in real numbers, borders and negative or zero scales included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.encoder.architectures import TINY, architecture
from gpu_embed.encoder.folded import fold, stem_by_depth
from gpu_embed.encoder.network import encoder_of
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.engines.pytorch import FoldedNet

SMALL = {"tiny": architecture("tiny", width=4, outputs=8), "segclr-tf2": architecture("segclr-tf2", crop=33, width=4)}


@pytest.mark.parametrize("name", list(SMALL))
@given(seed=st.integers(0, 2**32), zero=st.booleans())
@settings(max_examples=6, deadline=None)
def test_a_folded_network_is_the_same_network(name: str, seed: int, zero: bool) -> None:
    a = SMALL[name]
    weights = seeded_weights(a, seed)
    if zero:  # a dead channel: no scale to divide by
        for key in ("stage2.a.norm0.weight", "stage3.b.norm1.weight", "stem.norm.weight"):
            weights[key][::2] = 0
    crops = phantom_crops(33, 2, seed)
    with torch.inference_mode():
        wanted = encoder_of(a, weights).double()(torch.from_numpy(crops).unsqueeze(1).double() / 255)
        net = FoldedNet(fold(a, weights), torch.float32)
        found = net(torch.from_numpy(crops))
    np.testing.assert_allclose(found, wanted, atol=2e-5, rtol=1e-4)


def test_shifts_stay_out_of_biases() -> None:
    """Moved into the next bias a shift would reach the padding: same inside, different at the borders."""
    a = SMALL["tiny"]
    folded = fold(a, seeded_weights(a, 1))
    block = folded.blocks[0]
    assert block.shift0 is not None
    wrong = replace(
        block,
        shift0=np.zeros_like(block.shift0),
        conv1=replace(block.conv1, bias=block.conv1.bias + np.einsum("oizyx,i->o", block.conv1.weight, block.shift0)),
    )
    from gpu_embed.engines.pytorch import FoldedBlockNet

    x = torch.rand(1, 4, 9, 9, 9)
    with torch.inference_mode():
        right = FoldedBlockNet(block, torch.float32)(x.clone())
        moved = FoldedBlockNet(wrong, torch.float32)(x.clone())
    inside = (slice(None), slice(None), *(slice(1, -1),) * 3)
    assert torch.allclose(right[inside], moved[inside], atol=1e-5)
    assert (right - moved).abs().max() > 1e-2


def test_the_stem_by_depth_gives_the_same_sums() -> None:
    folded = fold(TINY, seeded_weights(TINY, 1))
    net = FoldedNet(folded, torch.float32).double()
    crops = torch.from_numpy(phantom_crops(33, 2, 3))
    with torch.inference_mode():
        deep = net.stem(net.by_depth(crops).double())
        direct = torch.nn.functional.conv3d(
            crops.unsqueeze(1).double(), torch.from_numpy(folded.stem.weight).double(), None, 2, 3
        )
    bias = torch.from_numpy(folded.stem.bias).double().reshape(1, -1, 1, 1, 1)
    assert torch.allclose(deep, direct + bias, atol=1e-9)
    assert stem_by_depth(folded.stem.weight).shape == (16, 8, 4, 4, 4)

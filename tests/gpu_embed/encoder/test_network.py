"""Against Google's own code: expected embeddings stored in tests/data, made as make_segclr_parity.py says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gpu_embed.encoder.architectures import TINY, architecture
from gpu_embed.encoder.network import encoder_of, recalibrate
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import Array, seeded_weights, variables
from ingest.schema.errors import SchemaError


def embed(name: str, parity: dict[str, np.ndarray], recalibrated: bool) -> np.ndarray:
    a = architecture(name)
    weights = seeded_weights(a, int(parity["seed"]))
    if recalibrated:
        weights |= {v.ours: parity[f"{name}:moments:{v.theirs}"] for v in variables(a) if v.kind.startswith("moving")}
    encoder = encoder_of(a, weights)
    crops = phantom_crops(a.crop, len(parity[f"{name}:rule"]), int(parity["crops_seed"]))
    with torch.inference_mode():
        return np.concatenate([encoder(torch.from_numpy(c)[None, None].float() / 255).numpy() for c in crops])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["segclr", "segclr-tf2"])
def test_embeddings_are_those_of_googles_code(name: str, parity: dict[str, np.ndarray]) -> None:
    """To 1e-5, and to a hundredth of what tells crops apart (made-up weights tell little: 0.001)."""
    wanted = parity[f"{name}:rule"]
    apart = np.abs(embed(name, parity, recalibrated=False) - wanted).max()
    assert apart < 1e-5
    assert apart < 0.01 * np.abs(wanted - wanted.mean(0)).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["segclr", "segclr-tf2"])
def test_with_norms_that_spread_embeddings(name: str, parity: dict[str, np.ndarray]) -> None:
    """Spread 1 to 3: the same rounding grows with the signal, about 2e-4 of it in any fp32 engine."""
    wanted = parity[f"{name}:recalibrated"]
    spread = np.sqrt(((wanted - wanted.mean(0)) ** 2).mean())
    assert spread > 0.9
    found = embed(name, parity, recalibrated=True)
    assert np.sqrt(((found - wanted) ** 2).mean()) < 2e-4 * spread


def test_the_order_of_layers_matters(tiny_weights: dict[str, Array]) -> None:
    """The usual order with the same weights is another network: this is no test that any ResNet passes."""
    crops = torch.from_numpy(phantom_crops(33, 2, 1)).unsqueeze(1).float() / 255
    ours = encoder_of(TINY, tiny_weights)
    other = encoder_of(TINY, tiny_weights)
    for block in other.stages():
        block.published = False
    with torch.inference_mode():
        assert (ours(crops) - other(crops)).abs().max() > 1e-2


def test_recalibrated_norms_have_the_moments_of_their_input(tiny_weights: dict[str, Array]) -> None:
    encoder = encoder_of(TINY, tiny_weights)
    crops = phantom_crops(33, 6, 2)
    recalibrate(encoder, crops)
    with torch.inference_mode():
        out = encoder(torch.from_numpy(crops).unsqueeze(1).float() / 255)
    last = encoder.head[2].norm
    np.testing.assert_allclose(out.mean(0), last.bias.detach(), atol=1e-3)
    assert not encoder.training


def test_weights_of_another_network_are_refused(tiny_weights: dict[str, Array]) -> None:
    with pytest.raises(SchemaError, match="fit architecture 'tiny'"):
        encoder_of(architecture("segclr-tf2"), tiny_weights)


def test_training_is_open(tiny_weights: dict[str, Array]) -> None:
    encoder = encoder_of(TINY, tiny_weights).train()
    before = encoder.stem.norm.running_mean.clone()
    encoder(torch.rand(2, 1, 33, 33, 33)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    assert not torch.equal(before, encoder.stem.norm.running_mean)

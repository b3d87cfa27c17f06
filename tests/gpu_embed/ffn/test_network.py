"""Against the network written out with SciPy, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.network import network_of
from ingest.schema.errors import SchemaError

Weights = Callable[[FfnArchitecture], dict[str, Array]]


def written_out(weights: dict[str, Array], depth: int, x: np.ndarray) -> np.ndarray:
    """[2, Z, Y, X] to the update [Z, Y, X], in the order of the published code."""

    def conv(name: str, x: np.ndarray) -> np.ndarray:
        kernel, bias = weights[f"{name}.weight"].astype(float), weights[f"{name}.bias"].astype(float)
        return np.stack(
            [
                sum(ndimage.correlate(c, k, mode="constant") for c, k in zip(x, kernels, strict=True)) + b
                for kernels, b in zip(kernel, bias, strict=True)
            ]
        )

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        if f"{name}.weight" not in weights:
            return x
        normed = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-6)
        scale, shift = (weights[f"{name}.{part}"].reshape(-1, 1, 1, 1) for part in ("weight", "bias"))
        return normed * scale + shift

    x = conv("conv0_b", np.maximum(norm("norm0", conv("conv0_a", x)), 0))
    for i in range(1, depth):
        y = conv(f"conv{i}_a", np.maximum(norm(f"norm{i}", x), 0))
        x = x + conv(f"conv{i}_b", np.maximum(y, 0))
    return conv("conv_lom", np.maximum(norm("norm_lom", x), 0))[0]


@pytest.mark.parametrize("layer_norm", [False, True])
def test_layer_by_layer(layer_norm: bool, made: FfnArchitecture, weights_of: Weights) -> None:
    a = replace(made, layer_norm=layer_norm)
    weights = weights_of(a)
    x = np.random.default_rng(1).normal(size=(2, *a.fov)).astype(np.float32)
    with torch.inference_mode():
        found = network_of(a, weights)(torch.from_numpy(x)[None])[0, 0].numpy()
    wanted = written_out(weights, a.depth, x.astype(float))
    assert np.abs(wanted).max() > 0.3
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_weights_of_another_network(made: FfnArchitecture, weights_of: Weights) -> None:
    with pytest.raises(SchemaError, match="They are of depth 3"):
        network_of(replace(made, depth=4), weights_of(made))

"""Pairs of planes against every plane by itself and against the plain encoder, in another library than the engine's."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.encoder.architectures import architecture
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.network import encoder_of
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.engines.onnx_graph import INPUT, OUTPUT, onnx_model

onnxruntime = pytest.importorskip("onnxruntime")


def run(model: bytes, crops: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run([OUTPUT], {INPUT: crops})[0]
    return found


@given(
    name=st.sampled_from(["segclr", "segclr-tf2"]),
    crop=st.sampled_from([33, 65]),
    width=st.integers(1, 3),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=8)
def test_the_same_embeddings(name: str, crop: int, width: int, batch: int, seed: int) -> None:
    a = architecture(name, crop=crop, width=width, outputs=7)
    weights = seeded_weights(a, seed)
    crops = phantom_crops(crop, batch, seed)
    # Bright up to the faces: what lies beyond the crop has to be zero in every layer.
    crops[:, :2], crops[:, -2:] = 255, 254
    folded = fold(a, weights)
    with torch.inference_mode():
        wanted = encoder_of(a, weights)(torch.from_numpy(crops).unsqueeze(1).float() / 255).numpy()
    plain, paired = (run(onnx_model(folded, batch, paired=how), crops) for how in (False, True))
    limit = 2e-5 * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(plain, wanted, rtol=0, atol=limit)
    np.testing.assert_allclose(paired, wanted, rtol=0, atol=limit)
    assert np.abs(wanted).max() > 1e-2


def test_fewer_multiplications() -> None:
    """Of the published network's residual blocks; what a graph multiplies is counted from its own shapes."""
    a = architecture("segclr", width=4)
    folded = fold(a, seeded_weights(a, 1))

    def multiplied(model: bytes) -> int:
        graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(model), data_prop=True).graph
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
        weights = {c.name: list(c.dims) for c in graph.initializer}
        total = 0
        for node in graph.node:
            if node.op_type == "Conv":
                out, kernel = shapes[node.output[0]], weights[node.input[1]]
                assert 0 not in out
                total += int(np.prod(out[1:]) * np.prod(kernel[1:])) if kernel[-1] != 7 else 0
        return total

    plain, paired = (multiplied(onnx_model(folded, 1, paired=how)) for how in (False, True))
    beside = 2 * a.features**2 + a.features * a.outputs + a.side(0) ** 3 * 343 * a.width
    assert 2 * (plain + beside) == pytest.approx(a.flops(), rel=1e-6)
    assert paired < 0.8 * plain

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from gpu_embed.encoder.architectures import SEGCLR, TINY, architecture
from gpu_embed.encoder.network import Encoder
from gpu_embed.encoder.variables import check_values, check_weights, seeded_value, seeded_weights, variables
from ingest.schema.errors import SchemaError


@pytest.mark.parametrize("name", ["segclr", "segclr-128", "segclr-tf2", "tiny"])
def test_names_and_shapes_are_those_of_the_modules(name: str) -> None:
    a = architecture(name, width=8)
    state = Encoder(a).state_dict()
    assert {v.ours: v.shape for v in variables(a)} == {key: tuple(value.shape) for key, value in state.items()}


def test_published_names() -> None:
    """Read from a checkpoint that TensorFlow wrote of Google's network; 33,740,224 numbers without renorm state."""
    names = {v.theirs: v.their_shape for v in variables(SEGCLR)}
    assert len(names) == 141
    assert sum(int(np.prod(shape)) for shape in names.values()) == 33_740_224
    assert names["base_model_0/resnet18/stage_1/conv1/kernel"] == (7, 7, 7, 1, 64)
    assert names["base_model_0/resnet18/stage_3/block_a/shortcut_conv/kernel"] == (1, 1, 1, 64, 128)
    assert names["base_model_0/resnet18/stage_5/block_b/bn_1/moving_variance"] == (512,)
    assert names["bottleneck_head_0/nl_2/dense/kernel"] == (512, 64)
    assert names["bottleneck_head_0/nl_2/nl_2_bn/beta"] == (64,)


def test_names_of_the_port() -> None:
    names = {v.theirs for v in variables(architecture("segclr-tf2"))}
    assert len(names) == 119
    assert "resnet_model/block_groups/3/layers/0/shortcut_layers/1/bn/gamma" in names
    assert "_bottleneck_head/linear_layers/1/bn_relu/bn/beta" in names
    assert "_bottleneck_head/linear_layers/2/bn_relu/bn/beta" not in names


def test_the_seeded_rule_gives_the_same_bytes_everywhere() -> None:
    value = seeded_value("base_model_0/resnet18/stage_1/conv1/kernel", "kernel", (7, 7, 7, 1, 64), 20220819)
    assert hashlib.sha256(value.tobytes()).hexdigest() == GOLDEN
    assert not np.array_equal(
        value, seeded_value("base_model_0/resnet18/stage_1/conv1/kernel", "kernel", (7, 7, 7, 1, 64), 1)
    )


GOLDEN = "b8d1896d67b4060e7962cb80209a8abb6ae23e0cc25694bdaec47eb0798baca6"


def test_layouts_both_ways() -> None:
    rng = np.random.default_rng(1)
    for v in variables(TINY):
        value = rng.standard_normal(v.their_shape).astype(np.float32)
        ours = v.from_theirs(value)
        assert ours.shape == v.shape
        np.testing.assert_array_equal(v.to_theirs(ours), value)


def test_a_misfit_names_what_differs_and_what_would_fit() -> None:
    shapes = {v.ours: v.shape for v in variables(SEGCLR)}
    with pytest.raises(
        SchemaError, match=r"do not fit architecture 'tiny'.*\(64, 1, 7, 7, 7\), wanted \(16.*fit architecture 'segclr'"
    ):
        check_weights(TINY, shapes)
    del shapes["stem.conv.bias"]
    shapes["stem.conv.scale"] = (64,)
    with pytest.raises(SchemaError, match="stem.conv.bias is missing; stem.conv.scale is left over"):
        check_weights(SEGCLR, shapes)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(bad: float) -> None:
    weights = seeded_weights(TINY, 1)
    weights["stage3.a.conv0.weight"][1, 2, 0, 0, 0] = bad
    with pytest.raises(SchemaError, match=r"stage3\.a\.conv0\.weight: 1 of 13824 numbers are NaN or infinite"):
        check_values(weights)


def test_negative_variance() -> None:
    weights = seeded_weights(TINY, 1)
    weights["head.1.norm.running_var"][3] = -1
    with pytest.raises(SchemaError, match="variance of -1"):
        check_values(weights)

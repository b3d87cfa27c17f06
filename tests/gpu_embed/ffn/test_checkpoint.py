from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture, variables
from gpu_embed.ffn.checkpoint import (
    FfnCard,
    FfnCheckpoint,
    load_ffn,
    open_ffn,
    read_tensorflow_ffn,
    save_ffn,
)
from gpu_embed.ffn.settings import FfnSettings
from ingest.schema.errors import GraphlabError, ReadError, SchemaError, UnknownNameError, VersionError

tf = pytest.importorskip("tensorflow")
Weights = Callable[[FfnArchitecture], dict[str, Array]]


def write_tensorflow_1(prefix: Path, a: FfnArchitecture, weights: dict[str, Array]) -> Path:
    """As google/ffn's training does: names as keys, a counter besides."""
    named = {v.theirs: v.to_theirs(weights[v.ours]) for v in variables(a.depth, a.features, a.layer_norm)}
    named["global_step"] = np.array(7, dtype=np.int64)
    prefix.parent.mkdir(exist_ok=True, parents=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(named),
        shape_and_slices=[""] * len(named),
        tensors=[tf.constant(value) for value in named.values()],
    )
    return prefix


@pytest.fixture
def saved(tmp_path: Path, made: FfnArchitecture, weights_of: Weights) -> Path:
    card = FfnCard("made-up", made, FfnSettings(move=0.8), (10.0, 10.0, 10.0), notes=("for tests",))
    save_ffn(tmp_path / "made.safetensors", FfnCheckpoint(card, weights_of(made)))
    return tmp_path / "made.safetensors"


def test_there_and_back(saved: Path, made: FfnArchitecture, weights_of: Weights) -> None:
    found = load_ffn(saved)
    assert found.card.architecture == made
    assert (found.card.settings.move, found.card.resolution, found.card.notes) == (
        0.8,
        (10.0, 10.0, 10.0),
        ("for tests",),
    )
    assert len(found.card.weights_sha256) == 64
    for name, value in weights_of(made).items():
        np.testing.assert_array_equal(found.weights[name], value)
    assert open_ffn(saved).card == found.card


def test_tensorflow_1_files_are_turned(tmp_path: Path, weights_of: Weights) -> None:
    a = FfnArchitecture()
    weights = weights_of(a)
    prefix = write_tensorflow_1(tmp_path / "model.ckpt-7", a, weights)
    found = read_tensorflow_ffn(prefix, "fib25")
    assert found.weights.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(found.weights[name], value)
    assert found.card.left_aside == ("global_step",)
    assert found.card.resolution == (10.0, 10.0, 10.0)
    assert open_ffn(tmp_path, "fib25").card == found.card
    with pytest.raises(SchemaError, match="name settings: fib25, liconn"):
        open_ffn(prefix)
    with pytest.raises(UnknownNameError, match="did you mean 'fib25'"):
        open_ffn(prefix, "fib-25")
    with pytest.raises(SchemaError, match=r"norm0.weight is missing"):
        open_ffn(prefix, "liconn")


def test_a_checkpoint_of_another_depth_or_width(tmp_path: Path, weights_of: Weights) -> None:
    for a, said in (
        (FfnArchitecture(depth=9), "conv9_a.weight is missing.*They are of depth 9"),
        (FfnArchitecture(depth=13), "conv12_[ab].(weight|bias) is left over.*They are of depth 13"),
        (FfnArchitecture(features=8), r"conv0_a.weight is \(3, 3, 3, 2, 8\), wanted \(32, 2, 3, 3, 3\)"),
    ):
        prefix = write_tensorflow_1(tmp_path / f"model-{a.depth}-{a.features}", a, weights_of(a))
        with pytest.raises(SchemaError, match=said):
            read_tensorflow_ffn(prefix, "fib25")


def test_no_checkpoint_of_this_kind(tmp_path: Path, saved: Path, weights_of: Weights) -> None:
    weights = weights_of(FfnArchitecture())
    weights["conv3_a.bias"] = np.full(32, np.nan, dtype=np.float32)
    prefix = write_tensorflow_1(tmp_path / "nan", FfnArchitecture(), weights)
    with pytest.raises(SchemaError, match=r"conv3_a.bias: 32 of 32 numbers are NaN"):
        read_tensorflow_ffn(prefix, "fib25")
    tf.raw_ops.SaveV2(prefix=str(tmp_path / "else"), tensor_names=["x"], shape_and_slices=[""], tensors=[tf.zeros(3)])
    with pytest.raises(SchemaError, match="no variables seed_update/"):
        read_tensorflow_ffn(tmp_path / "else", "fib25")
    with pytest.raises(ReadError, match="does not exist"):
        open_ffn(tmp_path / "nowhere", "fib25")
    with pytest.raises(SchemaError, match="settings 'fib25' are of one of depth 12"):
        open_ffn(saved, "fib25")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"format": 2}, VersionError, "format 2; this version reads up to 1"),
        ({"kind": "encoder"}, SchemaError, "is no card of a flood-filling network; name another"),
        ({"weights_sha256": "0" * 64}, ReadError, "one of them was changed"),
        ({"settings": {"move": 2}}, SchemaError, "move is 2"),
        ({"architecture": {"depth": 3}}, SchemaError, "KeyError 'features'"),
        ({"resolution": [1, 2]}, SchemaError, "is no card of a flood-filling network"),
    ],
)
def test_cards_that_are_wrong(saved: Path, change: dict[str, object], error: type[GraphlabError], said: str) -> None:
    card = saved.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(error, match=said):
        load_ffn(saved)


def test_files_that_are_wrong(saved: Path, tmp_path: Path, made: FfnArchitecture, weights_of: Weights) -> None:
    checkpoint = load_ffn(saved)
    with pytest.raises(SchemaError, match=r"conv0_a.bias: 1 of 6 numbers are NaN"):
        bad = {**checkpoint.weights, "conv0_a.bias": np.array([0, 0, np.nan, 0, 0, 0], dtype=np.float32)}
        save_ffn(tmp_path / "new.safetensors", replace(checkpoint, weights=bad))
    with pytest.raises(SchemaError, match="weights are written as .safetensors, not .bin"):
        save_ffn(tmp_path / "new.bin", checkpoint)
    saved.with_suffix(".json").unlink()
    with pytest.raises(SchemaError, match=r"has no card made.json.*copy it along"):
        load_ffn(saved)
    saved.with_suffix(".json").write_text("{")
    with pytest.raises(SchemaError, match="is no model card"):
        load_ffn(saved)


def test_the_published_checkpoint(published: FfnCheckpoint) -> None:
    assert len(published.weights) == 50
    assert published.weights["conv11_b.weight"].shape == (32, 32, 3, 3, 3)
    assert "global_step" in published.card.left_aside
    assert published.card.source == "model.ckpt-27465036"

"""TensorFlow writes, we read; we write, TensorFlow reads: every variable the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_embed.checkpoints.safetensors import load_checkpoint, save_checkpoint
from gpu_embed.checkpoints.tensorflow import read_tensorflow, write_tensorflow
from gpu_embed.encoder.architectures import SEGCLR, TINY, Architecture, architecture
from gpu_embed.encoder.variables import variables
from ingest.schema.errors import ReadError, SchemaError

tf = pytest.importorskip("tensorflow", reason="the reader of TensorFlow checkpoints is an extra")
PORT = architecture("segclr-tf2", crop=33, width=8)


def values_of(a: Architecture, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {v.theirs: rng.random(v.their_shape, dtype=np.float32) for v in variables(a)}
    if a.published:
        for name in list(values):
            if name.endswith("bn_0/gamma"):
                for state in ("renorm_mean", "renorm_stddev", "moving_stddev"):
                    values[name.replace("gamma", state)] = rng.random(values[name].shape, dtype=np.float32)
        values["projection_head_0_0/nl_0/dense/kernel"] = rng.random((64, 64), dtype=np.float32)
    return values


def write_by_name(prefix: Path, values: dict[str, Any]) -> Path:
    """As TensorFlow 1 did: names are the keys."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    names = list(values)
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=list(values.values())
    )
    return prefix


def write_resaved(prefix: Path, values: dict[str, Any]) -> Path:
    """As Google's published files are: the object graph that a layer of TensorFlow 1 variables makes."""
    layer, store = tf.Module(), tf.Module()
    store._vars = {name: tf.Variable(value, name=name) for name, value in values.items()}
    layer._tf1_style_var_store = store
    return Path(tf.train.Checkpoint(layer).save(str(prefix)))


def in_file(prefix: Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    found = {}
    for key in reader.get_variable_to_shape_map():
        if key.startswith(("_CHECKPOINTABLE", "save_counter")):
            continue
        found[key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")] = reader.get_tensor(key)
    return found


@pytest.mark.parametrize("write", [write_by_name, write_resaved])
def test_round_trip_is_exact(write: Any, tmp_path: Path) -> None:
    values = values_of(TINY)
    extra = {
        "global_step": np.int64(216000),
        "base_model_0/resnet18/stage_1/conv1/kernel/Momentum": np.ones(3, np.float32),
    }
    prefix = write(tmp_path / "google" / "model.ckpt-216000.training_tf2resaved", values | extra)
    read = read_tensorflow(prefix, TINY, name="tiny", resolution=(32, 32, 40))
    assert read.card.left_aside[0] == "base_model_0/resnet18/stage_1/conv1/kernel/Momentum"
    assert "global_step" in read.card.left_aside
    save_checkpoint(tmp_path / "tiny.safetensors", read)
    back = write_tensorflow(tmp_path / "back" / "model", load_checkpoint(tmp_path / "tiny.safetensors"))
    store = "_tf1_style_var_store/_vars/"
    found = {key.removeprefix(store).replace(".S", "/"): value for key, value in in_file(back).items()}
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


def test_tensorflow_restores_what_we_wrote(tmp_path: Path) -> None:
    """Through the object graph, as ``tf.train.Checkpoint(layer).restore`` of Google's loader does."""
    values = values_of(TINY)
    read = read_tensorflow(write_by_name(tmp_path / "a", values), TINY)
    layer, store = tf.Module(), tf.Module()
    store._vars = {name: tf.Variable(tf.zeros_like(value), name=name) for name, value in values.items()}
    layer._tf1_style_var_store = store
    tf.train.Checkpoint(layer).restore(str(write_tensorflow(tmp_path / "b", read))).assert_existing_objects_matched()
    for name, value in values.items():
        np.testing.assert_array_equal(store._vars[name].numpy(), value)


def test_the_port_by_its_object_graph(tmp_path: Path) -> None:
    values = values_of(PORT)
    read = read_tensorflow(write_by_name(tmp_path / "a", values), PORT)
    back = write_tensorflow(tmp_path / "b", read)
    found = in_file(back)
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
    again = read_tensorflow(back, PORT)
    assert all(np.array_equal(again.weights[name], value) for name, value in read.weights.items())


STEM, HEAD = "base_model_0/resnet18/stage_1", "bottleneck_head_0/nl_2"
CHANGES: list[tuple[str, Any, str]] = [
    (f"{HEAD}/nl_2_bn/beta", None, "nl_2_bn/beta is missing"),
    ("base_model_1/resnet18/stage_1/conv1/kernel", np.ones(3, np.float32), "base_model_1.*is left over"),
    (f"{HEAD}/dense/kernel", np.ones((128, 128), np.float32), r"\(128, 128\), wanted \(128, 64\)"),
    (f"{STEM}/bn1/beta", np.full(16, np.nan, np.float32), "stage_1/bn1/beta: 16 of 16 numbers are NaN"),
    (f"{STEM}/bn1/beta", np.ones(16), "is float64, wanted float32"),
]


@pytest.mark.parametrize(("name", "value", "message"), CHANGES)
def test_anything_else_is_refused(name: str, value: Any, message: str, tmp_path: Path) -> None:
    values = {key: found for key, found in (values_of(TINY) | {name: value}).items() if found is not None}
    with pytest.raises(SchemaError, match=message):
        read_tensorflow(write_by_name(tmp_path / "a", values), TINY)


def test_a_checkpoint_of_another_architecture_is_named(tmp_path: Path) -> None:
    prefix = write_by_name(tmp_path / "a", values_of(TINY))
    with pytest.raises(SchemaError, match=r"do not fit architecture 'segclr'.*They fit architecture 'tiny'"):
        read_tensorflow(prefix, SEGCLR)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    prefix = write_by_name(tmp_path / "a" / "model", values_of(TINY))
    with pytest.raises(ReadError, match=r"b\.index does not exist"):
        read_tensorflow(tmp_path / "b", TINY)
    data = next(prefix.parent.glob("model.data-*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(ReadError, match="cannot be read as a TensorFlow checkpoint"):
        read_tensorflow(prefix, TINY)
    data.unlink()
    with pytest.raises(ReadError, match="is missing beside its .index"):
        read_tensorflow(prefix.parent, TINY)
    Path(f"{prefix}.index").write_bytes(b"no index")
    data.touch()
    with pytest.raises(ReadError, match="cannot be read"):
        read_tensorflow(prefix, TINY)
    write_by_name(prefix.parent / "other", values_of(TINY))
    with pytest.raises(ReadError, match="holds 2 checkpoints"):
        read_tensorflow(prefix.parent, TINY)


def test_a_trained_network_goes_through_with_its_head_and_memory(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from gpu_embed.training.contrastive.network import checkpoint_of, fresh_network

    a = Architecture("small", crop=33, width=2, outputs=8)
    ours = checkpoint_of(fresh_network(a, 3, projected=4), "small", None)
    back = read_tensorflow(write_tensorflow(tmp_path / "ckpt", ours), a)
    assert set(back.training) == set(ours.training)
    for one, other in ((ours.weights, back.weights), (ours.training, back.training)):
        for name, value in one.items():
            np.testing.assert_array_equal(other[name], value)

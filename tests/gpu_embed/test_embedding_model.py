from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, save_checkpoint
from gpu_embed.checkpoints.tensorflow import write_tensorflow
from gpu_embed.embedding_model import EmbeddingModel
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import Array
from gpu_embed.engines.choose import EngineOptions, open_engine
from ingest.schema.errors import ReadError, SchemaError


def test_the_call_of_googles_class(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    """ckpt_path and batch_size by position; a trailing channel; embeddings as the engine gives them."""
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Checkpoint(ModelCard("tiny", TINY), tiny_weights))
    crops = phantom_crops(33, 2, 4)
    wanted = open_engine(TINY, tiny_weights, "torch", EngineOptions(device="cpu", threads=1)).embed(crops)
    model = EmbeddingModel(path, 2, engine="torch", device="cpu")
    assert model.input_data_shape == [2, 33, 33, 33, 1]
    found = model.process(crops[..., None])
    assert found.shape == (2, 64)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(model.process(crops.reshape(2, -1)), found)
    with pytest.raises(SchemaError, match=r"input is \[1, 33, 33, 33\]; wanted \[2, 33, 33, 33, 1\]"):
        model.process(crops[:1])
    with pytest.raises(SchemaError, match="wanted uint8"):
        model.process(crops.astype(np.float32))  # type: ignore[arg-type]


def test_straight_from_a_tensorflow_checkpoint(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    prefix = write_tensorflow(tmp_path / "model", Checkpoint(ModelCard("tiny", TINY), tiny_weights))
    model = EmbeddingModel(str(prefix), architecture=TINY, engine="torch", device="cpu")
    crops = phantom_crops(33, 1, 4)
    wanted = open_engine(TINY, tiny_weights, "torch", EngineOptions(device="cpu", threads=1)).embed(crops)
    np.testing.assert_allclose(model.process(crops), wanted, atol=1e-6)


def test_lazy_load(tmp_path: Path) -> None:
    model = EmbeddingModel(tmp_path / "none.safetensors", eager_load=False)
    with pytest.raises(ReadError, match="does not exist"):
        model.process(np.zeros(1, dtype=np.uint8))
    with pytest.raises(ReadError, match="does not exist"):
        EmbeddingModel(tmp_path / "none.safetensors")

"""Every embedding engine of ours passes the contract that others are held to."""

from __future__ import annotations

from gpu_embed.engines.protocol import EMBEDDING_ENGINES
from graphlab.testing import EmbeddingEngineContract


class TestTorch(EmbeddingEngineContract):
    name = "torch"


class TestOpenVino(EmbeddingEngineContract):
    name = "openvino"


class TestOnnxRuntime(EmbeddingEngineContract):
    name = "onnxruntime"


def test_every_engine_is_held_to_it() -> None:
    assert set(EMBEDDING_ENGINES.names()) <= {kind.name for kind in EmbeddingEngineContract.__subclasses__()}

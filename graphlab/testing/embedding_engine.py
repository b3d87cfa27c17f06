"""The contract of the EmbeddingEngine seam.

Tests: tests/contracts/test_embedding_engines.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpu_embed.encoder.architectures import architecture
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.engines.choose import open_engine
from gpu_embed.engines.protocol import EMBEDDING_ENGINES, Engine, EngineOptions, Vectors
from graphlab.testing.refusal import refusal
from ingest.schema.errors import AnalysisError, SchemaError

KINDS = ("tiny", "segclr-tf2")
CROPS = 5


class EmbeddingEngineContract:
    """What every embedding engine does: the numbers of the plain encoder, for any number of crops.

    ::

        class TestAcme(EmbeddingEngineContract):
            name = "acme"
    """

    name: str
    """Of the entry point."""
    device: str = "cpu"
    tolerance: float = 1e-5
    """Absolute, of fp32."""

    def opened(self, kind: str = "tiny", precision: str = "fp32") -> Engine:
        a = architecture(kind, crop=33, width=8, outputs=24)
        options = EngineOptions(precision, self.device, batch=2, threads=1)
        return open_engine(a, seeded_weights(a, 7), self.name, options)

    def wanted(self, kind: str) -> Vectors:
        """By PyTorch, layer for layer as published."""
        import torch

        from gpu_embed.encoder.network import encoder_of

        a = architecture(kind, crop=33, width=8, outputs=24)
        crops = torch.from_numpy(phantom_crops(33, CROPS, 8)).unsqueeze(1).float() / 255
        with torch.inference_mode():
            found: Vectors = encoder_of(a, seeded_weights(a, 7))(crops).numpy()
        return found

    def test_it_has_the_numbers_of_the_encoder(self) -> None:
        crops = phantom_crops(33, CROPS, 8)
        for kind in KINDS:
            engine, wanted = self.opened(kind), self.wanted(kind)
            found = engine.embed(crops)
            assert (found.dtype, found.shape) == (np.dtype(np.float32), wanted.shape)
            apart = float(np.abs(found - wanted).max())
            assert apart <= self.tolerance, f"{kind}: {apart:.3g} from the encoder; wanted {self.tolerance:.3g}"
            assert float(np.abs(engine.embed(crops[::2]) - wanted[::2]).max()) <= self.tolerance
            assert engine.embed(crops[:0]).shape == (0, wanted.shape[1])

    def test_it_says_what_it_is(self) -> None:
        engine = self.opened()
        assert engine.name == self.name
        assert engine.architecture == architecture("tiny", crop=33, width=8, outputs=24)
        assert engine.batch >= 1
        assert all(isinstance(note, str) for note in engine.notes)
        assert engine.predicted_bytes(4) > engine.predicted_bytes(1) > 0

    def test_other_crops_are_refused(self) -> None:
        engine, crops = self.opened(), phantom_crops(33, CROPS, 8)
        floats: Any = crops.astype(np.float32)
        refusal("crops of floats", lambda: engine.embed(floats), SchemaError, saying="uint8")
        refusal("crops of another size", lambda: engine.embed(crops[:, 1:]), SchemaError, saying="33, 33, 33")

    def test_a_device_that_is_not_there_is_refused(self) -> None:
        a = architecture("tiny")
        make, folded = EMBEDDING_ENGINES.get(self.name), fold(a, seeded_weights(a, 7))
        refusal("the device 'acme:7'", lambda: make(folded, EngineOptions(device="acme:7")), AnalysisError)

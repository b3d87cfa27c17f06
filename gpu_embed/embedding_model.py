"""Drop-in for ``connectomics.segclr.inference.EmbeddingModel``, which current TensorFlow cannot import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gpu_embed.checkpoints.safetensors import Checkpoint, load_checkpoint
from gpu_embed.encoder.architectures import SEGCLR, Architecture
from gpu_embed.engines.choose import AUTO, open_engine
from gpu_embed.engines.protocol import Engine, EngineOptions
from ingest.schema.errors import SchemaError


class EmbeddingModel:
    """Same call, same numbers: ``EmbeddingModel(ckpt_path, batch_size=1).process(data)``.

    Args:
        ckpt_path: a ``.safetensors`` file of ours, or the prefix of a TensorFlow checkpoint (needs TensorFlow).
        batch_size: crops of one call of ``process``.
        eager_load: read the weights now, not at the first call.
        architecture: what a checkpoint without a card holds.
        engine, precision, device: see ``open_engine``.
    """

    def __init__(
        self,
        ckpt_path: str | Path,
        batch_size: int = 1,
        eager_load: bool = True,
        *,
        architecture: Architecture | None = None,
        engine: str = AUTO,
        precision: str = "fp32",
        device: str = "auto",
    ) -> None:
        self.ckpt_path = Path(ckpt_path)
        self.batch_size = batch_size
        self._architecture = architecture
        self._engine_name = engine
        self._options = EngineOptions(precision=precision, device=device)
        self._engine: Engine | None = None
        if eager_load:
            self._load()

    @property
    def input_data_shape(self) -> list[int]:
        side = self._load().architecture.crop
        return [self.batch_size, side, side, side, 1]

    def process(self, input_data: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """uint8 [B, 129, 129, 129, 1] (or any shape with as many voxels), 0 to 255, to float32 [B, 64].

        Raises:
            SchemaError: another dtype or number of voxels.
        """
        engine = self._load()
        data = np.asarray(input_data)
        if data.size != int(np.prod(self.input_data_shape)):
            raise SchemaError(f"input is {list(data.shape)}; wanted {self.input_data_shape} or as many voxels")
        return engine.embed(data.reshape(self.input_data_shape[:-1]))

    def _load(self) -> Engine:
        if self._engine is None:
            checkpoint = _read(self.ckpt_path, self._architecture)
            self._engine = open_engine(
                checkpoint.card.architecture, checkpoint.weights, self._engine_name, self._options
            )
        return self._engine


def _read(path: Path, architecture: Architecture | None) -> Checkpoint:
    if path.suffix == ".safetensors" or path.is_file():
        return load_checkpoint(path, architecture)
    from gpu_embed.checkpoints.tensorflow import read_tensorflow

    return read_tensorflow(path, architecture or SEGCLR)

"""The EmbeddingEngine seam between crops and whatever computes; batches, and what happens when memory runs out."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from gpu_embed.encoder.architectures import Architecture
from gpu_embed.encoder.folded import FoldedEncoder
from ingest.registry import Registry
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError

if TYPE_CHECKING:
    import torch

Crops = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
PRECISIONS = ("fp32", "tf32", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How to compute.

    Args:
        precision: of convolutions: fp32, tf32, fp16, bf16; pooling and head are always fp32.
        device: ``cpu``, ``cuda``, ``cuda:1``, or ``auto`` (cuda where there is one).
        batch: crops at a time; None sizes it to free memory.
        threads: of a CPU engine; None leaves it to the engine.
        compiled: torch.compile with CUDA graphs; None means on a GPU only.
        reserved_bytes: of a GPU's memory, left to blocks that crops are cut from there; 0 where they come from the
            host.
    """

    precision: str = "fp32"
    device: str = "auto"
    batch: int | None = None
    threads: int | None = None
    compiled: bool | None = None
    reserved_bytes: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        if self.batch is not None and self.batch < 1:
            raise SchemaError(f"batch of {self.batch} crops; wanted 1 or more, or none to size it to memory")


class Engine(Protocol):
    """Computes embeddings of masked crops."""

    name: str
    architecture: Architecture
    options: EngineOptions
    batch: int
    """Crops at a time; smaller once memory has run out."""
    notes: list[str]
    """What a person should know of how it computes."""

    @property
    def resident(self) -> ResidentEngine | None:
        """What takes crops that lie on its device already; None where crops come from the host only."""
        ...

    def embed(self, crops: Crops) -> Vectors:
        """uint8 [B, Z, Y, X], zero outside the segment, any B, to float32 [B, outputs], not normalised."""
        ...

    def predicted_bytes(self, batch: int) -> int:
        """Peak memory of one batch, weights included, on the device."""
        ...


class ResidentEngine(Protocol):
    """An engine whose crops may be cut on its device, from blocks kept there."""

    device: torch.device
    compiled: bool
    """Whether the cutter is to be compiled, too."""

    def embed_resident(self, crops: torch.Tensor) -> Vectors:
        """As ``Engine.embed``, of crops on ``device``; the vectors come to the host."""
        ...


class EngineMaker(Protocol):
    """Loads weights and gives an engine."""

    def __call__(self, folded: FoldedEncoder, options: EngineOptions, /) -> Engine:
        """AnalysisError: a device or precision that it has not. MissingExtraError: its library is not installed."""
        ...


EMBEDDING_ENGINES: Registry[EngineMaker] = Registry("embedding engine", "graphlab.embedding_engines", EngineMaker)
"""Ours are entered in ``gpu_embed.engines.choose``."""


class BatchedEngine(ABC):
    """What engines share: checked input, batches, halving the batch when memory runs out."""

    name = "?"

    def __init__(self, folded: FoldedEncoder, options: EngineOptions, batch: int) -> None:
        self.architecture = folded.architecture
        self.options = options
        self.batch = options.batch or batch
        self.notes: list[str] = []

    @property
    def resident(self) -> ResidentEngine | None:
        return None

    @abstractmethod
    def run(self, crops: Crops) -> Vectors:
        """One batch of at most ``self.batch`` crops."""

    def exhausted(self, error: BaseException) -> bool:
        """Whether an error says that memory ran out."""
        text = str(error).lower()
        return isinstance(error, MemoryError) or any(
            sign in text for sign in ("out of memory", "can't allocate memory", "bad_alloc", "failed to allocate")
        )

    def released(self) -> None:
        """Give memory that nothing holds any more back before another try."""
        gc.collect()

    def embed(self, crops: Crops) -> Vectors:
        """See ``Engine.embed``.

        Raises:
            SchemaError: another dtype or shape. AnalysisError: not even one crop fits in memory.
        """
        check_crops(crops, self.architecture)
        return self.in_batches(crops, lambda piece: self.run(np.ascontiguousarray(piece)))

    def in_batches(self, crops: Any, run: Callable[[Any], Vectors]) -> Vectors:
        """``run`` over batches of crops, smaller ones when memory runs out."""
        vectors = np.empty((len(crops), self.architecture.outputs), dtype=np.float32)
        start = 0
        while start < len(crops):
            piece = crops[start : start + self.batch]
            failure = None
            try:
                vectors[start : start + len(piece)] = run(piece)
            except (MemoryError, RuntimeError) as error:
                if not self.exhausted(error):
                    raise
                failure = str(error).split("\n", 1)[0][:200]
            # Outside of the handler: the traceback no longer holds the batch.
            if failure is None:
                start += len(piece)
            else:
                self._shrink(len(piece), failure)
        return vectors

    def _shrink(self, tried: int, failure: str) -> None:
        self.released()
        if tried == 1:
            raise AnalysisError(
                f"one crop of {self.architecture.crop}^3 voxels does not fit in the memory of {self.options.device} "
                f"({failure}); close what else uses it, or choose fp16 or bf16"
            )
        self.batch = max(1, tried // 2)
        self.notes.append(f"{tried} crops at a time did not fit in memory; going on with {self.batch}")


def check_crops(crops: Any, a: Architecture) -> None:
    """SchemaError unless uint8 [B, Z, Y, X] of the architecture's crop, an array or a tensor."""
    dtype = str(getattr(crops, "dtype", type(crops).__name__)).removeprefix("torch.")
    if dtype != "uint8":
        raise SchemaError(f"crops are {dtype}; wanted uint8, the EM as it is, 0 outside of the segment")
    if crops.ndim != 4 or crops.shape[1:] != (a.crop,) * 3:
        raise SchemaError(
            f"crops are {list(crops.shape)}; architecture {a.name!r} wants [B, {a.crop}, {a.crop}, {a.crop}] (ZYX)"
        )

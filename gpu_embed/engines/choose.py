"""Open an engine by name, or let a short measurement choose the fastest one of this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec

from gpu_embed.encoder.architectures import Architecture
from gpu_embed.encoder.folded import FoldedEncoder, fold
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import Array, check_weights
from gpu_embed.engines.protocol import EMBEDDING_ENGINES, Engine, EngineOptions
from ingest.schema.errors import AnalysisError, MissingExtraError

AUTO = "auto"
ROUNDS = 2


def _torch(folded: FoldedEncoder, options: EngineOptions) -> Engine:
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "embed")
    from gpu_embed.engines.pytorch import TorchEngine

    return TorchEngine(folded, options)


def _onnxruntime(folded: FoldedEncoder, options: EngineOptions) -> Engine:
    from gpu_embed.engines.cpu import OnnxRuntimeEngine

    return OnnxRuntimeEngine(folded, options)


def _openvino(folded: FoldedEncoder, options: EngineOptions) -> Engine:
    from gpu_embed.engines.cpu import OpenVinoEngine

    return OpenVinoEngine(folded, options)


EMBEDDING_ENGINES.register("torch", _torch)
EMBEDDING_ENGINES.register("openvino", _openvino)
EMBEDDING_ENGINES.register("onnxruntime", _onnxruntime)


@dataclass(frozen=True, slots=True)
class Trial:
    """How fast one engine was: seconds a crop (fastest of ROUNDS after one warm-up)."""

    name: str
    seconds: float


def open_engine(
    architecture: Architecture,
    weights: Mapping[str, Array],
    name: str = AUTO,
    options: EngineOptions | None = None,
) -> Engine:
    """An engine with these weights (our names) on it.

    Args:
        name: ``torch``, ``openvino``, ``onnxruntime``, or ``auto``: PyTorch where a GPU is wanted or found, otherwise
            the fastest of the CPU engines that are installed and have the precision, timed on a made-up crop. The
            engine's ``notes`` say what was measured.

    Raises:
        UnknownNameError: no such engine or precision. AnalysisError: none has this precision here.
        SchemaError: weights of another architecture. MissingExtraError: the engine's library is not installed.
    """
    options = options or EngineOptions()
    check_weights(architecture, {key: value.shape for key, value in weights.items()})
    folded = fold(architecture, weights)
    if name != AUTO:
        return EMBEDDING_ENGINES.get(name)(folded, options)
    if options.device.startswith("cuda") or (options.device == AUTO and _has_gpu()):
        return _torch(folded, options)
    return _fastest(folded, replace(options, device="cpu"))


def _fastest(folded: FoldedEncoder, options: EngineOptions) -> Engine:
    crop = phantom_crops(folded.architecture.crop, 1, 0)
    best: tuple[Trial, Engine] | None = None
    trials, refused = [], []
    for name, make in EMBEDDING_ENGINES:
        try:
            engine = make(folded, options)
            engine.embed(crop)
        except (AnalysisError, MissingExtraError) as error:
            refused.append(str(error))
            continue
        seconds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            engine.embed(crop)
            seconds.append(time.perf_counter() - start)
        trials.append(Trial(name, min(seconds)))
        if best is None or trials[-1].seconds < best[0].seconds:
            best = (trials[-1], engine)
    if best is None:
        raise AnalysisError(f"no engine can do {options.precision} here: {'; '.join(refused)}")
    measured = ", ".join(f"{trial.name} {1 / trial.seconds:.3g}" for trial in trials)
    best[1].notes.append(f"engine {best[0].name} chosen by measurement (crops/s: {measured})")
    return best[1]


def _has_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()

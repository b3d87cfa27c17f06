"""Engines by name, and which is taken where nobody says.

Tests: tests/gpu_embed/ffn/engines/test_choose.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.engines.protocol import FFN_ENGINES, FfnEngine, FfnEngineOptions
from ingest.schema.errors import AnalysisError, MissingExtraError


def open_ffn_engine(
    architecture: FfnArchitecture, weights: Mapping[str, Array], name: str, options: FfnEngineOptions
) -> FfnEngine:
    """An engine by name; ``auto``: torch on a GPU, else OpenVINO where it is installed and the network has no norms.

    Raises:
        UnknownNameError: no such engine. Others: see ``FfnEngineMaker``.
    """
    if name != "auto":
        return FFN_ENGINES.get(name)(architecture, weights, options)
    if options.device in ("auto", "cpu") and options.precision in ("fp32", "bf16") and not _has_cuda(options.device):
        try:
            return open_ffn_engine(architecture, weights, "openvino", options)
        except (MissingExtraError, AnalysisError):
            pass
    return open_ffn_engine(architecture, weights, "torch", options)


def _has_cuda(device: str) -> bool:
    if device == "cpu":
        return False
    try:
        import torch
    except ImportError:
        raise MissingExtraError("PyTorch", "ffn") from None
    return bool(torch.cuda.is_available())


def _torch(architecture: FfnArchitecture, weights: Mapping[str, Array], options: FfnEngineOptions) -> FfnEngine:
    try:
        from gpu_embed.ffn.engines.pytorch import TorchFfnEngine
    except ModuleNotFoundError:
        raise MissingExtraError("PyTorch", "ffn") from None
    return TorchFfnEngine(architecture, weights, options)


def _openvino(architecture: FfnArchitecture, weights: Mapping[str, Array], options: FfnEngineOptions) -> FfnEngine:
    from gpu_embed.ffn.engines.openvino_cpu import OpenVinoFfnEngine

    return OpenVinoFfnEngine(architecture, weights, options)


FFN_ENGINES.register("torch", _torch)
FFN_ENGINES.register("openvino", _openvino)

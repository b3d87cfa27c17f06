"""Fields of view through PyTorch: the CPU with channels last, CUDA in fp32, tf32, fp16 or bf16.

Tests: tests/gpu_embed/ffn/engines/test_choose.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.engines.cpu_flags import bf16_flags
from gpu_embed.ffn.engines.protocol import FfnEngineOptions, InCalls
from gpu_embed.ffn.network import network_of
from gpu_embed.ffn.settings import Floats
from ingest.schema.errors import AnalysisError

TYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
GPU_BATCH = 32


class TorchFfnEngine(InCalls):
    """See the module.

    Raises:
        AnalysisError: a precision that the device cannot do, or a device that is not there.
    """

    name = "torch"

    def __init__(self, architecture: FfnArchitecture, weights: Mapping[str, Array], options: FfnEngineOptions) -> None:
        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        on_gpu = device.partition(":")[0] == "cuda"
        if not on_gpu and device != "cpu":
            raise AnalysisError(f"engine 'torch' runs on cpu, cuda or one of several like cuda:1, not on {device!r}")
        if on_gpu and not torch.cuda.is_available():
            raise AnalysisError(f"device {device!r}: PyTorch {torch.__version__} sees no CUDA GPU; wanted 'cpu'")
        if options.precision == "tf32" and not on_gpu:
            raise AnalysisError("engine 'torch' on cpu has no tf32; it has fp32, bf16, fp16 (slow on most CPUs)")
        self.flags = bf16_flags() if options.precision == "bf16" and not on_gpu else ()
        if options.precision == "bf16" and not on_gpu and not self.flags:
            raise AnalysisError(
                "engine 'torch' on cpu: this CPU names no bf16 (avx512_bf16, amx_bf16); it would be slower "
                "than fp32 and less exact; use fp32"
            )
        if options.threads and not on_gpu:
            torch.set_num_threads(options.threads)
        self.device = torch.device(device)
        self.batch = options.batch or (GPU_BATCH if on_gpu else 1)
        self._tf32 = options.precision == "tf32"
        self._dtype = TYPES[options.precision]
        network: Any = network_of(architecture, weights).to(self.device, self._dtype)
        self._network: Any = network.to(memory_format=torch.channels_last_3d)

    def call(self, images: Floats, seeds: Floats) -> Floats:
        found = self.update(torch.from_numpy(images).to(self.device), torch.from_numpy(seeds).to(self.device))
        return found.cpu().numpy()

    def update(self, images: Tensor, seeds: Tensor) -> Tensor:
        """One batch on the device: images and logits so far [n, Z, Y, X] to the new logits, fp32."""
        with torch.inference_mode(), self._flags():
            x = torch.stack((images, seeds), dim=-1).to(self._dtype).permute(0, 4, 1, 2, 3)
            # Added in fp32: what was found before is not rounded again.
            return self._network(x)[:, 0].float() + seeds  # type: ignore[no-any-return]

    def _flags(self) -> AbstractContextManager[Any]:
        if self.device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=self._tf32)

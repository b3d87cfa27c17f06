"""The PyTorch engine: CPU and CUDA, fp32, TF32, fp16 and bf16, channels last, stem by space to depth.

On a GPU the network is compiled, small batches are replayed as CUDA graphs; crops may already lie there
(``embed_resident``).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpu_embed.encoder.folded import GREY, Array, Convolution, FoldedBlock, FoldedEncoder, stem_by_depth
from gpu_embed.engines.memory import GATHER_BYTES, WAITING, batch_that_fits, free_memory, predicted
from gpu_embed.engines.protocol import BatchedEngine, Crops, EngineOptions, ResidentEngine, Vectors, check_crops
from ingest.schema.errors import AnalysisError, SchemaError

TYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CPU_BATCH = 4
"""On a CPU larger batches only take memory: convolutions of one crop already fill the cores."""


GRAPHED = 16
"""On a GPU, batches up to this are replayed as CUDA graphs."""


class FoldedConv(nn.Module):
    """Weights of one convolution, channels last."""

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: Convolution, dtype: torch.dtype, padding: int | None = None) -> None:
        super().__init__()
        weight = torch.from_numpy(conv.weight).to(dtype)
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last_3d))
        self.register_buffer("bias", torch.from_numpy(conv.bias).to(dtype))
        self.stride = conv.stride
        self.padding = conv.padding if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv3d(x, self.weight, self.bias, self.stride, self.padding)


class FoldedBlockNet(nn.Module):
    """One residual block; see ``FoldedBlock`` for the order. In place: nobody else holds these arrays."""

    shift0: Tensor | None
    scale1: Tensor | None
    shift1: Tensor | None

    def __init__(self, block: FoldedBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv0 = FoldedConv(block.conv0, dtype)
        self.conv1 = FoldedConv(block.conv1, dtype)
        self.shortcut = FoldedConv(block.shortcut, dtype) if block.shortcut is not None else None
        for name in ("shift0", "scale1", "shift1"):
            value: Array | None = getattr(block, name)
            per_channel = None if value is None else torch.from_numpy(value).to(dtype).reshape(1, -1, 1, 1, 1)
            self.register_buffer(name, per_channel)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu_(self.conv0(x))
        if self.shift0 is not None:
            y = y.add_(self.shift0)
        y = self.conv1(y)
        if self.scale1 is not None:
            y = F.relu_(y).mul_(self.scale1)
        if self.shift1 is not None:
            y = y.add_(self.shift1)
        return F.relu_(y.add_(self.shortcut(x) if self.shortcut is not None else x))


class FoldedNet(nn.Module):
    """uint8 [B, Z, Y, X] to float32 [B, outputs]."""

    def __init__(self, folded: FoldedEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.crop = folded.architecture.crop
        self.rectified = not folded.architecture.published
        deep = Convolution(stem_by_depth(folded.stem.weight), folded.stem.bias)
        self.stem = FoldedConv(deep, dtype, padding=0)
        self.blocks = nn.Sequential(*(FoldedBlockNet(block, dtype) for block in folded.blocks))
        self.head = nn.ModuleList()
        for layer in folded.head:
            linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
            linear.weight.data.copy_(torch.from_numpy(layer.weight))
            linear.bias.data.copy_(torch.from_numpy(layer.bias))
            self.head.append(linear)

    def by_depth(self, crops: Tensor) -> Tensor:
        """Voxels of the same parity become channels: [B, Z, Y, X] to [B, 8, (Z+7)/2, ...], still uint8."""
        half = (self.crop + 7) // 2
        x = F.pad(crops, (3, 4) * 3).view(-1, half, 2, half, 2, half, 2)
        # Parities last in memory is channels last once they are channels.
        return x.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, half, half, half, 8).permute(0, 4, 1, 2, 3)

    def forward(self, crops: Tensor) -> Tensor:
        x = self.by_depth(crops).to(self.dtype).mul_(1.0 / GREY)
        x = self.stem(x)
        if self.rectified:
            x = F.relu_(x)
        x = F.max_pool3d(x, 3, stride=2, padding=1)
        x = self.blocks(x)
        x = x.mean(dim=(2, 3, 4), dtype=torch.float32)
        for i, layer in enumerate(self.head):
            x = layer(x)
            if i < len(self.head) - 1:
                x = F.relu(x)
        return x


class TorchEngine(BatchedEngine):
    """See the module.

    Raises:
        AnalysisError: a precision that the device cannot do, or a device that is not there.
    """

    name = "torch"

    def __init__(self, folded: FoldedEncoder, options: EngineOptions) -> None:
        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        on_gpu = device.partition(":")[0] == "cuda"
        if not on_gpu and device != "cpu":
            raise AnalysisError(f"engine 'torch' runs on cpu, cuda or one of several like cuda:1, not on {device!r}")
        if on_gpu and not torch.cuda.is_available():
            raise AnalysisError(f"device {device!r}: PyTorch {torch.__version__} sees no CUDA GPU; wanted 'cpu'")
        if options.precision not in TYPES or (options.precision == "tf32" and not on_gpu):
            raise AnalysisError(
                f"engine 'torch' on {device} has no {options.precision}; it has "
                f"{'fp32, tf32, fp16, bf16' if on_gpu else 'fp32, bf16, fp16 (slow on most CPUs)'}"
            )
        self.device = torch.device(device)
        self.compiled = on_gpu if options.compiled is None else options.compiled
        self._need = predicted(folded.architecture, options.precision, pooled_with_indices=not self.compiled)
        need, free = self._need, free_memory(device)
        if options.reserved_bytes and on_gpu:
            grey = folded.architecture.crop**3
            need, free = replace(need, each=need.each + WAITING * grey), free - options.reserved_bytes - GATHER_BYTES
        fits = batch_that_fits(need, free, 256 if on_gpu else CPU_BATCH)
        super().__init__(folded, options, fits)
        if options.threads:
            torch.set_num_threads(options.threads)
        net = FoldedNet(folded, TYPES[options.precision]).eval().to(self.device)
        self._net: Any = net
        if self.compiled:
            # Launching costs little against a large batch, and what CUDA graphs keep, each thread keeps for itself.
            graphed = on_gpu and self.batch <= GRAPHED
            self._net = torch.compile(net, mode="reduce-overhead" if graphed else "default", dynamic=False)

    @property
    def resident(self) -> ResidentEngine:
        return self

    def predicted_bytes(self, batch: int) -> int:
        return self._need.of(batch)

    def released(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def run(self, crops: Crops) -> Vectors:
        host = torch.from_numpy(crops)
        if self.device.type == "cuda":
            host = host.pin_memory()
        return self.embed_on_device(host.to(self.device, non_blocking=True)).cpu().numpy()

    def embed_resident(self, crops: Tensor) -> Vectors:
        """Any number of crops that are on the device already: uint8 [B, Z, Y, X] to float32 [B, outputs] on the host.

        Raises:
            SchemaError: another dtype, shape or device. AnalysisError: not even one crop fits in memory.
        """
        check_crops(crops, self.architecture)
        if crops.device.type != self.device.type:
            raise SchemaError(f"crops lie on {crops.device}, the engine computes on {self.device}")
        return self.in_batches(crops, lambda piece: self.embed_on_device(piece).cpu().numpy())

    def embed_on_device(self, crops: Tensor) -> Tensor:
        """One batch that is on the device already: uint8 [B, Z, Y, X] to float32 [B, outputs] there."""
        count = len(crops)
        if self.compiled and count < self.batch:
            # One shape, one compilation, one CUDA graph: the last batch is filled up and cut.
            crops = F.pad(crops, (0, 0) * 3 + (0, self.batch - count))
        with torch.inference_mode(), self._flags():
            # A CUDA graph writes into the same memory at each replay.
            return self._net(crops)[:count].clone()  # type: ignore[no-any-return]

    def _flags(self) -> AbstractContextManager[Any]:
        if self.device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(
            enabled=True, benchmark=True, deterministic=False, allow_tf32=self.options.precision == "tf32"
        )

"""Where a training computes and in which precision; memory that is kept while it does.

Tests: tests/gpu_embed/training/test_trainer.py.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from ingest.schema.errors import AnalysisError, UnknownNameError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1
_MMAP_MAX_DEFAULT, _TRIM_DEFAULT = 65_536, 131_072


def chosen_device(wanted: str = "auto") -> torch.device:
    """CUDA where there is one, else the processor.

    Raises:
        AnalysisError: a device that this machine lacks.
    """
    there = torch.cuda.is_available()
    if wanted not in ("auto", "cpu", "cuda") or (wanted == "cuda" and not there):
        raise AnalysisError(f"no device {wanted!r} here; choose among {'auto, cpu, cuda' if there else 'auto, cpu'}")
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


def chosen_precision(wanted: str, device: torch.device) -> str:
    """``auto`` is bf16 on GPUs that have it, fp32 elsewhere.

    Raises:
        UnknownNameError: no such precision. AnalysisError: fp16 on the processor, which has no use for it.
    """
    if wanted not in PRECISIONS:
        raise UnknownNameError("precision", wanted, PRECISIONS)
    if wanted == "fp16" and device.type != "cuda":
        raise AnalysisError("fp16 is for GPUs; on the processor train in fp32 or bf16")
    if wanted == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return wanted


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Products in the precision, sums and norms in float32; nothing for fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep freed memory while training: else every tensor of a step is fetched from the kernel.

    Half the time of an epoch on 139k neurons went into such page faults. Only glibc; elsewhere nothing is done.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _MMAP_MAX_DEFAULT)
        library.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
        library.malloc_trim(0)

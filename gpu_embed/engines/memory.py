"""Memory of a run before it starts: what the PyTorch engine holds at its highest point, and the batch that fits."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_embed.encoder.architectures import STAGES, Architecture
from gpu_embed.encoder.variables import variables

BYTES = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
SHARE = 0.8
"""Part of the free memory that a batch may take: the prediction is good to 20 %."""
LARGEST = 256
WAITING = 4
"""Batches of crops that live at the same time, at most: one being cut, two that wait, one being computed."""
RANKED = 1 << 21
RANKING = 32
"""Bytes a voxel while 64-bit ids become ranks, RANKED voxels at a time."""
GATHER_BYTES = 256 << 20
PLACES = 18
"""Bytes a voxel while crops are gathered: two 64-bit places that live at the same time, the mask, the crop."""
INDEX = 8


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that stay (weights) and bytes that each crop adds at the highest point."""

    fixed: int
    each: int

    def of(self, batch: int) -> int:
        return self.fixed + batch * self.each


def predicted(a: Architecture, precision: str, *, pooled_with_indices: bool = True) -> Need:
    """What the folded encoder needs: the largest sum of arrays that live at the same time, step by step.

    Not in it: scratch memory of cuDNN or oneDNN, and the unrolled input that PyTorch makes on a CPU for a single
    small crop in fp32 (tens of MB at most).

    Args:
        pooled_with_indices: PyTorch's own 3-D max-pooling also makes 64-bit indices; compiled code does not.
    """
    size = BYTES[precision]
    parameters = sum(_count(v.shape) for v in variables(a) if v.kind in ("kernel", "bias"))
    grey = a.crop**3
    padded = (a.crop + 7) ** 3
    stem_out = a.side(0) ** 3 * a.width * size
    pooled = a.side(1) ** 3 * a.width * size
    indices = a.side(1) ** 3 * a.width * INDEX if pooled_with_indices else 0
    steps = [
        grey + 2 * padded,  # uint8: padded, then gathered by parity
        grey + padded * (1 + size),  # the gathered voxels become numbers
        grey + padded * size + stem_out,
        grey + stem_out + pooled + indices,
    ]
    into = pooled
    for stage in STAGES:
        out = a.side(stage) ** 3 * a.channels(stage) * size
        # Block input, two arrays of its size in the main path, and the shortcut.
        steps += [grey + into + 3 * out, grey + 3 * out]
        into = out
    return Need(parameters * size, max(steps))


def label_bytes(root_ids: int) -> int:
    """Bytes a voxel of segment ids on a device, where they are ranks among those of the nodes."""
    return 1 if root_ids < 1 << 8 else 2 if root_ids < 1 << 15 else 4


def gather_count(side: int) -> int:
    """Crops gathered together on a device: as many as GATHER_BYTES of places let."""
    return max(1, GATHER_BYTES // (PLACES * side**3))


def cutting_bytes(blocks: int, ranked: int, side: int, batch: int, batches: int) -> int:
    """Peak memory of cutting on a device, beyond what the engine's own batch takes.

    Args:
        blocks: bytes of all slots of both volumes. ranked: voxels of a block of the segmentation.
        batches: of the whole run.
    """
    waiting = max(0, min(WAITING, batches) - 1)
    gathering, ranking = min(batch, gather_count(side)) * PLACES * side**3, min(ranked, RANKED) * RANKING
    return blocks + waiting * batch * side**3 + max(gathering, ranking)


def batch_that_fits(need: Need, free: int, largest: int = LARGEST) -> int:
    """The largest batch (a multiple of 8 above 8) within SHARE of ``free`` bytes; at least 1."""
    fits = int((SHARE * free - need.fixed) // need.each)
    fits = max(1, min(fits, largest))
    return fits - fits % 8 if fits > 8 else fits


def free_memory(device: str) -> int:
    """Bytes that may still be taken on ``cpu`` or a CUDA device, cached blocks of PyTorch included."""
    if device == "cpu":
        return _free_of_machine()
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def _free_of_machine() -> int:
    import os
    from pathlib import Path

    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total

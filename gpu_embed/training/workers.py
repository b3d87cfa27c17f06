"""The processes that train one network together, one a device, as ``torchrun`` starts them; alone without it.

Tests: tests/gpu_embed/training/test_workers.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

WAIT = timedelta(minutes=30)
"""How long a process waits for the slowest: a first batch read over a network takes minutes."""


@dataclass(frozen=True)
class Workers:
    """This process among ``world`` of them. All methods are called by every process, in the same order."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def gathered(self, rows: Tensor) -> Tensor:
        """Rows [n, ...] of every process, rank by rank [world * n, ...]; gradients go back to where rows came from."""
        if self.world == 1:
            return rows
        together: Tensor = _Gathered.apply(rows, self)  # type: ignore[no-untyped-call]
        return together

    def mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replace every tensor by its mean over the processes, in one message for each dtype."""
        if self.world == 1:
            return
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor)
        for some in by_type.values():
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in some])
            distributed.all_reduce(flat)
            flat /= self.world
            for tensor, part in zip(some, torch.split(flat, [tensor.numel() for tensor in some]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def begin_equal(self, network: nn.Module) -> None:
        """Give every process the first one's weights."""
        if self.world > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)


ALONE = Workers()


class _Gathered(torch.autograd.Function):
    """all_gather whose gradient is the sum over the processes, each process's own rows of it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, workers: Workers) -> Tensor:
        ctx.workers, ctx.count = workers, len(rows)
        parts = [torch.empty_like(rows) for _ in range(workers.world)]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        summed = gradients[0].contiguous().clone()
        distributed.all_reduce(summed)
        first = ctx.workers.rank * ctx.count
        return summed[first : first + ctx.count], None


@contextmanager
def started_workers(device: torch.device) -> Iterator[Workers]:
    """The group of the environment that ``torchrun`` sets (gloo on processors, NCCL on GPUs), ended with the block.

    One that whoever started the process has begun, as Ray Train does, is taken, and left to them.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if distributed.is_initialized():
        yield Workers(distributed.get_rank(), distributed.get_world_size())
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=WAIT)
    try:
        yield Workers(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()

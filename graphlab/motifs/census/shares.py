"""Split rows into shares of equal work and run a kernel over them: the same results for any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ingest.running.progress import Progress
from ingest.running.task_runners import TaskError, Workers, runner_of

Result = TypeVar("Result")
Share = tuple[int, int]
SHARES = 64
"""More than threads, since hubs make shares uneven; fixed, so that sums of floats never depend on the threads."""


def shares(work: npt.NDArray[Any], pieces: int = SHARES) -> list[Share]:
    """Ranges of rows of about equal work; ``work`` is that of each row."""
    total = np.concatenate([[0.0], np.cumsum(work, dtype=np.float64)])
    cuts = np.searchsorted(total, np.linspace(0, total[-1], pieces + 1))
    cuts = np.unique(np.concatenate([[0], cuts, [len(work)]]))
    return [(int(low), int(high)) for low, high in pairwise(cuts)]


def over_shares(
    task: Callable[..., Result],
    parts: Sequence[tuple[Any, ...]],
    workers: Workers = 1,
    progress: Progress | None = None,
    *,
    in_place: bool = False,
) -> Generator[Result, None, None]:
    """The results of ``task(low, high)`` in the order of the shares; threads gain where the task holds no lock.

    Args:
        parts: shares, or what else the task is called with.
        in_place: the task writes to arrays of this process.

    Raises:
        TaskError: ``in_place`` and workers that do not see this process's arrays.
    """
    runner = runner_of(workers)
    if in_place and not runner.shares_memory:
        raise TaskError("these counts are written to arrays of this process; give a number of threads as workers")
    return runner.map_tasks(partial(_share, task), parts, ahead=len(parts), progress=progress, total=len(parts))


def _share(task: Callable[..., Result], part: tuple[Any, ...]) -> Result:
    return task(*part)

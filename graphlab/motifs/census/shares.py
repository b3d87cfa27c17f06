"""Split rows into shares of equal work and run a kernel over them: the same results for any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ingest.running.progress import Progress

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
    task: Callable[[int, int], Result], parts: Sequence[Share], workers: int = 1, progress: Progress | None = None
) -> Iterator[Result]:
    """The results of ``task(low, high)`` in the order of the shares; threads gain where the task holds no lock.

    Ctrl-C ends it after the shares under way.
    """
    if workers <= 1:
        for done, part in enumerate(parts):
            yield task(*part)
            if progress:
                progress(done + 1, len(parts))
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="census")
    try:
        for done, result in enumerate(pool.map(lambda part: task(*part), parts)):
            yield result
            if progress:
                progress(done + 1, len(parts))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

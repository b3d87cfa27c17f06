"""Shares cover all rows once, in any number of threads, and stop when told to."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from graphlab.motifs.census.shares import over_shares, shares


@pytest.mark.parametrize("work", [[], [0, 0, 0], [5], [1, 0, 0, 100, 0, 1, 1, 1], list(range(500))])
def test_shares_cover_every_row_once(work: list[int]) -> None:
    parts = shares(np.array(work), 7)
    assert [row for low, high in parts for row in range(low, high)] == list(range(len(work)))
    assert all(low < high for low, high in parts)


def test_shares_are_about_equal() -> None:
    work = np.random.default_rng(1).integers(0, 100, 10_000)
    each = [int(work[low:high].sum()) for low, high in shares(work, 10)]
    assert len(each) == 10
    assert max(each) - min(each) <= 200


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers: int) -> None:
    steps: list[tuple[int, int]] = []

    def task(low: int, high: int) -> int:
        time.sleep(0.002 * ((low * 7) % 3))
        return high - low

    parts = shares(np.ones(100), 10)
    found = list(over_shares(task, parts, workers, lambda done, total: steps.append((done, total))))
    assert found == [high - low for low, high in parts]
    assert steps == [(k + 1, 10) for k in range(10)]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_the_remaining_shares_undone(workers: int) -> None:
    started: list[int] = []
    lock = threading.Lock()

    def task(low: int, high: int) -> int:
        with lock:
            started.append(low)
        time.sleep(0.005)
        return high

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(over_shares(task, shares(np.ones(200), 50), workers, stop))
    assert len(started) < 50

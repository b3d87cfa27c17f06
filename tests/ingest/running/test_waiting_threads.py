"""Work in threads that wait for more."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ingest.running import waiting_threads
from ingest.running.waiting_threads import MOST_WAITING, in_a_thread

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_threads, "_waiting", [])


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def _idle(held: weakref.ref[Any]) -> bool:
    return len(waiting_threads._waiting) == 1 and held() is None


def test_a_thread_is_used_again_and_holds_on_to_nothing() -> None:
    class Held:
        pass

    seen: list[threading.Thread] = []

    def ask() -> weakref.ref[Held]:
        held, done = Held(), threading.Event()

        def work() -> None:
            assert held is not None
            seen.append(threading.current_thread())
            done.set()

        in_a_thread(work)
        assert done.wait(PATIENCE_S)
        return weakref.ref(held)

    for _ in range(3):
        held = ask()
        _until(partial(_idle, held))
    assert len(set(seen)) == 1
    assert seen[0].daemon


def test_work_at_one_time_runs_side_by_side() -> None:
    together = threading.Barrier(MOST_WAITING + 3)
    threads: set[threading.Thread] = set()

    def work() -> None:
        threads.add(threading.current_thread())
        together.wait(PATIENCE_S)

    for _ in range(MOST_WAITING + 2):
        in_a_thread(work)
    together.wait(PATIENCE_S)
    assert len(threads) == MOST_WAITING + 2

"""Scopes: what is in them is stopped, what is not goes on."""

from __future__ import annotations

import threading

import pytest

from ingest.running import stopping
from ingest.running.stopping import Scope, within
from ingest.schema.errors import InterruptedRun


class Working:
    def __init__(self) -> None:
        self.interrupted = 0

    def interrupt(self) -> None:
        self.interrupted += 1


class Closed(Working):
    def interrupt(self) -> None:
        raise RuntimeError("closed already")


def test_a_scope_is_of_its_block_and_thread() -> None:
    assert stopping.current() is None
    stopping.check()
    seen = []
    with within(Scope()) as outer:
        assert stopping.current() is outer
        with within(Scope()) as inner:
            assert stopping.current() is inner
        assert stopping.current() is outer
        other = threading.Thread(target=lambda: seen.append(stopping.current()))
        other.start()
        other.join()
    assert seen == [None]
    assert stopping.current() is None


def test_stop_reaches_what_works_and_what_looks() -> None:
    first, second, closed = Working(), Working(), Closed()
    scope = Scope(time_limit=60)
    assert scope.deadline is None
    with within(scope):
        assert scope.deadline is not None
        scope.enter(first)
        scope.enter(closed)
        scope.enter(second)
        scope.progress(1, 4)
        assert scope.steps == (1, 4)
        scope.stop()
        scope.stop()
        with pytest.raises(InterruptedRun, match="unchanged"):
            stopping.check()
        with pytest.raises(InterruptedRun):
            scope.progress(2, 4)
    assert (first.interrupted, second.interrupted) == (2, 2)
    with pytest.raises(InterruptedRun), within(scope):
        pytest.fail("stopped before it began")
    assert stopping.current() is None


def test_what_is_gone_is_forgotten() -> None:
    scope = Scope()
    gone = Working()
    scope.enter(gone)
    del gone
    assert not list(scope._working)

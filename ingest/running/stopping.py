"""Work that somebody else may stop: within a scope it can be told to end, whichever thread it is in.

A server runs a verb within a scope; cursors of the graph that the verb opens enter themselves, loops and progress bars
look at it, so that verbs need no parameter for it.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Protocol

from ingest.schema.errors import InterruptedRun


class Interruptible(Protocol):
    """What works for somebody, and stops when it is told to: a cursor of the database."""

    def interrupt(self) -> None:
        """End what is under way, if anything is."""


class Scope:
    """One piece of work, with what it may use.

    Args:
        time_limit: seconds, from ``begin`` on. memory_limit: bytes that an answer may take while it is made.
        answer_limit: bytes that the rows of an answer may have.
    """

    def __init__(
        self, time_limit: float | None = None, memory_limit: int | None = None, answer_limit: int | None = None
    ) -> None:
        self.time_limit, self.memory_limit, self.answer_limit = time_limit, memory_limit, answer_limit
        self.deadline: float | None = None
        """On the clock of time.monotonic(), once it has begun."""
        self.steps = (0, 0)
        """What the work said last of how far it is: (done, total)."""
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._working: weakref.WeakSet[Interruptible] = weakref.WeakSet()

    def begin(self) -> None:
        """Its time begins now."""
        if self.time_limit is not None:
            self.deadline = time.monotonic() + self.time_limit

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def enter(self, working: Interruptible) -> None:
        """From now on ``stop`` interrupts it; it is forgotten when nobody else holds it."""
        with self._guard:
            self._working.add(working)

    def stop(self) -> None:
        """Stop the work. An interrupt between two statements is lost, so this is to be called until the work ends."""
        self._stopped.set()
        with self._guard:
            working = list(self._working)
        for one in working:
            with suppress(Exception):  # closed meanwhile
                one.interrupt()

    def check(self) -> None:
        """Raises InterruptedRun once the work was stopped."""
        if self.stopped:
            raise InterruptedRun("the work was stopped; the graph is unchanged")

    def progress(self, done: int, total: int) -> None:
        """A ``Progress`` that remembers the steps and ends work that was stopped."""
        self.steps = (done, total)
        self.check()


_CURRENT: ContextVar[Scope | None] = ContextVar("graphlab-scope", default=None)


def current() -> Scope | None:
    """The scope that this thread works in."""
    return _CURRENT.get()


def check() -> None:
    """Raises InterruptedRun where the work was stopped; loops that may take seconds call it."""
    scope = _CURRENT.get()
    if scope is not None:
        scope.check()


@contextmanager
def within(scope: Scope) -> Iterator[Scope]:
    """The block is work of the scope."""
    token = _CURRENT.set(scope)
    scope.begin()
    try:
        scope.check()
        yield scope
    finally:
        _CURRENT.reset(token)

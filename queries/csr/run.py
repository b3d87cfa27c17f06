"""Run a program in pieces over threads: results in the order of the start vertices, whatever the workers.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Threads
from ingest.schema.errors import InterruptedRun
from queries.csr.kernels import kept
from queries.csr.lists import Numbers, Places
from queries.csr.program import FourCycleProgram, Program
from queries.source import Limits

T = TypeVar("T")

ROWS = 122_880
"""Matches in a batch, as DuckDB's."""
BUDGET = 20_000_000
"""List entries looked at between two glances at the limits: a tenth of a second."""
FIRST_PIECE = 20_000
"""Weight of the first piece; the next ones double, so that a LIMIT is met soon."""
PIECES = 48
SMALL = 50_000
"""Starts of a join with less weight are not worth a thread; what follows from a start may be any amount of work."""


class CSRRun:
    """One run that can be stopped from another thread."""

    def __init__(self, limits: Limits, workers: int | None = None) -> None:
        self.limits = limits
        self.workers = workers or os.cpu_count() or 1
        self.stop = np.zeros(1, np.uint8)
        self.held = 0
        """Bytes found and not yet handed on."""

    def matches(self, program: Program, most: int | None = None) -> Iterator[npt.NDArray[np.int32]]:
        """int32 [rows, levels] batches of matches, node numbers in the program's order of vertices.

        Args:
            most: stop after so many rows.
        """

        def piece(begin: int, end: int) -> list[npt.NDArray[np.int32]]:
            return self._listed(program, program.begin[begin:end], most)

        return self.rows(program.weight, piece, most)

    def rows(
        self,
        weight: Places,
        piece: Callable[[int, int], list[npt.NDArray[np.int32]]],
        most: int | None,
        small: int = SMALL,
    ) -> Iterator[npt.NDArray[np.int32]]:
        """Batches of what pieces find, in their order, until there are ``most`` rows."""
        left = most
        for batches in self.pieces(weight, piece, small):
            for batch in batches:
                self.held -= batch.nbytes
                if left is not None and len(batch) >= left:
                    self.stop[0] = 1
                    yield batch[:left]
                    return
                left = None if left is None else left - len(batch)
                yield batch

    def count(self, program: Program) -> int:
        """Number of matches."""

        def piece(begin: int, end: int) -> int:
            joining = _Joining(program, program.begin[begin:end], listing=False)
            while not joining.done and not self.stop[0]:
                joining.go(self.stop)
                self.limits.check(self.held)
            return joining.counted

        return sum(self.pieces(program.weight, piece))

    def meetings(self, meeting: FourCycleProgram) -> int:
        """Number of matches of two vertices that meet over two others."""

        def piece(begin: int, end: int) -> int:
            paths, touched = np.zeros(meeting.width + 1, np.int32), np.empty(meeting.width + 1, np.int32)
            total, at = 0, 0
            while at < end - begin and not self.stop[0]:
                at, count = kept.meetings(
                    meeting.arrays, meeting.begin[begin:end], at, BUDGET, paths, touched, self.stop
                )
                total += count
            return total

        return sum(self.pieces(meeting.weight, piece))

    def _listed(self, program: Program, begin: Numbers, most: int | None) -> list[npt.NDArray[np.int32]]:
        joining = _Joining(program, begin, listing=True)
        batches: list[npt.NDArray[np.int32]] = []
        rows = 0
        while not joining.done and not self.stop[0] and (most is None or rows < most):
            batch = joining.go(self.stop)
            if len(batch):
                batches.append(batch)
                rows += len(batch)
                self.held += batch.nbytes
            self.limits.check(self.held)
        return batches

    def pieces(self, weight: Places, piece: Callable[[int, int], T], small: int = SMALL) -> Iterator[T]:
        """Results of pieces of the start vertices in their order; a few pieces ahead, limits watched.

        Args:
            small: up to this weight in all no threads are used, and limits are looked at between pieces only.
        """
        cuts = cut(weight, small)
        if len(weight) == 0:
            return
        if int(weight.sum()) <= small or self.workers == 1:
            for begin, end in cuts:
                self.limits.check(self.held)
                yield piece(begin, end)
            self.limits.check(self.held)
            return
        found = Threads(self.workers).map_tasks(
            lambda ends: piece(*ends), cuts, ahead=self.workers + 1, watch=self._watch, stop=self._stop
        )
        try:
            yield from found
        except KeyboardInterrupt as error:
            if isinstance(error, InterruptedRun):
                raise
            raise InterruptedRun("the query was stopped; the graph is unchanged") from None

    def _watch(self) -> None:
        self.limits.check(self.held)

    def _stop(self) -> None:
        self.stop[0] = 1


def cut(weight: Places, small: int = SMALL) -> list[tuple[int, int]]:
    """Cuts of the start vertices: small pieces first, then at most PIECES of the same weight.

    They depend on the work alone, so the order of results does not depend on the workers. Up to ``small`` in all, which
    one thread does, they double to the end: calling a kernel takes as long as much of such work.
    """
    total = np.cumsum(weight)
    whole = int(total[-1]) if len(total) else 0
    cuts, at, size = [], 0, FIRST_PIECE
    largest = max(FIRST_PIECE, whole if whole <= small else whole // PIECES)
    while at < len(weight):
        done = int(total[at - 1]) if at else 0
        end = max(at + 1, int(np.searchsorted(total, done + size, side="right")))
        cuts.append((at, min(end, len(weight))))
        at = end
        size = min(2 * size, largest)
    return cuts


def coalesce_batches(batches: Iterator[npt.NDArray[np.int32]]) -> Iterator[npt.NDArray[np.int32]]:
    """The same rows in batches of at least ROWS but for the last: a batch has a fixed cost further on."""
    waiting: list[npt.NDArray[np.int32]] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        if rows >= ROWS:
            yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            waiting, rows = [], 0
    if waiting:
        yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)


class _Joining:
    """The state of kernels.join over some start vertices."""

    def __init__(self, program: Program, begin: Numbers, listing: bool) -> None:
        levels = len(program.order)
        self.program = program
        self.listing = listing
        self.state = np.zeros(2, np.int64)
        self.x = np.zeros(levels, np.int32)
        self.place = np.zeros(levels, np.int64)
        self.size = np.zeros(levels, np.int64)
        room = np.array([len(begin), *(program.longest[1:] + 1)], np.int64)
        self.first = np.concatenate([[0], np.cumsum(room)[:-1]]).astype(np.int64)
        self.found = np.empty(int(room.sum()) + 1, np.int32)
        self.found[: len(begin)] = begin
        self.size[0] = len(begin)
        marked = bool((program.arrays[-1] >= 0).any())
        joins = program.arrays[3].shape[1]
        self.scratch = (
            np.zeros((levels, program.width if marked else 1), np.uint8),
            np.zeros((levels, 2), np.int64),
            np.zeros(joins, np.int64),
            np.zeros(joins, np.int64),
        )
        self.out = np.empty((ROWS if listing else 1, levels), np.int32)

    @property
    def done(self) -> bool:
        return bool(self.state[0] < 0)

    @property
    def counted(self) -> int:
        return int(self.state[1])

    def go(self, stop: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        written = kept.join(
            self.program.arrays,
            self.scratch,
            self.state,
            self.x,
            self.place,
            self.size,
            self.first,
            self.found,
            self.out,
            int(self.listing),
            BUDGET,
            stop,
        )
        return self.out[:written].copy()

"""Parts that take the next task that is free: for tasks of very different length, and machines that come and go.

Every process that shares the folder runs the same command; a task is leased by one of them. When no task is free, a
process waits for those of others and takes over the tasks of whoever was killed. ``Gather`` puts the results together.

Tests: tests/graphlab/distributed/test_dynamic_parts.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from graphlab.distributed.array_parts import ANY, Keeper, identity_of, keyed, stage_of
from graphlab.distributed.content import digest
from graphlab.distributed.leases import Leases
from graphlab.distributed.parts_folder import PartDone, Stage, claim, not_written, open_folder
from graphlab.distributed.results import decode
from ingest.running.progress import Progress
from ingest.running.task_runners import POLL_S, Hook, Threads, Workers

Task = TypeVar("Task")
Result = TypeVar("Result")
STALE_S = 120.0
LEASES = "leases"
_PART = 0
"""Of files of results: no part in particular."""


class DynamicPart:
    """Computes tasks that no other process has, until every task has a result; then ``map_tasks`` raises ``PartDone``.

    Where every task had a result from the start, they are handed over, as ``ArrayPart`` does.

    Args:
        folder: shared by all processes, theirs alone; made by the first.
        workers: of this process: a number of threads, or a runner.
        stale_s: seconds without a sign of life after which the tasks of a process are taken over.

    Raises:
        AnalysisError: a time that is not positive. ReadError: the folder cannot be made.
    """

    shares_memory: ClassVar[bool] = False

    def __init__(self, folder: str | Path, workers: Workers = 1, *, stale_s: float = STALE_S) -> None:
        self._inner = Threads(workers) if isinstance(workers, int) else workers
        self.folder, self.stale_s = open_folder(folder), stale_s
        self.begun = False
        """Whether any tasks were divided."""

    @property
    def workers(self) -> int:
        """Of this process."""
        return self._inner.workers

    def map_tasks(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        ahead: int | None = None,
        in_order: bool = True,
        progress: Progress | None = None,
        total: int = 0,
        watch: Hook = None,
        stop: Hook = None,
    ) -> Generator[Result, None, None]:
        """See ``TaskRunner.map_tasks``; ``progress`` is told of the tasks that have a result, whoever computed them.

        Raises:
            PartDone: every task has a result, some of them by this process. VersionError: the folder is of another run.
            ReadError: it cannot be written.
        """
        content = digest(function, "the function")
        if not self.begun:
            claim(self.folder, {**identity_of(function, content), "parts": ANY})
            self.begun = True
        stage = stage_of(self.folder, content)
        order = [(digest(task, "a task"), task) for task in tasks]
        listed = dict(order)
        known = stage.load(_PART)
        if not listed.keys() <= known.keys():
            # Few are taken ahead: what is taken is not free for others.
            run = partial(
                self._inner.map_tasks, partial(keyed, function), ahead=self.workers + 1, in_order=False, stop=stop
            )
            computed = self._compute(stage, listed, run, progress, watch)
            raise PartDone(None, None, len(listed), computed, self.folder)
        for done, (key, _) in enumerate(order, 1):
            yield decode(known[key])
            if progress:
                progress(done, len(order))

    def _compute(self, stage: Stage, listed: dict[str, Any], run: Any, progress: Progress | None, watch: Hook) -> int:
        computed = 0
        with self._leases(stage) as leases:
            while left := listed.keys() - stage.load(_PART).keys():
                done = len(listed) - len(left)
                before = computed
                with (
                    Keeper(stage, _PART, leases.leave) as keeper,
                    closing(run(self._free(stage, listed, left, leases), watch=watch)) as results,
                ):
                    for key, result in results:
                        keeper.add(key, result)
                        computed += 1
                        if progress:
                            progress(done + computed - before, len(listed))
                if computed == before:  # all that is left is with others
                    if watch:
                        watch()
                    time.sleep(min(1.0, max(POLL_S, self.stale_s / 10)))
        return computed

    def _leases(self, stage: Stage) -> Leases:
        try:
            return Leases(stage.folder / LEASES, self.stale_s)
        except OSError as error:
            raise not_written(stage.folder, error) from None

    @staticmethod
    def _free(stage: Stage, listed: dict[str, Any], left: set[str], leases: Leases) -> Iterator[tuple[str, Any]]:
        """Tasks whose lease this process gets, in the order of the tasks."""
        for key, task in listed.items():
            if key not in left:
                continue
            try:
                generation = leases.take(key)
            except OSError as error:
                raise not_written(leases.folder, error) from None
            if generation is None:
                continue
            # Somebody had it before: its result may have come since the results were read.
            if generation and key in stage.load(_PART):
                leases.leave([key])
                continue
            yield key, task

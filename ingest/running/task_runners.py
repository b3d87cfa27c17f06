"""Task runners: one function over many tasks, spread over workers, results in the order of the tasks."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar

from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, GraphlabError

Task = TypeVar("Task")
Result = TypeVar("Result")
Hook = Callable[[], None] | None
POLL_S = 0.05


class TaskError(GraphlabError, RuntimeError):
    """A task could not be handed to a worker, or the worker ended before it was done."""


class TaskRunner(Protocol):
    """What spreads tasks over workers: results, and what is added up from them, are the same for every runner.

    Random numbers belong to the task (a seed in it), never to the worker.
    """

    @property
    def workers(self) -> int:
        """How many tasks are worked on at a time."""

    @property
    def shares_memory(self) -> bool:
        """Whether the function sees the caller's own objects.

        If not, function, tasks and results are pickled: plain data and functions of a module (``functools.partial`` of
        one binds its arrays); what a task changes stays in its worker.
        """

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
        """``function(task)`` of every task, in the order of the tasks.

        An error of a task is raised in place of its result; it is the first in the order of the tasks, and no result
        before it is lost. It ends the run, as do Ctrl-C (which only the caller hears of), an error of ``watch`` and a
        caller who closes the iterator: ``stop`` is called, tasks that were not begun never are, those under way
        finish, and nothing of the runner is left.

        Args:
            ahead: most tasks taken and not yet handed over; twice the workers when None.
            in_order: False hands results over as they come, errors after the results that came beside them.
            progress: called in the caller's thread with (results handed over, ``total``).
            watch: called in the caller's thread while it waits, every ``POLL_S`` at least.
            stop: asks tasks under way to end soon.

        Raises:
            TaskError: what cannot be pickled, a worker that was killed.
        """


Workers = int | TaskRunner
"""What callers give: a number of threads, or a runner."""


class RunnerBase:
    """What runners have in common: they say how ``_results`` come."""

    workers: int

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
        """See ``TaskRunner.map_tasks``."""
        given = self._results(function, tasks, ahead or 2 * self.workers, in_order, watch, stop)
        with closing(given) as results:
            for done, result in enumerate(results, 1):
                yield result
                if progress:
                    progress(done, total)

    def _results(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], ahead: int, in_order: bool, watch: Hook, stop: Hook
    ) -> Generator[Any, None, None]:
        raise NotImplementedError


@dataclass(frozen=True)
class InTurn(RunnerBase):
    """No workers: the caller's own thread, one task after the other."""

    workers: int = 1
    shares_memory: ClassVar[bool] = True

    def _results(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], ahead: int, in_order: bool, watch: Hook, stop: Hook
    ) -> Generator[Any, None, None]:
        for task in tasks:
            if watch:
                watch()
            yield function(task)


@dataclass(frozen=True)
class Threads(RunnerBase):
    """Threads of this process: they gain where the function holds no interpreter lock."""

    workers: int
    shares_memory: ClassVar[bool] = True

    def _results(self, function: Callable[[Any], Any], *run: Any) -> Generator[Any, None, None]:
        pool = partial(ThreadPoolExecutor, self.workers, thread_name_prefix="graphlab-task")
        return pooled(pool, function, *run)


@dataclass(frozen=True)
class Processes(RunnerBase):
    """Processes of their own, started afresh (no fork): the function is sent to each once, then tasks and results."""

    workers: int
    shares_memory: ClassVar[bool] = False

    def _results(self, function: Callable[[Any], Any], tasks: Iterable[Any], *run: Any) -> Generator[Any, None, None]:
        from concurrent.futures import ProcessPoolExecutor  # a person waits for it where there are only threads
        from multiprocessing import get_context

        start = (pickled(function, "the function"),)
        pool = partial(ProcessPoolExecutor, self.workers, get_context("spawn"), initializer=_begin, initargs=start)
        with closing(pooled(pool, _call, (pickled(task, "a task") for task in tasks), *run)) as results:
            yield from map(pickle.loads, results)


def runner_of(workers: Workers) -> TaskRunner:
    """A runner as it is; a number of threads as one, without a thread for 1.

    Raises:
        AnalysisError: a number below 1.
    """
    if not isinstance(workers, int):
        return workers
    if workers < 1:
        raise AnalysisError(f"{workers} workers asked; give at least 1")
    return InTurn() if workers == 1 else Threads(workers)


def pooled(
    start: Callable[[], Executor], function: Callable[..., Any], tasks: Iterable[Any], ahead: int, in_order: bool,
    watch: Hook, stop: Hook,
) -> Generator[Any, None, None]:  # fmt: skip
    """Results of what an executor does, in the ways of ``TaskRunner.map_tasks``."""
    waiting: deque[Future[Any]] = deque()
    following = iter(tasks)
    ended = False
    pool = start()
    try:
        while True:
            while not ended and len(waiting) < ahead:
                try:
                    task = next(following)
                except StopIteration:
                    ended = True
                else:
                    waiting.append(_submit(pool, function, task))
            if not waiting:
                return
            for future in _next(waiting, in_order, watch):
                yield future.result()
    except BaseException as error:
        if stop:
            stop()
        if isinstance(error, BrokenExecutor):
            raise TaskError(
                "a worker process ended before its task was done (killed, or out of memory); use fewer workers"
            ) from None
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: Executor, function: Callable[..., Any], task: Any) -> Future[Any]:
    # The first submit starts processes: Ctrl-C waits until they are ready to leave it to their parent.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(function, task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(waiting: deque[Future[Any]], in_order: bool, watch: Hook) -> list[Future[Any]]:
    """Take what is handed over next out of ``waiting``: the first, or all that are done, errors last."""
    asked = [waiting[0]] if in_order else list(waiting)
    done: set[Future[Any]] = set()
    while not done:
        done, _ = wait(asked, POLL_S if watch else None, FIRST_COMPLETED)
        if watch:
            watch()
    for future in done:
        waiting.remove(future)
    return sorted(done, key=lambda future: future.exception() is not None)


# -- processes --

_function: Callable[[Any], Any]
"""Of a worker process: what it was started for."""


def _begin(function: bytes) -> None:
    """What a new process does first: leave Ctrl-C to its parent, end with it, keep the function."""
    from multiprocessing import parent_process

    global _function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _function = pickle.loads(function)


def _end_with(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)


def _call(task: bytes) -> bytes:
    try:
        return pickled(_function(pickle.loads(task)), "a result")
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise TaskError(f"{type(error).__name__}: {error}") from error
        raise


def pickled(value: Any, what: str, apart: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
    """A value as bytes for another process; ``apart`` takes its large buffers, which then are not among them.

    Raises:
        TaskError: it cannot be pickled.
    """
    try:
        return pickle.dumps(value, protocol=5, buffer_callback=apart)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TaskError(f"{what} cannot be sent between processes ({error}); run these tasks in threads") from None

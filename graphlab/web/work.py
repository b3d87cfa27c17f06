"""Verbs at work for requests: in threads, within limits, told of by job, stopped when their client hangs up.

Tests: tests/graphlab/web/test_work.py.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fastapi import Request

from graphlab.graph import Graph
from graphlab.store.database import was_interrupted
from graphlab.web.errors import BusyError, MissingError, StoppedError
from graphlab.web.settings import MIB, Settings
from ingest.running import stopping
from ingest.running.stopping import Scope
from ingest.schema.errors import SchemaError, did_you_mean
from queries.source import LimitError

T = TypeVar("T")
JOB = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
LOOK_S = 0.05
"""How often the clock and the client are looked at."""
PATIENCE_S = 3.0
"""How long work that was stopped may take to end before its request is answered without it."""
MOST_ENDED = 1_000
OVERTIME_S = 0.5
"""What the engine's own limit has before the server stops the work: its words are the better ones."""


@dataclass
class Job:
    """Work under way, or ended a while ago."""

    name: str
    what: str
    scope: Scope
    begun: float = field(default_factory=time.monotonic)
    state: str = "working"
    """working, done, failed or stopped."""
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.begun

    def shown(self) -> dict[str, Any]:
        done, total = self.scope.steps
        return {"job": self.name, "what": self.what, "state": self.state, "seconds": round(self.seconds, 3),
                "done": done, "total": total}  # fmt: skip


class Work:
    """Runs verbs of the graphs that are served; everything of it but the verbs lives in the event loop.

    Args:
        graphs: name -> open graph. They stay open when the work is closed.
    """

    def __init__(self, graphs: Mapping[str, Graph], settings: Settings) -> None:
        self.graphs, self.settings = dict(graphs), settings
        self.jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(settings.at_once, thread_name_prefix="graphlab-verb")
        self._under_way: set[Scope] = set()

    def graph(self, name: str) -> Graph:
        """The graph of that name.

        Raises:
            MissingError: there is none.
        """
        if name not in self.graphs:
            raise MissingError(f"unknown graph {name!r}{did_you_mean(name, self.graphs)}")
        return self.graphs[name]

    async def run(self, request: Request, graph: str, verb: Callable[[Graph, Scope], T], what: str = "") -> T:
        """What ``verb`` gives, worked out in a thread.

        It is stopped when its time is up, when the client hangs up, and by ``DELETE /api/jobs/{job}`` under the name
        that the request gave as ``job``.

        Raises:
            BusyError: too much waits. StoppedError, LimitError: it was stopped. What the verb raises.
        """
        opened = self.graph(graph)
        if len(self._under_way) >= self.settings.at_once + self.settings.waiting:
            raise BusyError(f"{len(self._under_way)} questions are under way or wait; ask again in a moment")
        scope = Scope(self.settings.time_limit, self.settings.memory_bytes, self.settings.answer_mb * MIB)
        job = self._job(request.query_params.get("job"), what or request.url.path, scope)
        try:
            value = await self._watched(request, scope, lambda: verb(opened, scope))
            job.state = "done"
            return value
        except BaseException as error:
            job.state = "stopped" if isinstance(error, StoppedError | asyncio.CancelledError) else "failed"
            raise
        finally:
            job.ended = time.monotonic()

    def _job(self, name: str | None, what: str, scope: Scope) -> Job:
        if name is None:
            return Job("", what, scope)
        if not JOB.fullmatch(name):
            raise SchemaError("a job is named by 8 to 64 letters, digits, - and _; take a random name")
        if name in self.jobs and self.jobs[name].state == "working":
            raise SchemaError(f"the job {name} is under way; take another random name")
        while len(self.jobs) > MOST_ENDED:
            ended = next((key for key, one in self.jobs.items() if one.ended is not None), None)
            if ended is None:
                break
            del self.jobs[ended]
        self.jobs[name] = Job(name, what, scope)
        return self.jobs[name]

    async def _watched(self, request: Request, scope: Scope, verb: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        try:
            future: Future[_Outcome[T]] = self._pool.submit(context.run, _outcome, scope, verb)
        except RuntimeError:
            raise StoppedError("the server ends") from None
        self._under_way.add(scope)
        future.add_done_callback(lambda _: self._under_way.discard(scope))
        waited = asyncio.wrap_future(future)
        why: Exception | None = None
        until = float("inf")
        try:
            while not waited.done() and time.monotonic() < until:
                await asyncio.wait({waited}, timeout=LOOK_S)
                if why is None and not waited.done():
                    why = await self._reason(request, scope)
                    until = time.monotonic() + PATIENCE_S if why else until
                if why is not None:
                    scope.stop()
        finally:
            if not waited.done():  # the request itself is cancelled, or its work does not hear
                scope.stop()
                future.cancel()
        if not waited.done():
            assert why is not None
            raise why
        outcome = waited.result()
        if outcome.error is None:
            return outcome.value  # type: ignore[return-value]
        if scope.stopped or was_interrupted(outcome.error):  # whatever it says, it was cut short
            raise why or StoppedError("the work was stopped; the graph is unchanged")
        raise outcome.error

    async def _reason(self, request: Request, scope: Scope) -> Exception | None:
        """Why the work has to end, if it has."""
        if scope.stopped:
            return StoppedError("the work was stopped; the graph is unchanged")
        if await request.is_disconnected():
            return StoppedError("the client hung up")
        if scope.deadline is not None and time.monotonic() > scope.deadline + OVERTIME_S:
            return LimitError(
                f"the work took longer than the server's time limit of {self.settings.time_limit:g} s; ask for less, "
                "or start the server with a larger --time-limit"
            )
        return None

    def stop(self, name: str) -> None:
        """Stop a job.

        Raises:
            MissingError: none of that name is under way.
        """
        job = self.jobs.get(name)
        if job is None or job.state != "working":
            raise MissingError(f"no job {name} is under way")
        job.scope.stop()

    def close(self) -> None:
        """Stop everything and wait for it."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while self._under_way:  # again and again: an interrupt between two statements is lost
            for scope in list(self._under_way):
                scope.stop()
            time.sleep(LOOK_S)
        self._pool.shutdown(wait=True)


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    value: T | None = None
    error: BaseException | None = None


def _outcome(scope: Scope, verb: Callable[[], T]) -> _Outcome[T]:
    """The value or the error: Ctrl-C of a verb, as which it is stopped, must not reach the event loop as such."""
    try:
        with stopping.within(scope):
            return _Outcome(verb())
    except BaseException as error:
        return _Outcome(error=error)

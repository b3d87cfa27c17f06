"""Tasks over the processes of a Ray cluster: one on this machine, or one of many.

Without an address a cluster of this machine alone is started; it listens on loopback, shows no dashboard, reports
nothing to anybody and ends with the process. With one, the process joins a cluster that others run.

Tests: tests/graphlab/distributed/test_ray_tasks.py.
"""

from __future__ import annotations

import os
import pickle
import platform
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import numpy as np

from graphlab.distributed.content import name_of
from graphlab.distributed.ray_connect import RETRIES, ClusterError, checked, connect, lacking_memory, line_of, meant
from ingest.running.task_runners import Hook, RunnerBase, TaskError, pickled, pooled
from ingest.schema.errors import AnalysisError, GraphlabError, VersionError

STRAGGLER_S, STRAGGLER = 30.0, 3.0
"""A task is given to a second worker when it takes longer than both so many seconds, and so many times the median."""
FEW = 3
"""Tasks that have to be done before one can be late."""


class RayTasks(RunnerBase):
    """Processes of a Ray cluster: function and arrays are sent to each machine once, then tasks and results.

    A task whose machine is lost is done again on another, as is one that fails by chance; a ``GraphlabError`` is
    about the data, and final. A late one is given to a second worker when there is nothing else to do, and who is
    done first counts. Tasks run in the caller's folder, where a machine has it. Started at the first use; a process
    has one cluster.

    Args:
        workers: tasks at a time; when None, the processors of the cluster, or its GPUs where tasks take one.
        address: ``HOST:PORT`` of the head of a cluster that this machine is part of, or ``auto`` to find it; None
            starts one here, or takes what the process is connected to.
        retries: times that a task is tried again.
        gpus: that a task has to itself.
        straggler_s: least seconds of a task that is late.

    Raises:
        AnalysisError: a number below 1, an address of another form.
    """

    shares_memory: ClassVar[bool] = False

    def __init__(
        self, workers: int | None = None, address: str | None = None, *, retries: int = RETRIES, gpus: int = 0,
        straggler_s: float = STRAGGLER_S,
    ) -> None:  # fmt: skip
        if workers is not None and workers < 1:
            raise AnalysisError(f"{workers} workers asked; give at least 1")
        if retries < 0:
            raise AnalysisError(f"{retries} retries asked; give 0 or more")
        self.address = None if address is None else checked(address)
        self._asked, self.retries, self.gpus, self.straggler_s = workers, retries, gpus, straggler_s

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Tasks at a time.

        Raises:
            ClusterError: the cluster cannot be reached.
        """
        if self._asked is None:
            there = self._resources()
            self._asked = max(1, int(there.get("GPU", 0) // self.gpus if self.gpus else there.get("CPU", 1)))
        return self._asked

    def for_networks(self, device: str = "auto") -> RayTasks:
        """The same cluster for tasks that compute networks: each with a GPU where there are any.

        Raises:
            ClusterError: GPUs asked where there are none; the cluster cannot be reached.
        """
        gpus = 0 if device == "cpu" else int(self._resources().get("GPU", 0) >= 1)
        if device.startswith("cuda") and not gpus:
            raise ClusterError(f"no machine of the cluster has a GPU for --device {device}; leave the option out")
        return RayTasks(self._asked, self.address, retries=self.retries, gpus=gpus, straggler_s=self.straggler_s)

    def _resources(self) -> dict[str, float]:
        connect(self.address)
        import ray

        found: dict[str, float] = ray.cluster_resources()
        return found

    def _results(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], ahead: int, in_order: bool, watch: Hook, stop: Hook
    ) -> Generator[Any, None, None]:
        buffers: list[pickle.PickleBuffer] = []
        head = pickled(function, "the function", buffers.append)
        connect(self.address, self._asked)
        pool = _Pool(head, buffers, self, name_of(function))

        def watched() -> None:
            pool.help_late()
            if watch:
                watch()

        sent = (pickled(task, "a task") for task in tasks)
        with closing(pooled(lambda: pool, _run, sent, ahead, in_order, watched, stop)) as results:
            yield from map(pickle.loads, results)


class _TryAgain(Exception):
    """An error of a task that may have come by chance, pickled; Ray prints what it says."""

    def __init__(self, pickled_error: bytes, said: str) -> None:
        self.pickled_error, self.said = pickled_error, said
        super().__init__(pickled_error, said)

    def __str__(self) -> str:
        return self.said


@dataclass(eq=False)
class _Asked:
    """One task, and the tries of it that go on."""

    number: int
    task: bytes
    since: float = field(default_factory=time.monotonic)
    outer: Future[Any] = field(default_factory=Future)
    live: list[Any] = field(default_factory=list)
    twice: bool = False


class _Pool(Executor):
    """Ray behind the futures of the standard library."""

    def __init__(self, head: bytes, buffers: list[pickle.PickleBuffer], runner: RayTasks, name: str) -> None:
        import ray

        self._ray, self._runner, self._name = ray, runner, name
        self._lock = threading.Lock()
        self._asked: list[_Asked] = []
        self._took: list[float] = []
        self._beaten: list[Any] = []
        self._count = 0
        raw = [buffer.raw() for buffer in buffers]
        kept = [np.frombuffer(one, dtype=np.uint8) for one in raw]
        try:
            sent = ray.put((head, kept, [one.readonly for one in raw]))
        except ray.exceptions.RayError as error:
            size = sum(one.nbytes for one in raw)
            raise ClusterError(
                f"the object store of this machine cannot take the {size:,} bytes of the function and its arrays "
                f"({line_of(error)}). Start Ray with a larger one, its object_store_memory"
            ) from None
        # In a list, so that tasks begin before it has come, and each process takes it once.
        self._sent = (uuid.uuid4().hex, [sent], _versions(), str(Path.cwd()))
        # Processes stay (max_calls=0), so that networks that a function opened are open for its next task.
        how = {"num_gpus": runner.gpus, "max_calls": 0} if runner.gpus else {}
        remote = ray.remote(num_cpus=1, max_retries=runner.retries, retry_exceptions=[_TryAgain], **how)
        self._remote = remote(_run)

    def submit(self, function: Any, /, task: bytes) -> Future[Any]:  # type: ignore[override]
        self._count += 1
        asked = _Asked(self._count, task)
        asked.outer.set_running_or_notify_cancel()
        with self._lock:
            self._asked.append(asked)
        self._try(asked)
        return asked.outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            live = [*self._beaten, *(one for asked in self._asked for one in asked.live)]
        for reference in live:
            self._ray.cancel(reference)

    def help_late(self) -> None:
        """Where workers have nothing to do, give them what others take too long for."""
        with self._lock:
            beaten, self._beaten = self._beaten, []
            idle = self._runner.workers - sum(len(asked.live) for asked in self._asked)
            late: list[_Asked] = []
            if idle > 0 and len(self._took) >= FEW:
                before = time.monotonic() - max(self._runner.straggler_s, STRAGGLER * median(self._took))
                late = [asked for asked in self._asked if not asked.twice and asked.since < before][:idle]
            for asked in late:
                asked.twice = True
        for reference in beaten:
            self._ray.cancel(reference)
        for asked in late:
            self._try(asked)

    def _try(self, asked: _Asked) -> None:
        reference = self._remote.remote(*self._sent, asked.task)
        with self._lock:
            asked.live.append(reference)
        reference.future().add_done_callback(partial(self._hand_over, asked, reference))

    def _hand_over(self, asked: _Asked, reference: Any, inner: Future[Any]) -> None:
        error = inner.exception()
        with self._lock:
            asked.live.remove(reference)
            if asked not in self._asked or (error is not None and asked.live):
                return  # the other try of it was first, or may yet do it
            self._asked.remove(asked)
            self._took.append(time.monotonic() - asked.since)
            self._beaten += asked.live
        if error is not None:
            asked.outer.set_exception(self._meant(error, asked))
            return
        ok, content = inner.result()
        if ok:
            asked.outer.set_result(content)
        else:
            asked.outer.set_exception(pickle.loads(content))

    def _meant(self, error: BaseException, asked: _Asked) -> BaseException:
        """A task's own error as it was, one of Ray in our words."""
        task, tries = f"task {asked.number} of {self._name}", self._runner.retries + 1
        cause = getattr(error, "cause", None)
        if not isinstance(cause, _TryAgain):
            return meant(error, task, tries)
        own: BaseException = pickle.loads(cause.pickled_error)
        if isinstance(own, MemoryError):
            return lacking_memory(f"{task} had no memory", "MemoryError", own, tries)
        return own


def _versions() -> dict[str, str]:
    from graphlab import __version__

    return {"graphlab": __version__, "numpy": np.__version__}


# -- in a process of the cluster --

_function: tuple[str, Any] = ("", None)
"""What was sent last, and what it is called."""


def _run(name: str, sent: list[Any], versions: dict[str, str], folder: str, task: bytes) -> tuple[bool, bytes]:
    """Whether the task was done, and its result or its error."""
    try:
        with suppress(OSError):  # relative paths are the caller's; a machine without them says which it misses
            os.chdir(folder)
        return True, pickled(_received(name, sent, versions)(pickle.loads(task)), "a result")
    except GraphlabError as error:
        return False, pickle.dumps(error)
    except Exception as error:
        raise _TryAgain(_whole(error), f"{type(error).__name__}: {error}") from None


def _received(name: str, sent: list[Any], versions: dict[str, str]) -> Any:
    global _function
    if _function[0] != name:
        own = _versions()
        if own != versions:
            raise VersionError(
                f"machine {platform.node()} of the cluster has {_said(own)}, this process {_said(versions)}; install "
                "the same versions on every machine"
            )
        import ray

        _function = ("", None)  # room for the next
        head, buffers, readonly = ray.get(sent[0])
        # Arrays that were read-only stay where Ray keeps them, one copy a machine.
        own_buffers = [one if still else one.copy() for one, still in zip(buffers, readonly, strict=True)]
        _function = (name, pickle.loads(head, buffers=own_buffers))
    return _function[1]


def _whole(error: Exception) -> bytes:
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:
        return pickle.dumps(TaskError(f"{type(error).__name__}: {error}"))
    return content


def _said(versions: dict[str, str]) -> str:
    return " and ".join(f"{name} {version}" for name, version in versions.items())

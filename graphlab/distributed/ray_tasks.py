"""Tasks over the processes of a Ray cluster: one on this machine, or one of many.

Without an address a cluster of this machine alone is started; it listens on loopback, shows no dashboard, reports
nothing to anybody and ends with the process. With one, the process joins a cluster that others run.

Tests: tests/graphlab/distributed/test_ray_tasks.py.
"""

from __future__ import annotations

import os
import pickle
import platform
import socket
import uuid
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import closing
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ingest.running.task_runners import RunnerBase, TaskError, pickled, pooled
from ingest.schema.errors import AnalysisError, GraphlabError, MissingExtraError, VersionError

RETRIES = 3
"""Times that a task is tried again whose worker or machine was lost, or that failed by chance."""
CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"
_LOCAL_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0, Ray binds loopback alone; otherwise every interface of the machine."""


class ClusterError(TaskError):
    """No such cluster, or one that could not do the work."""


class RayTasks(RunnerBase):
    """Processes of a Ray cluster: function and arrays are sent to each machine once, then tasks and results.

    A task whose machine is lost is done again on another, as is one that fails by chance; a ``GraphlabError`` is
    about the data, and final. Started at the first use; a process has one cluster.

    Args:
        workers: tasks at a time; the processors of the cluster when None.
        address: ``HOST:PORT`` of the head of a cluster that this machine is part of, or ``auto`` to find it; None
            starts one here, or takes what the process is connected to.
        retries: times that a task is tried again.

    Raises:
        AnalysisError: a number below 1, an address of another form.
    """

    shares_memory: ClassVar[bool] = False

    def __init__(self, workers: int | None = None, address: str | None = None, *, retries: int = RETRIES) -> None:
        if workers is not None and workers < 1:
            raise AnalysisError(f"{workers} workers asked; give at least 1")
        if retries < 0:
            raise AnalysisError(f"{retries} retries asked; give 0 or more")
        self.address = None if address is None else _checked(address)
        self._asked, self.retries = workers, retries

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Tasks at a time.

        Raises:
            ClusterError: the cluster cannot be reached.
        """
        if self._asked is None:
            connect(self.address)
            import ray

            self._asked = max(1, int(ray.cluster_resources().get("CPU", 1)))
        return self._asked

    def _results(self, function: Callable[[Any], Any], tasks: Iterable[Any], *run: Any) -> Generator[Any, None, None]:
        buffers: list[pickle.PickleBuffer] = []
        head = pickled(function, "the function", buffers.append)
        connect(self.address, self._asked)
        pool = partial(_Pool, head, buffers, self.retries)
        with closing(pooled(pool, _run, (pickled(task, "a task") for task in tasks), *run)) as results:
            yield from map(pickle.loads, results)


def connect(address: str | None = None, workers: int | None = None) -> None:
    """Start a cluster here or join one, if the process has none.

    Raises:
        MissingExtraError: Ray is not installed. VersionError: the cluster has other versions.
        ClusterError: nothing answers, or the process is part of another cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        os.environ.setdefault(_LOCAL_ONLY, "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("Ray", "ray") from None
    if ray.is_initialized():
        _require_address(address, ray.get_runtime_context().gcs_address)
        return
    quiet: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    if address is None:
        quiet["num_cpus"] = workers or os.cpu_count() or 1
    else:
        _require_answer(address)
    try:
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **quiet)
    except Exception as error:
        said = str(error)
        if "ersion mismatch" in said:
            raise VersionError(
                f"the cluster at {address} has other versions: {' '.join(said.split())}. Install the same Ray and "
                "Python on every machine"
            ) from None
        raise ClusterError(
            f"cannot {'start Ray here' if address is None else f'join the cluster at {address}'}: {said}. "
            "This machine has to be part of the cluster: `ray start` with the address of its head"
        ) from None
    if address is None and ray.util.get_node_ip_address() != LOOPBACK:
        ray.shutdown()
        raise ClusterError(
            "Ray was imported before and would listen on every interface of this machine; set "
            f"{_LOCAL_ONLY}=0 before Python starts, or give the address of a cluster"
        )


def disconnect() -> None:
    """End the cluster that this process started, or leave the one that it joined."""
    import ray

    ray.shutdown()


def _checked(address: str) -> str:
    if address.startswith("ray://"):
        raise AnalysisError(
            f"found address {address!r}: Ray's client protocol; work on a machine of the cluster and give "
            "HOST:PORT of its head, or auto"
        )
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise AnalysisError(f"found address {address!r}; wanted HOST:PORT of the head of a cluster, or auto")
    return address


def _require_answer(address: str) -> None:
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        raise ClusterError(
            f"no cluster answers at {address} ({error.strerror or error}). Start its head there with `ray start`, "
            f"on port {port}"
        ) from None


def _require_address(asked: str | None, there: str) -> None:
    if asked not in (None, "auto", there):
        raise ClusterError(f"this process is part of the cluster at {there}; use another process for that at {asked}")


class _TryAgain(Exception):
    """An error of a task that may have come by chance, pickled; Ray prints what it says."""

    def __init__(self, pickled_error: bytes, said: str) -> None:
        self.pickled_error, self.said = pickled_error, said
        super().__init__(pickled_error, said)

    def __str__(self) -> str:
        return self.said


class _Pool(Executor):
    """Ray behind the futures of the standard library."""

    def __init__(self, head: bytes, buffers: list[pickle.PickleBuffer], retries: int) -> None:
        import ray

        self._ray = ray
        self._live: dict[Future[Any], Any] = {}
        raw = [buffer.raw() for buffer in buffers]
        kept = [np.frombuffer(one, dtype=np.uint8) for one in raw]
        try:
            sent = ray.put((head, kept, [one.readonly for one in raw]))
        except ray.exceptions.RayError as error:
            size = sum(one.nbytes for one in raw)
            raise ClusterError(
                f"the object store of this machine cannot take the {size:,} bytes of the function and its arrays "
                f"({_line(error)}). Start Ray with a larger one, its object_store_memory"
            ) from None
        # In a list, so that tasks begin before it has come, and each process takes it once.
        self._sent = (uuid.uuid4().hex, [sent], _versions())
        self._remote = ray.remote(num_cpus=1, max_retries=retries, retry_exceptions=[_TryAgain])(_run)

    def submit(self, function: Any, /, task: bytes) -> Future[Any]:  # type: ignore[override]
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()
        reference = self._remote.remote(*self._sent, task)
        inner: Future[Any] = reference.future()
        self._live[inner] = reference
        inner.add_done_callback(partial(self._hand_over, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for reference in list(self._live.values()):
            self._ray.cancel(reference)

    def _hand_over(self, outer: Future[Any], inner: Future[Any]) -> None:
        self._live.pop(inner, None)
        error = inner.exception()
        if error is not None:
            outer.set_exception(_meant(error))
            return
        ok, content = inner.result()
        if ok:
            outer.set_result(content)
        else:
            outer.set_exception(pickle.loads(content))


def _meant(error: BaseException) -> BaseException:
    """What an error of Ray says in the words of this package; a task's own error as it was."""
    import ray.exceptions as of_ray

    cause = getattr(error, "cause", None)
    if isinstance(cause, _TryAgain):
        own: BaseException = pickle.loads(cause.pickled_error)
        return own
    if isinstance(error, of_ray.TaskCancelledError):
        return ClusterError("a task was cancelled by others")
    lost = (of_ray.WorkerCrashedError, of_ray.NodeDiedError, of_ray.OutOfMemoryError, of_ray.LocalRayletDiedError)
    if isinstance(error, lost):
        return ClusterError(
            f"a worker ended before its task was done, each time it was tried (killed, or out of memory): "
            f"{_line(error)}. Use fewer workers a machine, or machines with more memory"
        )
    if "No module named" in str(error):
        return VersionError(
            f"the machines of the cluster do not have this graphlab ({_line(error)}). Install the same version with "
            "its dependencies on every one"
        )
    return ClusterError(f"Ray could not do a task: {_line(error)}")


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    modules = [line for line in lines if "No module named" in line]
    return (modules or lines or [type(error).__name__])[0]


def _versions() -> dict[str, str]:
    from graphlab import __version__

    return {"graphlab": __version__, "numpy": np.__version__}


# -- in a process of the cluster --

_function: tuple[str, Any] = ("", None)
"""What was sent last, and what it is called."""


def _run(name: str, sent: list[Any], versions: dict[str, str], task: bytes) -> tuple[bool, bytes]:
    """Whether the task was done, and its result or its error."""
    try:
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

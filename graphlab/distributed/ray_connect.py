"""A Ray cluster: started here or joined, what keeps a process out of it, and its errors in our words.

Tests: tests/graphlab/distributed/test_ray_tasks.py.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from ingest.running.task_runners import TaskError
from ingest.schema.errors import AnalysisError, MissingExtraError, VersionError

RETRIES = 3
"""Times that a task is tried again whose worker or machine was lost, or that failed by chance."""
CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"
_LOCAL_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0, Ray binds loopback alone; otherwise every interface of the machine."""
_OOM_RETRIES = "RAY_task_oom_retries"
"""Of a task that Ray's memory monitor ended; without a number, for ever."""


class ClusterError(TaskError):
    """No such cluster, or one that could not do the work."""


def connect(address: str | None = None, workers: int | None = None) -> None:
    """Start a cluster here or join one, if the process has none.

    Raises:
        MissingExtraError: Ray is not installed. VersionError: the cluster has other versions.
        ClusterError: nothing answers, or the process is part of another cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(_OOM_RETRIES, str(RETRIES))
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
        if isinstance(error, ray.exceptions.AuthenticationError) or "nauthenticated" in said:
            raise ClusterError(
                f"the cluster{'' if address is None else f' at {address}'} does not know this process: {line_of(error)}"
                ". It wants a token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH with that of its "
                "head (`ray get-auth-token` there)"
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


def checked(address: str) -> str:
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


def line_of(error: BaseException) -> str:
    """What an error of Ray says, without the trace of its processes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    modules = [line for line in lines if "No module named" in line]
    return (modules or lines or [type(error).__name__])[0]


def meant(error: BaseException, task: str, tries: int) -> BaseException:
    """What an error of Ray says in the words of this package.

    Args:
        task: how the task is called in messages. tries: that it had at most.
    """
    import ray.exceptions as of_ray

    if isinstance(error, of_ray.TaskCancelledError):
        return ClusterError(f"{task} was cancelled by others")
    lost = (of_ray.WorkerCrashedError, of_ray.NodeDiedError, of_ray.OutOfMemoryError, of_ray.LocalRayletDiedError)
    if isinstance(error, of_ray.OutOfMemoryError):
        tries = int(os.environ.get(_OOM_RETRIES, RETRIES)) + 1
    if isinstance(error, lost):
        return lacking_memory(f"a worker ended before {task} was done", "killed, or out of memory", error, tries)
    full = (of_ray.ObjectStoreFullError, of_ray.OutOfDiskError)
    why = getattr(error, "cause", error)
    if isinstance(why, full):
        return ClusterError(
            f"the object store of a machine is full, and so is the disk behind it: {task} has no room for what it "
            f"makes ({line_of(why)}). Free its disk, or start Ray with a larger store, its object_store_memory"
        )
    if "No module named" in str(error):
        return VersionError(
            f"the machines of the cluster do not have this graphlab ({line_of(error)}). Install the same version with "
            "its dependencies on every one"
        )
    return ClusterError(f"Ray could not do {task}: {line_of(error)}")


def lacking_memory(what: str, why: str, error: BaseException, tries: int) -> ClusterError:
    """A task that no try got through, most likely for want of memory."""
    return ClusterError(
        f"{what}, each of the {tries} times that it was tried ({why}): {line_of(error)}. Use fewer workers a machine, "
        "or machines with more memory; with --shared DIR, the same command then goes on from what is finished"
    )

"""A Ray cluster of two node processes on loopback, our tasks on it, what may go wrong; what came of it: ``said.json``.

Ray's nodes wait 15 seconds at most until their agents have said their ports, which is too short on a busy machine. So
one is given, and the others, of services that are off, are said before the agents say the same.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.update(
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_enable_metrics_collection="0",
    RAY_memory_monitor_refresh_ms="0",  # whatever else the machine does
)
import numpy as np
import pytest
import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from graphlab import Graph
from graphlab.circuits.simulation.drive import RandomDrive
from graphlab.circuits.simulation.neurons import Neuron
from graphlab.circuits.simulation.spiking import Network, simulate_spikes
from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.parts_folder import PartDone
from graphlab.distributed.ray_connect import disconnect
from graphlab.distributed.ray_tasks import RayTasks
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.evaluation.fold_fits import TrainingSet, fit_all
from graphlab.predict.predictors import predictor_named
from graphlab.statistics.folds import random_folds
from graphlab.testing.null_models import example_graph
from graphlab.testing.predictors import made_inputs, made_wiring
from graphlab.testing.toy import random_graph
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, VersionError

STORE = 80_000_000
"""Bytes of the object store of a node, about the least that Ray takes."""
OFF = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
PATIENT = {"agent_register_timeout_ms": 120_000, "health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
"""With agents that start slowly. A node that is killed is missed after five checks, which it refuses at once."""


def agent_port() -> dict[str, int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"runtime_env_agent_port": free.getsockname()[1]}


def start_raylet(self: Node, *how: Any, **named: Any) -> Any:
    for name in OFF:
        Path(self.get_session_dir_path(), f"{name}_{self.node_id}").write_text("-1")
    return as_it_was(self, *how, **named)


as_it_was, Node.start_raylet = Node.start_raylet, start_raylet


def started() -> tuple[Cluster, list[Any]]:
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": PATIENT, "object_store_memory": STORE}
    head |= agent_port()
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = {"num_cpus": 1, "object_store_memory": STORE}
    no_disk = {"RAY_local_fs_capacity_threshold": "0"}  # for what does not fit into the store
    return cluster, [cluster.add_node(**node, env_vars=more, **agent_port()) for more in ({}, no_disk)]


def z_of(folder: Path, cluster: Cluster) -> dict[str, str]:
    """z scores against a null, whoever computes them; each has a graph of its own, which keeps no samples of others."""
    ways: dict[str, Workers] = {str(count): count for count in (1, 2, 4)}
    ways |= {f"Ray, {count}": RayTasks(count, cluster.address) for count in (1, 2, 4)}
    asked: dict[str, Any] = {"null": "configuration", "samples": 8, "seed": 3}
    random_graph(folder / "graph", seed=0).close()

    def asked_of(name: str, workers: Workers) -> str:
        with Graph.open(shutil.copytree(folder / "graph", folder / name)) as graph:
            result = graph.motifs.significance(3, **asked, workers=workers)
            return result.z.tobytes().hex() + result.p.tobytes().hex()

    for part in (1, 2, 3):
        with suppress(PartDone):
            asked_of(f"part {part}", ArrayPart(part, 3, folder / "parts"))
    return {name: asked_of(name, workers) for name, workers in {**ways, "array": Gather(folder / "parts")}.items()}


def bytes_of(workers: Workers, place: Path) -> dict[str, str]:
    """What several kinds of work make; ``place`` is of a graph that every process opens."""
    graph = example_graph()
    sampler = null_model("configuration").prepare(graph, NullOptions(), 3)
    network = Network(graph.out_start, graph.out_target, 40.0 * np.ones(len(graph.out_target)), np.zeros(graph.n, bool))
    drive = RandomDrive(np.arange(5), 300.0)
    spikes = simulate_spikes(network, drive, Neuron(), 30.0, trials=3, seed=5, workers=workers)
    found = {
        "null samples": sample_counts(sampler, triad_counts, samples=6, seed=3, workers=workers),
        "trials": np.concatenate([spikes.trial, spikes.step, spikes.node]),
        "census": triad_counts(graph, workers=workers, progress=lambda done, total: None),
    }
    with Graph.open(place, read_only=True) as opened:
        rows = opened.query("A -> B\nB -> C\nA !> C", workers=workers)
    found["folds"] = np.concatenate([one.probability.ravel() for one in folds_of(workers)])
    found["question"] = np.concatenate([column.to_numpy() for column in rows.to_arrow().columns])
    return {name: value.tobytes().hex() for name, value in found.items()}


def folds_of(workers: Workers) -> list[FoldPredictions]:
    """What two predictors that need no other library say of two folds."""
    examples, inputs = made_inputs("node", made_wiring())
    sets = [TrainingSet(examples, inputs, fold) for fold in random_folds(examples.m, 2, np.random.default_rng(0))]
    predictors = {name: predictor_named(name) for name in ("ntac", "label propagation")}
    return fit_all(sets, [(number, name) for name in predictors for number in (0, 1)], predictors, 3, workers)


def once(folder: str, number: int) -> int:
    """Fails the first time that it is called for a number."""
    place = Path(folder, str(number))
    if not place.exists():
        place.touch()
        raise OSError(f"the disk of {number} is away")
    return number * number


def refused(number: int) -> int:
    raise AnalysisError(f"{number} is no such number")


def begun(folder: str, number: int) -> int:
    """Leaves a trace and takes its time, until somebody says that a node was killed."""
    Path(folder, f"begun-{number}-{os.getpid()}").touch()
    while not Path(folder, "lost").exists():
        time.sleep(0.02)
    return number + 1


def hungry(folder: str, number: int) -> int:
    """Task 3 wants more memory than its process may have, until the machine has more."""
    if number == 3 and not Path(folder, "more").exists():
        Path(folder, f"tried-{time.monotonic_ns()}").touch()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (int(vm_bytes()) + 200_000_000, limits[1]))
        try:
            np.ones(1_000_000_000 // 8)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
    Path(folder, f"done-{number}-{time.monotonic_ns()}").touch()
    return number * 10


def vm_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def dies(number: int) -> int:
    """As the kernel ends a process when the machine has no memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def makes_large(number: int) -> Any:
    return np.full(90_000_000, number, dtype=np.uint8)


def late(folder: str, number: int) -> int:
    """The first one to try number 5 waits until the second is done with it."""
    place = Path(folder, "late")
    if number == 5:
        if place.exists():
            place.with_name("helped").touch()
            return number
        place.touch()
        while not place.with_name("helped").exists():
            time.sleep(0.02)
        time.sleep(0.2)
    return number


def error_of(runner: Any, function: Any, tasks: Any = (1,)) -> list[str]:
    try:
        list(runner.map_tasks(function, tasks))
    except Exception as error:
        return [type(error).__name__, str(error)]
    return []


def traces(folder: Path, kind: str) -> list[str]:
    return sorted(path.name.split("-")[1] for path in folder.glob(f"{kind}-*"))


def after(before: list[str], now: list[str]) -> list[str]:
    """What was left a trace of since."""
    return list((Counter(now) - Counter(before)).elements())


def driver(address: str, folder: str) -> None:
    """A process that keeps the results of its tasks, and is killed while it has some."""
    runner = ArrayPart(1, 1, Path(folder, "kept"), RayTasks(2, address))
    print(list(runner.map_tasks(partial(slowly, folder), range(24))))


def slowly(folder: str, number: int) -> int:
    Path(folder, f"done-{number}-{time.monotonic_ns()}").touch()
    time.sleep(0.1)
    return number * 3


def killed_and_again(folder: Path, address: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "driver", address, str(folder)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while first.poll() is None and not list(folder.glob("kept/*/part-00001-*.parquet")):
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = set(traces(folder, "done"))
    for trace in folder.glob("done-*"):
        trace.unlink()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"before": len(before), "again": len(traces(folder, "done")), "said": json.loads(second.stdout)}


def main(folder: str) -> None:
    said: dict[str, Any] = {}
    for name in ("once", "twice", "killed", "z", "hungry", "late", "driver", "embedded"):
        Path(folder, name).mkdir()
    cluster, nodes = started()
    runner = RayTasks(address=cluster.address)
    said["workers"] = runner.workers
    asked = Path(folder, "asked")
    random_graph(asked, seed=0).close()
    said["ray"], said["threads"], said["one"] = (bytes_of(workers, asked) for workers in (runner, 2, 1))
    os.environ["GRAPHLAB_TEST_RAY"] = cluster.address
    contract = Path(__file__).with_name("ray_contract.py")
    said["contract"] = pytest.main([str(contract), "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"])
    said["once"] = list(runner.map_tasks(partial(once, f"{folder}/once"), range(5)))
    said["refused"] = error_of(runner, refused)
    said["never again"] = error_of(RayTasks(address=cluster.address, retries=0), partial(once, f"{folder}/twice"))

    said["z"] = z_of(Path(folder, "z"), cluster)
    hungers = Path(folder, "hungry")
    keeps = ArrayPart(1, 1, hungers / "kept", RayTasks(2, cluster.address, retries=1))
    said["hungry"] = error_of(keeps, partial(hungry, str(hungers)), range(8))
    said["tried"], fed = len(list(hungers.glob("tried-*"))), traces(hungers, "done")
    (hungers / "more").touch()
    said["fed"] = list(keeps.map_tasks(partial(hungry, str(hungers)), range(8)))
    said["done once"] = sorted({"0", "1", "2"} - set(after(fed, traces(hungers, "done"))))
    said["dies"] = error_of(RayTasks(1, cluster.address, retries=1), dies)
    runs = RayTasks(2, cluster.address, straggler_s=0.1)
    said["late"] = list(runs.map_tasks(partial(late, f"{folder}/late"), range(6)))
    said["driver"] = killed_and_again(Path(folder, "driver"), cluster.address)
    said["no token"] = subprocess.run(
        [sys.executable, __file__, "driver", cluster.address, folder],
        env={**os.environ, "RAY_AUTH_MODE": "token", "HOME": folder},
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    if find_spec("torch") and find_spec("h5py"):
        import ray_networks

        said["embedded"] = ray_networks.embedded(Path(folder, "embedded"), cluster.address)
        if find_spec("edt") and find_spec("skimage"):
            said["segmented"] = ray_networks.segmented(Path(folder, "embedded"), cluster.address)
    killed = Path(folder, "killed")

    def kill() -> None:
        """Once both nodes are at work: end one, and let tasks go on when its worker is gone."""
        workers = {int(one.name.split("-")[2]) for one in killed.glob("begun-*")}
        if not (killed / "lost").exists() and len(workers) == 2:
            cluster.remove_node(nodes[0], allow_graceful=False)
            while all(alive(worker) for worker in workers):
                time.sleep(0.02)
            (killed / "lost").touch()

    said["killed"] = list(runner.map_tasks(partial(begun, str(killed)), range(6), watch=kill))
    said["begun"] = len(list(killed.glob("begun-*")))
    while (living := sum(bool(node["Alive"]) for node in ray.nodes())) > 2:
        time.sleep(0.05)
    said["nodes"] = living

    said["full"] = error_of(RayTasks(1, cluster.address, retries=1), makes_large)
    other = {"ray_version": "1.0.0", "python_version": "2.7.18"}
    from ray.experimental.internal_kv import _internal_kv_put

    _internal_kv_put("CLUSTER_METADATA", json.dumps(other).encode(), overwrite=True, namespace="cluster")
    disconnect()
    try:
        list(runner.map_tasks(str, [1]))
    except VersionError as error:
        said["versions"] = str(error)
    said["listens"] = sorted(set(listening()))
    disconnect()
    cluster.shutdown()
    Path(folder, "said.json").write_text(json.dumps(said))


def listening() -> list[str]:
    """Addresses at which processes of the cluster listen, in the words of the kernel."""
    family = {str(os.getpid())}
    status = {path.parent.name: path.read_text() for path in Path("/proc").glob("[0-9]*/status") if readable(path)}
    parent = {pid: text.split("PPid:")[1].split()[0] for pid, text in status.items()}
    while more := {pid for pid, above in parent.items() if above in family} - family:
        family |= more
    sockets = set()
    for pid in family:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(link.readlink()))
            except OSError:
                continue
    hosts = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                hosts.append(fields[1].split(":")[0])
    return hosts


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return readable(status) and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def readable(path: Path) -> bool:
    try:
        path.read_text()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    import ray_cluster  # workers import tasks by the name of their module, which __main__ is not

    if sys.argv[1] == "driver":
        ray_cluster.driver(*sys.argv[2:])
    else:
        ray_cluster.main(sys.argv[1])

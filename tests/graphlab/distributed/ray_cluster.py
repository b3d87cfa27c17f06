"""A Ray cluster of two node processes on loopback, our tasks on it, one node killed; what came of it: ``said.json``.

Ray's nodes wait 15 seconds at most until their agents have said their ports, which is too short on a busy machine. So
one is given, and the others, of services that are off, are said before the agents say the same.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.update(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", RAY_USAGE_STATS_ENABLED="0", RAY_enable_metrics_collection="0")
import numpy as np
import pytest
import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from graphlab.circuits.simulation.drive import RandomDrive
from graphlab.circuits.simulation.neurons import Neuron
from graphlab.circuits.simulation.spiking import Network, simulate_spikes
from graphlab.distributed.ray_tasks import RayTasks, disconnect
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from graphlab.testing.null_models import example_graph
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, VersionError

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
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": PATIENT, **agent_port()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    return cluster, [cluster.add_node(num_cpus=1, **agent_port()) for _ in range(2)]


def bytes_of(workers: Workers) -> dict[str, str]:
    """What several kinds of work make."""
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
    return {name: value.tobytes().hex() for name, value in found.items()}


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


def error_of(runner: RayTasks, function: Any) -> list[str]:
    try:
        list(runner.map_tasks(function, [1]))
    except Exception as error:
        return [type(error).__name__, str(error)]
    return []


def main(folder: str) -> None:
    said: dict[str, Any] = {}
    for name in ("once", "twice", "killed"):
        Path(folder, name).mkdir()
    cluster, nodes = started()
    runner = RayTasks(address=cluster.address)
    said["workers"] = runner.workers
    said["ray"], said["threads"], said["one"] = bytes_of(runner), bytes_of(2), bytes_of(1)
    os.environ["GRAPHLAB_TEST_RAY"] = cluster.address
    contract = Path(__file__).with_name("ray_contract.py")
    said["contract"] = pytest.main([str(contract), "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"])
    said["once"] = list(runner.map_tasks(partial(once, f"{folder}/once"), range(5)))
    said["refused"] = error_of(runner, refused)
    said["never again"] = error_of(RayTasks(address=cluster.address, retries=0), partial(once, f"{folder}/twice"))

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

    ray_cluster.main(sys.argv[1])

"""Tasks on a real Ray cluster of two node processes, and what is refused before Ray is asked."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphlab.distributed.ray_connect import ClusterError
from graphlab.distributed.ray_tasks import RayTasks, _received
from ingest.schema.errors import AnalysisError, VersionError

CLUSTER = Path(__file__).with_name("ray_cluster.py")
STARTS = 3
"""Ray gives up where its agents take more than 15 seconds to start, as they may on a busy machine."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    for _ in range(STARTS):
        folder = tmp_path_factory.mktemp("cluster")
        run = subprocess.run(
            [sys.executable, CLUSTER, folder], capture_output=True, text=True, timeout=400, check=False
        )
        if "timed out during startup" not in run.stderr:
            break
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, Any] = json.loads((folder / "said.json").read_text())
    return found


def test_a_cluster_makes_the_bytes_of_one_thread(said: dict[str, Any]) -> None:
    assert said["workers"] == 2
    assert said["contract"] == 0
    assert set(said["one"]) == {"null samples", "census", "trials", "question", "folds"}
    assert all(len(value) > 200 for value in said["one"].values())
    assert said["ray"] == said["threads"] == said["one"]


def test_z_scores_are_the_bytes_of_one_thread_whoever_computes_them(said: dict[str, Any]) -> None:
    ways = {"1", "2", "4", "Ray, 1", "Ray, 2", "Ray, 4", "array"}
    assert set(said["z"]) == ways
    assert len(said["z"]["1"]) > 200
    assert len(set(said["z"].values())) == 1


def test_a_worker_without_memory_is_named_and_the_run_goes_on(said: dict[str, Any]) -> None:
    kind, why = said["hungry"]
    assert kind == "ClusterError"
    assert "task 4 of ray_cluster.hungry had no memory, each of the 2 times that it was tried" in why
    assert "with --shared DIR, the same command then goes on" in why
    assert said["tried"] == 2
    assert said["fed"] == [number * 10 for number in range(8)]
    assert said["done once"] == ["0", "1", "2"]  # what was finished before is not computed again
    kind, why = said["dies"]
    assert kind == "ClusterError"
    assert "a worker ended before task 1 of ray_cluster.dies was done, each of the 2 times that it was tried" in why
    assert "machines with more memory" in why


def test_a_store_that_is_full_with_its_disk_says_so(said: dict[str, Any]) -> None:
    kind, why = said["full"]
    assert kind == "ClusterError"
    assert "the object store of a machine is full, and so is the disk behind it: task 1 of" in why


def test_what_others_take_too_long_for_is_given_to_a_second_worker(said: dict[str, Any]) -> None:
    assert said["late"] == [0, 1, 2, 3, 4, 5]  # the first try of 5 waits for the second


def test_a_driver_that_is_killed_goes_on_where_it_was(said: dict[str, Any]) -> None:
    assert said["driver"]["said"] == [number * 3 for number in range(24)]
    assert said["driver"]["again"] < 24


def test_a_process_without_the_token_is_told_how_to_get_it(said: dict[str, Any]) -> None:
    assert "does not know this process" in said["no token"]
    assert "ray get-auth-token" in said["no token"]


def test_nodes_are_embedded_by_the_cluster(said: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("h5py")
    found = said["embedded"]
    assert (found["rows"], found["alike"]) == (80, True)
    assert found["size"] > 1e-3
    assert found["apart"] <= 1e-6  # other numbers of threads


def test_sub_volumes_are_segmented_by_the_cluster(said: dict[str, Any]) -> None:
    for module in ("torch", "h5py", "edt", "skimage"):
        pytest.importorskip(module)
    cluster, alone = said["segmented"]
    assert len(alone) > 1
    assert cluster == alone


def test_a_node_that_is_killed_leaves_no_gap(said: dict[str, Any]) -> None:
    assert said["killed"] == [1, 2, 3, 4, 5, 6]
    assert said["begun"] > 6  # a task that was lost was begun again
    assert said["nodes"] == 2  # the head, and the node that did the rest


def test_what_fails_by_chance_is_tried_again_and_what_is_wrong_is_not(said: dict[str, Any]) -> None:
    assert said["once"] == [0, 1, 4, 9, 16]
    assert said["never again"] == ["OSError", "the disk of 1 is away"]
    assert said["refused"] == ["AnalysisError", "1 is no such number"]


def test_a_cluster_of_other_versions_is_refused(said: dict[str, Any]) -> None:
    assert "Ray: 1.0.0" in said["versions"]
    assert "Install the same Ray and Python on every machine" in said["versions"]
    with pytest.raises(VersionError, match=r"cluster has graphlab .* this process graphlab 0\.0\.0; install"):
        _received("a function", [], {"graphlab": "0.0.0"})


def test_nothing_listens_beyond_this_machine(said: dict[str, Any]) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert said["listens"]
    assert set(said["listens"]) <= loopback


def test_a_cluster_that_does_not_answer_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no cluster answers at {address}.*`ray start`, on port"):
            list(RayTasks(2, address).map_tasks(str, [1]))


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:", ":1", "head:70000", "head:x"])
def test_addresses_of_another_form_are_refused(address: str) -> None:
    with pytest.raises(AnalysisError, match="HOST:PORT of"):
        RayTasks(2, address)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(AnalysisError, match="0 workers asked"):
        RayTasks(0)
    with pytest.raises(AnalysisError, match="-1 retries"):
        RayTasks(retries=-1)

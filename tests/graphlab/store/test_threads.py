"""One Graph, two threads: right answers, or one clear error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store import folder as folders
from ingest.schema.errors import GraphlabError, StoreBusyError

JOIN_S = 120.0


def synapses(seed: int, rows: int = 30_000, ids: int = 500) -> pa.Table:
    rng = np.random.default_rng(seed)
    ends = rng.integers(1, ids, (2, rows)).astype(np.uint64)
    return pa.table({"pre_root_id": ends[0], "post_root_id": ends[1]})


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any], list[BaseException]]:
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found, failed


def edges_of(graph: Graph) -> int:
    return int(graph.query("SELECT count(*) AS n FROM connections WHERE pre_root_id <> post_root_id").scalar())


def test_a_question_inside_an_ingest_sees_the_graph_before_it(tmp_path: Path) -> None:
    """The ingest waits within its transaction until another thread has asked everything there is to ask."""
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(synapses(1, 2_000), as_="synapses")
        before = (edges_of(graph), graph.info().data_version, graph.snapshot(min_weight=1).m)
        asked: list[Any] = []
        failed: list[BaseException] = []

        def ask(done: int, total: int) -> None:
            if asked or failed:
                return
            thread, found, errors = in_thread(
                lambda: (
                    edges_of(graph),
                    graph.info().data_version,
                    graph.snapshot().m,
                    graph.motifs.census(3, record=False),
                )
            )
            thread.join(JOIN_S)
            assert not thread.is_alive()
            asked.extend(found)
            failed.extend(errors)

        graph.ingest(synapses(2, 2_000), as_="synapses", progress=ask)
        assert not failed
        assert asked[0][:3] == before
        after = edges_of(graph)
        assert after > before[0]
        assert graph.snapshot().m == after
        assert graph.info().data_version != before[1]
    with Graph.open(tmp_path / "g") as graph:
        assert graph.snapshot().m == after


@pytest.mark.parametrize("what", ["snapshot", "query", "csr", "neurons", "info"])
def test_a_thread_that_asks_all_the_time_never_gets_a_state_in_between(tmp_path: Path, what: str) -> None:
    ask: dict[str, Callable[[Graph], int]] = {
        "snapshot": lambda g: g.snapshot().m,
        "query": edges_of,
        "csr": lambda g: int(
            g.query("MATCH (a)-[e]->(b) WHERE a.bodyId <> b.bodyId RETURN count(*) AS n", engine="csr").scalar()
        ),
        "neurons": lambda g: len(g.neurons()),
        "info": lambda g: g.info().counts["connections"],
    }
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(synapses(0), as_="synapses")
        states = {ask[what](graph)}
        stop = threading.Event()
        seen: set[int] = set()

        def asking() -> None:
            while not stop.is_set():
                seen.add(ask[what](graph))

        thread, _, failed = in_thread(asking)
        for seed in (1, 2, 3):
            graph.ingest(synapses(seed), as_="synapses")
            states.add(ask[what](graph))
        stop.set()
        thread.join(JOIN_S)
        assert not failed
        assert seen <= states
        assert graph.snapshot().m == edges_of(graph)


def test_two_threads_that_ingest_follow_each_other(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        barrier = threading.Barrier(3)

        def bring(seed: int) -> Any:
            barrier.wait()
            return graph.ingest(synapses(seed), as_="synapses")

        threads = [in_thread(lambda seed=seed: bring(seed)) for seed in (1, 2, 2)]  # one source twice
        for thread, _, _ in threads:
            thread.join(JOIN_S)
        assert not [error for *_, failed in threads for error in failed]
        assert sorted(found[0].already_there for _, found, _ in threads) == [False, False, True]
        assert graph.info().counts["synapses"] == 60_000
        both = edges_of(graph)
    with Graph.create(tmp_path / "one") as graph:
        for seed in (1, 2):
            graph.ingest(synapses(seed), as_="synapses")
        assert edges_of(graph) == both


def test_a_writer_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LONGEST_WAIT_S", 0.2)
    with Graph.create(tmp_path / "g") as graph:
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with graph.folder.transaction():
                entered.set()
                leave.wait(JOIN_S)

        thread, _, failed = in_thread(hold)
        assert entered.wait(JOIN_S)
        with pytest.raises(StoreBusyError, match="another thread of this process"):
            graph.ingest(synapses(1), as_="synapses")
        leave.set()
        thread.join(JOIN_S)
        assert not failed
        assert graph.ingest(synapses(1), as_="synapses").rows == 30_000


def test_a_graph_handed_to_another_thread_is_written_and_closed_there(tmp_path: Path) -> None:
    graph = Graph.create(tmp_path / "g")

    def use() -> int:
        graph.ingest(synapses(1), as_="synapses")
        graph.motifs.census(3)
        graph.close()
        return 1

    thread, found, failed = in_thread(use)
    thread.join(JOIN_S)
    assert (found, failed) == ([1], [])
    with Graph.open(tmp_path / "g") as again:
        assert again.snapshot().m == edges_of(again)


def test_failures_in_one_thread_leave_the_other_alone(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(synapses(1), as_="synapses")
        bad = pa.table({"pre_root_id": pa.array([1], pa.uint64()), "nothing": [1]})

        def fail() -> None:
            with pytest.raises(GraphlabError):
                graph.ingest(bad, as_="synapses")

        thread, _, failed = in_thread(lambda: [fail() for _ in range(20)])
        counts = {edges_of(graph) for _ in range(20)}
        thread.join(JOIN_S)
        assert not failed
        assert counts == {graph.snapshot().m}

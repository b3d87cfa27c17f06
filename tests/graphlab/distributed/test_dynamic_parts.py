"""Processes that take the next free task: no gap, the bytes of one run, tasks of the killed are taken over."""

from __future__ import annotations

import operator
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.content import digest
from graphlab.distributed.dynamic_parts import DynamicPart
from graphlab.distributed.parts_folder import MissingParts, PartDone
from graphlab.motifs.census.triads import triad_counts
from graphlab.testing.null_models import example_graph
from ingest.schema.errors import VersionError


def finished(folder: Path, work: Any, **options: Any) -> int:
    """How many tasks one process computed before all were done."""
    with pytest.raises(PartDone, match="every task is done") as done:
        work(DynamicPart(folder, **options))
    return done.value.computed


def noted(folder: str, task: int) -> int:
    """Leaves a sign of every call."""
    number = sum(1 for _ in Path(folder).glob(f"{task}-*"))
    (Path(folder) / f"{task}-{number}").touch()
    return 2 * task


def test_tasks_are_shared_and_none_is_done_twice(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    work = partial(noted, str(calls))
    with ThreadPoolExecutor(3) as pool:
        every = pool.map(
            lambda _: finished(tmp_path / "parts", lambda runner: list(runner.map_tasks(work, range(40)))), range(3)
        )
        assert sum(every) == 40
    assert len(list(calls.iterdir())) == 40
    assert list(Gather(tmp_path / "parts").map_tasks(work, range(40))) == list(range(0, 80, 2))
    assert list(DynamicPart(tmp_path / "parts").map_tasks(work, range(40))) == list(range(0, 80, 2))
    with pytest.raises(MissingParts, match=r"1 of 41 tasks have no result .* --part any"):
        list(Gather(tmp_path / "parts").map_tasks(work, range(41)))


def test_a_census_is_the_census(tmp_path: Path) -> None:
    graph = example_graph(60, 700)
    assert finished(tmp_path, partial(triad_counts, graph), workers=2) > 1
    assert triad_counts(graph, Gather(tmp_path)).tobytes() == triad_counts(graph).tobytes()


def test_static_and_dynamic_parts_do_not_share_a_folder(tmp_path: Path) -> None:
    work = partial(triad_counts, example_graph())
    with pytest.raises(PartDone):
        work(ArrayPart(1, 2, tmp_path))
    with pytest.raises(VersionError, match="the number of parts is 2 there, 'any' now"):
        work(DynamicPart(tmp_path))


def test_a_task_that_fails_is_free_again(tmp_path: Path) -> None:
    divide = partial(operator.floordiv, 12)
    with pytest.raises(ZeroDivisionError):
        list(DynamicPart(tmp_path).map_tasks(divide, [3, 0, 4]))
    # 4 may have been computed before the error was heard; 6 is new.
    finished(tmp_path, lambda runner: list(runner.map_tasks(divide, [3, 4, 6])))
    assert list(Gather(tmp_path).map_tasks(divide, [3, 4, 6])) == [4, 3, 2]


HOLDER = """
import sys, time
from pathlib import Path
from graphlab.distributed.leases import Leases
leases = Leases(Path(sys.argv[1]), 1.0)
assert leases.take(sys.argv[2]) == 0
print("held", flush=True)
time.sleep(600)
"""


def test_tasks_of_a_killed_process_are_taken_over(tmp_path: Path) -> None:
    twice = partial(operator.mul, 2)
    assert finished(tmp_path, lambda runner: list(runner.map_tasks(twice, [0, 2]))) == 2
    place = tmp_path / digest(twice, "it")[:16] / "leases"
    killed: list[int] = []
    command = [sys.executable, "-c", HOLDER, place, digest(1, "it")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def kill() -> None:
            """Called while the only task that is left is the holder's."""
            holder.kill()
            killed.append(len(killed))

        assert finished(tmp_path, lambda runner: list(runner.map_tasks(twice, range(3), watch=kill)), stale_s=1.0) == 1
    assert killed
    assert list(Gather(tmp_path).map_tasks(twice, range(3))) == [0, 2, 4]

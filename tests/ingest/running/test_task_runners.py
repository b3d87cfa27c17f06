"""Both runners keep the contract; Ctrl-C and killed workers end in one error and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphlab.motifs.census.orbits import orbits
from graphlab.testing.null_models import example_graph
from graphlab.testing.task_runners import TaskRunnerContract
from ingest.running.task_runners import InTurn, Processes, TaskError, TaskRunner, Threads, runner_of
from ingest.schema.errors import AnalysisError


class TestThreads(TaskRunnerContract):
    def runner(self, workers: int) -> TaskRunner:
        return Threads(workers)


class TestProcesses(TaskRunnerContract):
    examples = 2

    def runner(self, workers: int) -> TaskRunner:
        return Processes(workers)


def test_numbers_and_runners() -> None:
    assert runner_of(1) == InTurn()
    assert runner_of(3) == Threads(3)
    assert runner_of(Processes(2)) == Processes(2)
    with pytest.raises(AnalysisError, match="0 workers asked; give at least 1"):
        runner_of(0)


def test_counts_written_in_place_need_shared_memory() -> None:
    with pytest.raises(TaskError, match="written to arrays of this process"):
        orbits(example_graph(), 3, workers=Processes(2))


def test_a_killed_worker_is_one_error() -> None:
    with pytest.raises(TaskError, match="a worker process ended before its task was done"):
        list(Processes(1).map_tasks(os._exit, [1]))


SCRIPT = """
import operator, os, signal, sys, time
from functools import partial
from ingest.running.task_runners import Processes, Threads

signal.signal(signal.SIGINT, signal.default_int_handler)
if __name__ == "__main__":
    runner = {"threads": Threads, "processes": Processes}[sys.argv[1]](2)
    done = []
    try:
        for result in runner.map_tasks(partial(operator.mul, 2), iter(int, 1), ahead=4):
            done.append(result)
            if len(done) == 3:
                os.killpg(0, signal.SIGINT)
                time.sleep(30)
    except KeyboardInterrupt:
        print("stopped", len(done))
"""


@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_ctrl_c_of_a_terminal_reaches_the_caller_alone(runner: str, tmp_path: Path) -> None:
    """The signal goes to the whole group of processes, as a terminal sends it."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, runner], capture_output=True, text=True, check=False, start_new_session=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped 3\n", "")

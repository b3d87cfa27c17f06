"""The contract of the TaskRunner seam: subclass ``TaskRunnerContract`` in your tests and say how to make a runner.

Tests: tests/ingest/running/test_task_runners.py.
"""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain, count, repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from graphlab.testing.null_models import example_graph
from ingest.running.task_runners import TaskError, TaskRunner

drawn = operator.methodcaller("bytes", 9)
divided = partial(operator.floordiv, 12)
"""12 by a task; 0 is an error. Of the standard library, so that new processes load nothing else."""


class TaskRunnerContract:
    """What every runner does.

    ::

        class TestAcme(TaskRunnerContract):
            def runner(self, workers):
                return AcmeRunner(workers)
    """

    examples: int = 50
    """Lists of tasks that are tried; a runner that starts slowly takes few."""

    def runner(self, workers: int) -> TaskRunner:
        """A runner of so many workers."""
        raise NotImplementedError("say how a runner is made: def runner(self, workers): ...")

    def test_the_same_bytes_for_any_workers(self) -> None:
        @settings(max_examples=self.examples, deadline=None)
        @given(st.lists(st.integers(0, 2**63), max_size=12), st.integers(1, 3))
        def agrees(seeds: list[int], workers: int) -> None:
            found = self.runner(workers).map_tasks(drawn, map(np.random.default_rng, seeds))
            assert list(found) == [np.random.default_rng(seed).bytes(9) for seed in seeds]

        agrees()

    def test_null_samples_are_those_of_one_thread(self) -> None:
        sampler = null_model("configuration").prepare(example_graph(), NullOptions(), 3)
        wanted = sample_counts(sampler, triad_counts, samples=6, seed=3)
        assert np.array_equal(sample_counts(sampler, triad_counts, samples=6, seed=3, workers=self.runner(2)), wanted)

    def test_progress_is_told_in_the_callers_thread(self) -> None:
        told: list[tuple[int, int, bool]] = []

        def progress(done: int, total: int, /) -> None:
            told.append((done, total, threading.current_thread() is threading.main_thread()))

        assert list(self.runner(2).map_tasks(divided, [3, 2, 1], progress=progress, total=3)) == [4, 6, 12]
        assert told == [(1, 3, True), (2, 3, True), (3, 3, True)]

    def test_an_error_comes_in_its_place_and_ends_the_run(self) -> None:
        stopped: list[int] = []
        taken: list[int] = []
        tasks = _noted(chain([4, 3, 2, 1, 0], count(1)), taken)
        found = self.runner(2).map_tasks(divided, tasks, ahead=3, stop=lambda: stopped.append(1))
        assert [next(found) for _ in range(4)] == [3, 4, 6, 12]
        with pytest.raises(ZeroDivisionError):
            next(found)
        assert stopped == [1]
        assert len(taken) <= 4 + 3
        with pytest.raises(StopIteration):
            next(found)

    def test_results_that_came_beside_an_error_are_handed_over(self) -> None:
        results: list[int] = []
        with pytest.raises(ZeroDivisionError):
            results.extend(self.runner(3).map_tasks(divided, [0, 1, 2], in_order=False))
        assert set(results) <= {12, 6}

    def test_a_caller_who_closes_it_takes_no_more_tasks(self) -> None:
        taken: list[int] = []
        stopped: list[int] = []
        tasks = _noted(count(1), taken)
        found = self.runner(2).map_tasks(divided, tasks, ahead=2, stop=lambda: stopped.append(1))
        assert next(found) == 12
        found.close()
        assert (len(taken) <= 3, stopped) == (True, [1])

    def test_watch_may_end_a_run_while_tasks_are_slow(self) -> None:
        begun = time.monotonic()

        def watch() -> None:
            if time.monotonic() - begun > 0.2:
                raise TimeoutError("enough")

        with pytest.raises(TimeoutError, match="enough"):
            list(self.runner(1).map_tasks(time.sleep, repeat(0.01), watch=watch))

    def test_what_cannot_be_pickled_is_refused_where_it_must_be(self) -> None:
        runner = self.runner(1)
        lock = threading.Lock()
        if runner.shares_memory:
            assert list(runner.map_tasks(lambda task: task is lock, [lock])) == [True]
            return
        with pytest.raises(TaskError, match="the function cannot be sent between processes"):
            list(runner.map_tasks(lambda task: task, [1]))
        with pytest.raises(TaskError, match="a task cannot be sent"):
            list(runner.map_tasks(str, [lock]))
        with pytest.raises(TaskError, match="a result cannot be sent"):
            list(runner.map_tasks(operator.methodcaller("items"), [{}]))


def _noted(tasks: Iterator[int], taken: list[int]) -> Iterator[int]:
    for task in tasks:
        taken.append(task)
        yield task

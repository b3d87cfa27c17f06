"""What dividing costs, and what a second core gives: threads, processes, parts of an array and Ray side by side."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.distributed.array_parts import ArrayPart, Gather
from graphlab.distributed.parts_folder import PartDone
from graphlab.distributed.ray_connect import connect, disconnect
from graphlab.distributed.ray_tasks import RayTasks
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from ingest.running.task_runners import InTurn, Processes, Threads

TASKS, SAMPLES = 5_000, 4


def nothing(number: int) -> int:
    return number


@pytest.fixture(scope="module")
def on_ray() -> Any:
    connect(None, 2)
    yield RayTasks(2)
    disconnect()


def test_tasks_that_do_nothing(on_ray: RayTasks, tmp_path: Path, side_by_side: Any) -> None:
    """All of it is overhead: tasks a second; Ray and processes are started beforehand or with the run, as they are."""
    folder = (tmp_path / f"parts-{number}" for number in itertools.count())

    def by(runner: Any) -> Any:
        return lambda: list(runner.map_tasks(nothing, range(TASKS), ahead=64))

    def part() -> list[int]:
        return list(ArrayPart(1, 1, next(folder)).map_tasks(nothing, range(TASKS)))

    whole = tmp_path / "whole"
    with suppress(PartDone):
        list(ArrayPart(1, 1, whole).map_tasks(nothing, range(TASKS)))
    measured = side_by_side(
        f"{TASKS:,} tasks that do nothing",
        {
            "2 threads": by(Threads(2)),
            "in turn": by(InTurn()),
            "2 processes, started": by(Processes(2)),
            "part of an array, results on disk": part,
            "gathered": lambda: list(Gather(whole).map_tasks(nothing, range(TASKS))),
            "Ray, 2 workers": by(on_ray),
        },
        rounds=3,
        work=TASKS,
        unit="tasks",
    )
    assert all(one.result == list(range(TASKS)) for one in measured.values())


def test_census_of_15_million_connections(brain: Any, on_ray: RayTasks, side_by_side: Any) -> None:
    whole = brain(connections=15_000_000, dense_blocks=True).snapshot()
    measured = side_by_side(
        "triad census, 139k / 15M",
        {
            "2 threads": lambda: triad_counts(whole, workers=2),
            "1 thread": lambda: triad_counts(whole),
            "Ray, 2 workers": lambda: triad_counts(whole, workers=on_ray),
        },
        rounds=3,
        work=whole.m,
        unit="connections",
    )
    assert len({one.result.tobytes() for one in measured.values()}) == 1
    _note(side_by_side, measured, "2 threads", "1 thread")


def test_null_samples_of_15_million_connections(brain: Any, on_ray: RayTasks, side_by_side: Any) -> None:
    """Random graphs with as many connections, each with its census."""
    sampler = null_model("er").prepare(brain(connections=15_000_000, dense_blocks=True).snapshot(), NullOptions(), 1)
    triad_counts(sampler.draw(np.random.SeedSequence(0)))

    def by(workers: Any) -> Any:
        return lambda: sample_counts(sampler, triad_counts, samples=SAMPLES, seed=1, workers=workers)

    measured = side_by_side(
        f"{SAMPLES} null samples (er) with triad census, 139k / 15M",
        {"2 threads": by(2), "1 thread": by(1), "Ray, 2 workers": by(on_ray)},
        rounds=2,
        warmup=0,
        work=SAMPLES,
        unit="samples",
    )
    assert len({one.result.tobytes() for one in measured.values()}) == 1
    _note(side_by_side, measured, "2 threads", "1 thread")


def _note(side_by_side: Any, measured: Any, two: str, one: str) -> None:
    gain = measured[one].median / measured[two].median
    ray = measured["Ray, 2 workers"].median / measured[two].median - 1
    side_by_side.note(f"{two} are {gain:.2f}x as fast as {one}; Ray takes {ray:+.1%} of the time of {two}; same bytes")

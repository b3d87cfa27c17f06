"""Parts of an array give the bytes of one run; parts that are missing, killed or of another run are told."""

from __future__ import annotations

import operator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.distributed.array_parts import ArrayPart, Gather, part_of
from graphlab.distributed.parts_folder import MissingParts, PartDone
from graphlab.motifs.census.tetrads import tetrad_counts
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import SampleFolder
from graphlab.motifs.significance.motifs import Significance, motif_significance
from graphlab.testing.null_models import example_graph
from graphlab.testing.task_runners import TaskRunnerContract
from ingest.running.task_runners import Processes, TaskRunner
from ingest.schema.errors import AnalysisError, ReadError, VersionError

twice = partial(operator.mul, 2)


class TestOnePartOfOne(TaskRunnerContract):
    examples = 10

    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path: Path) -> None:
        self.folders = (tmp_path / str(number) for number in count())

    def runner(self, workers: int) -> TaskRunner:
        return ArrayPart(1, 1, next(self.folders), workers)


def run_parts(parts: int, folder: Path, work: Any, order: Any = None) -> None:
    """Every part of some work, which none of them finishes."""
    for part in order or range(1, parts + 1):
        with pytest.raises(PartDone) as done:
            work(ArrayPart(part, parts, folder))
        assert (done.value.part, done.value.parts) == (part, parts)


@pytest.mark.parametrize("census", [triad_counts, tetrad_counts])
@pytest.mark.parametrize("parts", [2, 4])
def test_a_census_in_parts_is_the_census(census: Any, parts: int, tmp_path: Path) -> None:
    graph = example_graph(60, 700)
    wanted = census(graph)
    assert census(graph, 2).tobytes() == wanted.tobytes()
    run_parts(parts, tmp_path / "parts", partial(census, graph), reversed(range(1, parts + 1)))
    assert census(graph, Gather(tmp_path / "parts")).tobytes() == wanted.tobytes()


def same_bytes(one: Significance, other: Significance) -> bool:
    names = ("observed", "counts", "mean", "std", "ratio", "z", "p", "q")
    return one.caveats == other.caveats and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names
    )


@pytest.mark.parametrize("null", ["reciprocal", "er"])
def test_z_scores_are_the_same_bytes_in_parts_and_with_any_workers(null: str, tmp_path: Path) -> None:
    work = partial(motif_significance, example_graph(), 3, null=null, samples=11, seed=3)
    wanted = work(workers=1)
    for workers in (2, 4):
        assert same_bytes(work(workers=workers), wanted)
    for parts in (1, 2, 4):
        folder = tmp_path / str(parts)
        if parts > 1:
            run_parts(parts, folder, lambda runner: work(workers=runner))
        else:
            assert same_bytes(work(workers=ArrayPart(1, 1, folder)), wanted)
        assert same_bytes(work(workers=Gather(folder)), wanted)


def test_who_gathers_says_which_parts_are_missing(tmp_path: Path) -> None:
    tasks = range(20)
    with pytest.raises(ReadError, match="no part has been run there"):
        Gather(tmp_path)
    run_parts(8, tmp_path, lambda runner: list(runner.map_tasks(twice, tasks)), (1, 2, 6, 8))
    with pytest.raises(MissingParts, match=r"parts 3-5 and 7 of 8 are missing .* --part 3/8") as error:
        list(Gather(tmp_path).map_tasks(twice, tasks))
    assert error.value.parts == (3, 4, 5, 7)
    assert "10 of 20 tasks have no result" in str(error.value)
    run_parts(8, tmp_path, lambda runner: list(runner.map_tasks(twice, tasks)), (7, 5, 3))
    with pytest.raises(MissingParts, match=r"part 4 of 8 is missing"):
        list(Gather(tmp_path).map_tasks(twice, tasks))
    run_parts(8, tmp_path, lambda runner: list(runner.map_tasks(twice, tasks)), (4,))
    told: list[tuple[int, int]] = []
    found = Gather(tmp_path).map_tasks(twice, tasks, progress=lambda *now: told.append(now), total=20)
    assert list(found) == [2 * task for task in tasks]
    assert told[-1] == (20, 20)
    assert (tmp_path / "manifest.json").is_file()
    with pytest.raises(MissingParts, match=r"1 of 21 tasks .* every part is done: .* fewer tasks"):
        list(Gather(tmp_path).map_tasks(twice, range(21)))


def test_a_file_of_a_part_that_is_done_may_be_lost(tmp_path: Path) -> None:
    work = partial(ArrayPart.map_tasks, function=twice, tasks=range(6))
    run_parts(3, tmp_path, lambda runner: list(work(runner)))
    for path in tmp_path.rglob("part-00002-*"):
        path.unlink()
    with pytest.raises(MissingParts, match="part 2 of 3 is missing"):
        list(Gather(tmp_path).map_tasks(twice, range(6)))
    run_parts(3, tmp_path, lambda runner: list(work(runner)), (2,))
    assert list(Gather(tmp_path).map_tasks(twice, range(6))) == [0, 2, 4, 6, 8, 10]


def test_parts_of_another_run_are_refused(tmp_path: Path) -> None:
    graph, other = example_graph(seed=0), example_graph(seed=1)
    run_parts(2, tmp_path, partial(triad_counts, graph), (1,))
    with pytest.raises(VersionError, match="holds parts of another run .*the hash of data and settings"):
        triad_counts(other, ArrayPart(2, 2, tmp_path))
    with pytest.raises(VersionError, match="another run .*the hash of data and settings"):
        triad_counts(other, Gather(tmp_path))
    with pytest.raises(VersionError, match="the number of parts is 2 there, 3 now"):
        triad_counts(graph, ArrayPart(2, 3, tmp_path))
    with pytest.raises(VersionError, match="another run"):
        motif_significance(graph, 3, samples=5, workers=ArrayPart(2, 2, tmp_path))


def test_a_part_computes_a_task_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    work = partial(_noting, str(calls))
    with pytest.raises(ZeroDivisionError):
        list(ArrayPart(1, 2, tmp_path / "parts").map_tasks(work, [4, 1, 3, 1, 0, 1]))
    done = {path.name for path in calls.iterdir()}
    assert done <= {"4", "3"}
    for path in calls.iterdir():
        path.unlink()
    with pytest.raises(PartDone, match=r"part 1 of 2 is done: 1 tasks computed, 2 were there") as error:
        list(ArrayPart(1, 2, tmp_path / "parts").map_tasks(work, [4, 1, 3, 1, 5, 1]))
    assert (error.value.tasks, error.value.computed) == (3, 1)
    assert {path.name for path in calls.iterdir()} == {"5"}


def _noting(folder: str, task: int) -> float:
    result = 12 / task
    (Path(folder) / str(task)).touch()
    return result


def test_work_of_several_steps_is_done_by_running_the_parts_again(tmp_path: Path) -> None:
    def work(runner: TaskRunner) -> int:
        first = sum(runner.map_tasks(twice, range(5)))
        return sum(runner.map_tasks(partial(operator.add, first), range(5)))

    run_parts(2, tmp_path, work)
    with pytest.raises(MissingParts, match="5 of 5 tasks have no result .* parts 1, 2 of 2"):
        work(Gather(tmp_path))
    run_parts(2, tmp_path, work)
    assert work(Gather(tmp_path)) == work(ArrayPart(2, 2, tmp_path)) == sum(range(20, 25))


def test_kept_results_come_in_their_places(tmp_path: Path) -> None:
    """Of the only part of one: what is kept is handed over between what is computed, or after it out of order."""
    assert list(ArrayPart(1, 1, tmp_path).map_tasks(twice, [1, 4, 6])) == [2, 8, 12]
    again = ArrayPart(1, 1, tmp_path)
    assert list(again.map_tasks(twice, [6, 0, 1, 2, 4, 6])) == [12, 0, 2, 4, 8, 12]
    assert sorted(again.map_tasks(twice, [9, 1, 7], in_order=False)) == [2, 14, 18]
    assert list(Gather(tmp_path).map_tasks(twice, [0, 1, 2, 4, 6, 7, 9])) == [0, 2, 4, 8, 12, 14, 18]


def test_samples_that_the_graph_keeps_need_no_part(tmp_path: Path) -> None:
    """Who gathers may have drawn some of them before."""
    work = partial(motif_significance, example_graph(), 3, null="er", seed=3, check_mixing=False)
    kept = tmp_path / "kept"
    work(samples=5, folder=kept)
    run_parts(2, tmp_path / "parts", lambda runner: work(samples=12, workers=runner))
    found = work(samples=12, workers=Gather(tmp_path / "parts"), folder=kept)
    assert same_bytes(found, work(samples=12))
    assert sum(len(SampleFolder(one).load()) for one in kept.iterdir()) == 12


def test_a_part_may_use_processes(tmp_path: Path) -> None:
    with suppress(PartDone):
        list(ArrayPart(1, 2, tmp_path, Processes(2)).map_tasks(twice, range(3)))
    with pytest.raises(MissingParts, match="part 2 of 2 is missing"):
        list(Gather(tmp_path).map_tasks(twice, range(3)))


def test_more_parts_than_tasks(tmp_path: Path) -> None:
    run_parts(5, tmp_path, lambda runner: list(runner.map_tasks(np.arange, [3, 4])))
    assert [len(one) for one in Gather(tmp_path).map_tasks(np.arange, [3, 4])] == [3, 4]


@pytest.mark.parametrize(("text", "part"), [("3/8", (3, 8)), (" 1 / 1", (1, 1)), ("8/8", (8, 8))])
def test_parts_as_they_are_typed(text: str, part: tuple[int, int]) -> None:
    assert part_of(text) == part


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0/8", r"parts count from 1 to 8.*JOB_COMPLETION_INDEX \+ 1"),
        ("9/8", "part 9 of 8; wanted one from 1 to 8"),
        ("0/0", "part 0 of 0"),
        ("3", "wanted I/N such as 3/8"),
        ("-1/8", "wanted I/N"),
        ("1/2/3", "wanted I/N"),
        ("٣/8", "wanted I/N"),
    ],
)
def test_other_parts_are_refused(text: str, why: str) -> None:
    with pytest.raises(AnalysisError, match=why):
        part_of(text)

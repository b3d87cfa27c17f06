"""One command as many: each computes its part of the tasks, and the same command once more puts them together.

Part i of n computes tasks i, i + n, i + 2n, ... and keeps their results in a folder that all share. Parts know nothing
of each other, need no lease, and may be run again, in any order, on any machine: a task that has a result is not done
again.

Tests: tests/graphlab/distributed/test_array_parts.py.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from graphlab.distributed.content import digest, name_of
from graphlab.distributed.parts_folder import (
    MissingParts,
    PartDone,
    Stage,
    claim,
    open_folder,
    require_same,
    write_manifest,
)
from graphlab.distributed.results import decode, encode
from ingest.running.progress import Progress
from ingest.running.task_runners import Hook, Threads, Workers
from ingest.schema.errors import AnalysisError

Task = TypeVar("Task")
Result = TypeVar("Result")
Keyed = tuple[str, Any]
"""The hash of a task, and the task or its result."""
FLUSH_S, FLUSH_SHARE = 1.0, 0.05
"""Results wait for so many seconds, or such a share of the part's time, before they are written: what a part that is
killed computes again at most. The share keeps the files of a long part few."""
ANY = "any"
"""Instead of a number of parts, where each takes the next task that is free."""
_STAGE = 16


def part_of(text: str) -> tuple[int, int]:
    """Part and number of parts of ``3/8``.

    Raises:
        AnalysisError: another text, or a part that is none of them.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text, re.ASCII)
    if match is None:
        raise AnalysisError(f"found part {text!r}; wanted I/N such as 3/8, {ANY} or gather")
    part, parts = int(match[1]), int(match[2])
    if part == 0 < parts:
        raise AnalysisError(
            f"found part {text!r}; parts count from 1 to {parts}. Where an array counts from 0, as "
            "JOB_COMPLETION_INDEX does, write $((JOB_COMPLETION_INDEX + 1))"
        )
    _require_part(part, parts)
    return part, parts


class ArrayPart:
    """Part ``part`` of ``parts``: its own tasks are computed and kept, then ``map_tasks`` raises ``PartDone``.

    A part that was done before hands the results over once every task has one, of this part or another, so that work of
    several steps is done by running the parts again until nothing is left. The only part of one hands its results over
    as they come.

    Args:
        folder: shared by all parts, theirs alone; made by the first.
        workers: of this part: a number of threads, or a runner.

    Raises:
        AnalysisError: no such part. ReadError: the folder cannot be made.
    """

    shares_memory: ClassVar[bool] = False

    def __init__(self, part: int, parts: int, folder: str | Path, workers: Workers = 1) -> None:
        _require_part(part, parts)
        # One worker is a thread, too: Ctrl-C is for the caller.
        self._inner = Threads(workers) if isinstance(workers, int) else workers
        self.part, self.parts, self.folder = part, parts, open_folder(folder)
        self.begun = False
        """Whether any tasks were divided."""

    @property
    def workers(self) -> int:
        """Of this part."""
        return self._inner.workers

    def map_tasks(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        ahead: int | None = None,
        in_order: bool = True,
        progress: Progress | None = None,
        total: int = 0,
        watch: Hook = None,
        stop: Hook = None,
    ) -> Generator[Result, None, None]:
        """See ``TaskRunner.map_tasks``; ``progress`` is told of the tasks of this part.

        Raises:
            PartDone: this part is done, others are not. VersionError: the folder is of another run.
            ReadError: it cannot be written.
        """
        stage = self._stage(function)
        run = partial(
            self._inner.map_tasks, partial(keyed, function), ahead=ahead, in_order=in_order, watch=watch, stop=stop
        )
        known = stage.load(self.part)
        if self.parts == 1:
            given = self._as_they_come(stage, known, run, tasks, in_order)
            with closing(given) as results:
                for done, result in enumerate(results, 1):
                    yield result
                    if progress:
                        progress(done, total)
            return
        listed = [(digest(task, "a task"), task) for task in tasks]
        if self.part not in stage.done() or not all(key in known for key, _ in listed):
            self._compute(stage, known, run, listed, progress)
        for done, (key, _) in enumerate(listed, 1):
            yield decode(known[key])
            if progress:
                progress(done, len(listed))

    def _compute(
        self, stage: Stage, known: dict[str, bytes], run: Any, listed: list[Keyed], progress: Progress | None
    ) -> None:
        own = dict(listed[self.part - 1 :: self.parts])
        left = [(key, task) for key, task in own.items() if key not in known]
        begun = time.monotonic()
        with Keeper(stage, self.part) as keeper, closing(run(left)) as results:
            for done, (key, result) in enumerate(results, 1 + len(own) - len(left)):
                keeper.add(key, result)
                if progress:
                    progress(done, len(own))
        stage.finish(self.part, own, time.monotonic() - begun)
        raise PartDone(self.part, self.parts, len(own), len(left), self.folder)

    def _as_they_come(
        self, stage: Stage, known: dict[str, bytes], run: Any, tasks: Iterable[Any], in_order: bool
    ) -> Generator[Any, None, None]:
        """Every task is of this part: results in order, those that are kept already among them."""
        order: deque[str] = deque()
        own: dict[str, None] = {}
        begun = time.monotonic()

        def left() -> Iterator[Keyed]:
            for task in tasks:
                key = digest(task, "a task")
                own[key] = None
                if in_order or key in known:
                    order.append(key)
                if key not in known:
                    yield key, task

        with Keeper(stage, self.part) as keeper, closing(run(left())) as results:
            for key, result in results:
                keeper.add(key, result)
                while in_order and order[0] in known:
                    yield decode(known[order.popleft()])
                if in_order:
                    order.popleft()
                yield result
        for key in order:
            yield decode(known[key])
        stage.finish(self.part, own, time.monotonic() - begun)

    def _stage(self, function: Any) -> Stage:
        content = digest(function, "the function")
        if not self.begun:
            claim(self.folder, {**identity_of(function, content), "parts": self.parts})
            self.begun = True
        return stage_of(self.folder, content)


class Gather:
    """Results of all parts, nothing computed.

    Args:
        folder: that the parts share.

    Raises:
        ReadError: no part was run there.
    """

    shares_memory: ClassVar[bool] = False
    workers: int = 1

    def __init__(self, folder: str | Path) -> None:
        self.folder = open_folder(folder)
        self._run = require_same(self.folder, {})
        self._checked = False

    def map_tasks(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        ahead: int | None = None,
        in_order: bool = True,
        progress: Progress | None = None,
        total: int = 0,
        watch: Hook = None,
        stop: Hook = None,
    ) -> Generator[Result, None, None]:
        """See ``TaskRunner.map_tasks``.

        Raises:
            MissingParts: tasks without a result, and which parts to run. VersionError: parts of other work.
            ReadError: a damaged file, and which part to run again.
        """
        content = digest(function, "the function")
        if not self._checked:
            require_same(self.folder, identity_of(function, content))
            self._checked = True
        stage = stage_of(self.folder, content)
        keys = [digest(task, "a task") for task in tasks]
        known = stage.load()
        self._require_all(stage, [key for key in keys if key not in known], len(keys))
        write_manifest(self.folder)
        for done, key in enumerate(keys, 1):
            if watch:
                watch()
            yield decode(known[key])
            if progress:
                progress(done, total)

    def _require_all(self, stage: Stage, missing: list[str], tasks: int) -> None:
        if not missing:
            return
        what = f"{len(missing):,} of {tasks:,} tasks have no result in {self.folder}"
        if self._run["parts"] == ANY:
            raise MissingParts(f"{what}. Run them, by as many processes as you like: --part {ANY}")
        parts = int(self._run["parts"])
        done = stage.done()
        lacking = {part for part in range(1, parts + 1) if part not in done}
        lacking |= {part for part, said in done.items() if not set(missing).isdisjoint(said["tasks"])}
        if not lacking:
            raise MissingParts(
                f"{what}, though every part is done: the parts were run with fewer tasks (another number of samples?). "
                "Run all parts again with the settings of this command"
            )
        error = MissingParts(named_parts(lacking, parts, what))
        error.parts = tuple(sorted(lacking))
        raise error


def named_parts(lacking: Collection[int], parts: int, what: str) -> str:
    """What is wrong, and which parts are to be run."""
    several = len(lacking) > 1
    return (
        f"{what}: part{'s' if several else ''} {_ranges(lacking)} of {parts} {'are' if several else 'is'} missing or "
        f"unfinished. Run {'them' if several else 'it'} again, as in --part {min(lacking)}/{parts}; what "
        f"{'they' if several else 'it'} had finished is kept"
    )


class Keeper:
    """Writes results in files that are worth a write, and what is left when it closes, error or not."""

    def __init__(self, stage: Stage, part: int, kept: Callable[[Iterable[str]], None] | None = None) -> None:
        """``kept`` is told the tasks whose results are on disk."""
        self._stage, self._part, self._kept = stage, part, kept
        self._fresh: dict[str, bytes] = {}
        self._begun = self._flushed = time.monotonic()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()

    def add(self, key: str, result: Any) -> None:
        self._fresh[key] = encode(result)
        now = time.monotonic()
        if now - self._flushed > max(FLUSH_S, FLUSH_SHARE * (now - self._begun)):
            self._flush()

    def _flush(self) -> None:
        self._stage.keep(self._part, self._fresh)
        if self._kept:
            self._kept(self._fresh)
        self._fresh, self._flushed = {}, time.monotonic()


def stage_of(folder: Path, content: str) -> Stage:
    """Where results of a function with this hash are."""
    return Stage(folder / content[:_STAGE])


def keyed(function: Callable[[Any], Any], pair: Keyed) -> Keyed:
    """The result of a task under the task's hash."""
    return pair[0], function(pair[1])


def identity_of(function: Any, content: str) -> dict[str, Any]:
    """What a folder is of, but for the number of parts."""
    import numpy as np

    from graphlab import __version__

    return {"work": name_of(function), "content": content, "graphlab": __version__, "numpy": np.__version__}


def _require_part(part: int, parts: int) -> None:
    if not 1 <= part <= parts:
        raise AnalysisError(f"found part {part} of {parts}; wanted one from 1 to {max(parts, 1)}")


def _ranges(numbers: Iterable[int]) -> str:
    """``3, 5-8 and 11``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    said = [str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}-{b}" for a, b in runs]
    return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))

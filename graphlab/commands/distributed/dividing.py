"""What a verb needs to be run as parts of an array job: its two options, the runner, and what a part prints.

Tests: tests/graphlab/commands/distributed/test_dividing.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphlab.commands.options import outside
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from ingest.running.task_runners import Workers

GATHER = "gather"
PartOption = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="I/N|any|gather",
        help="Compute part I of N alone, as a job of an array, and print no result; any: tasks that no other process "
        "has; gather: put all parts together.",
    ),
]
Shared = Annotated[
    Path | None,
    typer.Option(
        "--shared",
        metavar="DIR",
        callback=outside,
        help="Folder that the parts of one run share; alone: what is done is kept there, and the same command goes on.",
    ),
]


@dataclass(frozen=True)
class Division:
    """How a command is divided, if it is."""

    workers: Workers
    is_part: bool
    """Whether it computes for others and gives no result of its own: the graph is only read."""


@contextmanager
def divided(part: str | None, shared: Path | None, threads: Workers, json: bool) -> Iterator[Division]:
    """Run the block as a part, as the one who gathers, or as ever; a part says what it did.

    With a folder and no part it runs as ever, and results of tasks are kept there as they come: killed, it goes on.

    Raises:
        AnalysisError: a part without a folder, no such part, work that has no tasks to share.
    """
    if shared is None:
        if part is not None:
            raise AnalysisError("--part needs --shared: --part I/N --shared DIR, then --part gather --shared DIR")
        yield Division(threads, is_part=False)
        return
    from graphlab.distributed.array_parts import ANY, ArrayPart, Gather, part_of
    from graphlab.distributed.dynamic_parts import DynamicPart
    from graphlab.distributed.parts_folder import PartDone

    if part is None:
        alone = ArrayPart(1, 1, shared, threads)
        yield Division(alone, is_part=False)
        if not alone.begun:
            typer.echo("this work has no tasks whose results could be kept; nothing is in --shared", err=True)
        return
    if part == GATHER:
        yield Division(Gather(shared), is_part=False)
        return
    runner: ArrayPart | DynamicPart
    number: int | None = None
    parts: int | None = None
    if part == ANY:
        runner = DynamicPart(shared, threads)
    else:
        number, parts = part_of(part)
        runner = ArrayPart(number, parts, shared, threads)
    try:
        yield Division(runner, is_part=True)
    except PartDone as done:
        _tell(number, parts, done.tasks, done.computed, shared, str(done), json)
        return
    if not runner.begun:
        raise AnalysisError("this work has no tasks that parts could share; run it without --part")
    _tell(number, parts, None, 0, shared, f"every task is done; gather them: --part {GATHER} --shared {shared}", json)


def _tell(
    number: int | None, parts: int | None, tasks: int | None, computed: int, shared: Path, said: str, json: bool
) -> None:
    if not json:
        typer.echo(said)
        return
    from graphlab.commands.terminal import print_json

    counts = {"part": number, "parts": parts, "tasks": tasks, "computed": computed}
    print_json({**counts, "shared": str(shared), "note": said})

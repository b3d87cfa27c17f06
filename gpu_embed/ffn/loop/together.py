"""Many sub-volumes at once: their steps are computed together, and each finds what it finds alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gpu_embed.ffn.loop.canvas import Canvas, Run
from gpu_embed.ffn.loop.fields import Answer, Fields, Step


@dataclass(frozen=True)
class Job:
    """A sub-volume that is begun when there is room for it.

    Args:
        begin: opens the canvas and gives its run; None where it is done already.
        finish: called with the canvas once its run is at its end.
    """

    begin: Callable[[], tuple[Canvas, Run] | None]
    finish: Callable[[Canvas], None]


def run_together(jobs: Iterable[Job], fields: Fields, most: int, stepped: Callable[[int], None] | None = None) -> None:
    """Run sub-volumes, at most ``most`` at a time; the next begins where one ends.

    Args:
        stepped: called with the number of steps after each round.
    """
    waiting = _begun(jobs)
    active: list[_Active] = []
    ended = False
    while True:
        while not ended and len(active) < most:
            following = next(waiting, None)
            if following is None:
                ended = True
            else:
                active.append(following)
        if not active:
            return
        answers = fields.step([one.step for one in active])
        if stepped:
            stepped(len(active))
        active = [one for one, answer in zip(active, answers, strict=True) if one.goes_on(answer)]


class _Active:
    def __init__(self, job: Job, canvas: Canvas, run: Run) -> None:
        self._job, self._canvas, self._run = job, canvas, run
        self.step: Step

    def goes_on(self, answer: Answer | None) -> bool:
        """Hand an answer over, and take the next step; False at the end."""
        try:
            self.step = self._run.send(answer) if answer is not None else next(self._run)
        except StopIteration:
            self._canvas.close()
            self._job.finish(self._canvas)
            return False
        return True


def _begun(jobs: Iterable[Job]) -> Iterator[_Active]:
    """Those that have a step to do; the others end at once."""
    for job in jobs:
        begun = job.begin()
        if begun is not None:
            active = _Active(job, *begun)
            if active.goes_on(None):
                yield active

"""Behaviours that could have been: shifted in the session, of other animals, of random phase.

The behaviour keeps its own autocorrelation and loses its timing against the neurons. ``shift`` (the default) is the
linear shift of Harris (2020, arXiv 2012.06862): a window in the middle of every segment stays, the behaviour moves by
0, 1 .. N frames to either side, and p = m / (N + 1), where m of the 2 N + 1 shifts give at least as much as none. In
any N + 1 neighbouring shifts at most m can be among the m largest of the 2 N + 1 around them, so p holds exactly,
whatever the statistic, as long as the behaviour is stationary and independent of the traces; it may be smaller than
it needs to be by half. ``circular`` rolls segments by every number of frames: twice the data and a smaller p, for
signals whose end could be followed by their beginning. ``pseudo_session`` takes the behaviour of every other animal
once. ``phase`` randomises the phases of a Gaussian behaviour (Theiler et al. 1992).

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.activity.sessions.session import Floats, stretches
from ingest.schema.errors import AnalysisError

MOST_SHIFTS = 1000
"""To each side; in longer sessions several frames apart."""
FEWEST_SHIFTS = 19
"""With fewer p cannot reach .05."""
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Null:
    """What could have been beside what was, over the frames that stay.

    ``middle`` [frames] are positions that the traces keep, ``segment`` [frames] their segments, ``index``
    [candidates, frames] or ``rows`` [candidates, frames] the behaviours; the candidate ``actual`` is what happened.
    """

    name: str
    middle: Ints
    segment: Ints
    actual: int
    ranks: int
    """p is (candidates at least as extreme, what happened among them) / ranks."""
    offsets: Ints
    rows: Floats | None = None
    begin: Ints | None = None
    """First frame of each frame's segment, where shifts wrap; with ``length``."""
    length: Ints | None = None

    @property
    def candidates(self) -> int:
        return len(self.offsets)

    @property
    def floor(self) -> float:
        """The smallest p there can be."""
        return 1.0 / self.ranks

    @property
    def assumption(self) -> str:
        return NULLS[self.name].assumes

    def at(self, some: slice) -> Ints:
        """[candidates of ``some``, frames]: the frame that stands at every kept frame."""
        moved = self.middle[None] + self.offsets[some, None]
        if self.begin is None or self.length is None:
            return moved
        return np.asarray(self.begin + (moved - self.begin) % self.length)

    def windows(self, values: Floats, some: slice = slice(None)) -> Floats:
        """[candidates of ``some``, frames] of ``values`` [all frames]; of other animals what they did instead."""
        return np.asarray(self.rows[some] if self.rows is not None else values[self.at(some)])

    def p(self, statistic: npt.NDArray[np.floating], observed: npt.NDArray[np.floating] | None = None) -> Floats:
        """p of ``observed`` [..] (the actual candidate when None) among ``statistic`` [.., candidates]; larger is more.

        Args:
            observed: may have more axes than the statistic lacks, to rank many values in one null.
        """
        own = statistic[..., self.actual] if observed is None else observed
        above = (statistic >= own[..., None]).sum(axis=-1)
        return np.asarray(np.minimum(1.0, np.maximum(above, 1) / self.ranks))


def reach_of(segment: Ints, margin: int = 0) -> int:
    """The largest shift to either side at which windows still hold half of all frames; 0 when there is none.

    Args:
        margin: frames at both ends of a window that a lag needs besides.
    """
    length = np.array([last - first for first, last in stretches(segment)])
    low, high = 0, int(length.max(initial=0)) // 2
    while low < high:
        middle = (low + high + 1) // 2
        if 2 * np.maximum(0, length - 2 * (middle + margin)).sum() >= length.sum():
            low = middle
        else:
            high = middle - 1
    return low


def shift_null(segment: Ints, most: int = MOST_SHIFTS, margin: int = 0) -> Null | None:
    """The linear shift of one session; None where segments are too short for FEWEST_SHIFTS.

    Args:
        segment: [frames]. most: shifts to either side.
    """
    reach = reach_of(segment, margin)
    count = min(most, MOST_SHIFTS, reach)
    if count < FEWEST_SHIFTS:
        return None
    # Far apart in a long session: neighbours say nearly the same, and a subset of stationary shifts is stationary.
    step = reach // count
    edge = step * count + margin
    middle = np.concatenate(
        [np.arange(first + edge, last - edge) for first, last in stretches(segment) if last - first > 2 * edge]
    )
    return Null("shift", middle, segment[middle], count, count + 1, np.arange(-count, count + 1) * step)


def too_short(segment: Ints, what: str) -> str:
    """Why ``shift_null`` is None, with the numbers."""
    longest = max((last - first for first, last in stretches(segment)), default=0)
    return (
        f"{what}: no p, values only: windows that hold half of the frames can be shifted by {reach_of(segment)} frames "
        f"(the longest of {len(stretches(segment)):,} segments has {longest:,}); wanted at least {FEWEST_SHIFTS}. "
        "Record longer without gaps, or compare animals (pseudo_session)"
    )


def circular_null(segment: Ints) -> Null:
    """Every circular shift; segments of other lengths than the longest begin anew."""
    begin, length = np.empty_like(segment), np.empty_like(segment)
    for first, last in stretches(segment):
        begin[first:last], length[first:last] = first, last - first
    offsets = np.arange(int(length.max(initial=1)))
    return Null("circular", np.arange(len(segment)), segment, 0, len(offsets), offsets, None, begin, length)


def phase_randomised(values: Floats, segment: Ints, samples: int, rng: np.random.Generator) -> Floats:
    """[samples, frames] with each segment's spectrum and random phases; values turn Gaussian."""
    result = np.empty((samples, len(values)))
    for first, last in stretches(segment):
        length = last - first
        spectrum = np.fft.rfft(values[first:last])
        angle = rng.uniform(0.0, 2.0 * np.pi, size=(samples, len(spectrum)))
        angle[:, 0] = 0.0
        if length % 2 == 0:
            angle[:, -1] = 0.0
        result[:, first:last] = np.fft.irfft(spectrum * np.exp(1j * angle), length, axis=1)
    return result


def rows_null(name: str, actual: Floats, others: Floats, segment: Ints) -> Null:
    """What was as candidate 0, each row of ``others`` [k, frames] once."""
    rows = np.concatenate([actual[None], others])
    count = len(rows)
    return Null(name, np.arange(len(segment)), segment, 0, count, np.arange(count), rows)


def other_animals(values: Floats, others: Sequence[Floats], segment: Ints) -> Null:
    """The behaviour of every other animal once, over the first frames that all of them have.

    Args:
        others: behaviours without NaN, one an animal, sampled like this one.

    Raises:
        AnalysisError: no other animal shows this behaviour.
    """
    usable = [other for other in others if len(other) >= len(values) // 2 and np.ptp(other) > 0]
    if not usable:
        raise AnalysisError(
            "pseudo-sessions need the same behaviour of at least one other animal, at the same frame rate and at least "
            "half as long; take the null 'shift'"
        )
    frames = min(len(values), *(len(other) for other in usable))
    return rows_null("pseudo_session", values[:frames], np.stack([one[:frames] for one in usable]), segment[:frames])


@dataclass(frozen=True)
class BehaviorNull:
    """What a null assumes, whether it needs the behaviour of other animals, and how it is made.

    ``make`` takes values [frames] of one behaviour, their segments, the most shifts to either side or random phases (a
    circular shift takes all), a generator, and the behaviour of other animals; None where no shift is possible.
    """

    assumes: str
    make: Callable[[Floats, Ints, int, np.random.Generator, Sequence[Floats]], Null | None]
    needs_others: bool = False


NULLS = {
    "shift": BehaviorNull(
        "the behaviour is stationary", lambda values, segment, most, rng, others: shift_null(segment, most)
    ),
    "circular": BehaviorNull(
        "the behaviour is stationary and its end could meet its beginning",
        lambda values, segment, most, rng, others: circular_null(segment),
    ),
    "pseudo_session": BehaviorNull(
        "animals are independent and alike",
        lambda values, segment, most, rng, others: other_animals(values, others, segment),
        needs_others=True,
    ),
    "phase": BehaviorNull(
        "the behaviour is stationary and Gaussian",
        lambda values, segment, most, rng, others: rows_null(
            "phase", values, phase_randomised(values, segment, most, rng), segment
        ),
    ),
}

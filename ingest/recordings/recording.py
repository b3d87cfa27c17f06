"""What a recording is in the project's words: time, segments, traces with identities, behaviour; and its checks.

A segment is a stretch of frames without a gap. Nothing here or above ever joins two segments: shifts, lags and
blocks stay inside one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError, did_you_mean

Floats = npt.NDArray[np.float64]
Traces = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

GAP = 2.0
"""A step of more than so many median steps begins a new segment."""
CLOCK = 0.5
"""Two clocks are the same when frames differ by less than this share of the median step."""
RATE = 0.02
"""A stated rate may differ from that of the timestamps by this share."""
RESAMPLE = ("refuse", "linear", "mean")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a trace is, as far as the lab could say."""

    name: str | None = None
    """The neuron (``AVEL``); None where only a class, or nothing, is known."""
    neuron_class: str | None = None
    root_id: int | None = None
    confidence: float | None = None
    """In the lab's own scale (NeuroPAL labels: 1 to 5)."""

    @property
    def known(self) -> bool:
        return self.name is not None or self.root_id is not None


@dataclass
class Recording:
    """One animal: frames x traces, and what it did."""

    animal: str
    time_s: Floats
    """[frames] strictly ascending."""
    segment: Ints
    """[frames] 0, 1, ..: ascending, a new number after each gap."""
    identities: list[Identity]
    """One a trace."""
    block: Callable[[int, int], Traces]
    """(first, last) -> float32 [last - first, frames]; NaN where nothing was measured."""
    behaviors: dict[str, Floats] = field(default_factory=dict)
    """Name -> [frames]."""
    notes: list[str] = field(default_factory=list)


def checked_time(time: Any, frames: int, source: str, rate_hz: Any = None, notes: list[str] | None = None) -> Floats:
    """Times of frames in seconds.

    Args:
        time: [frames], or None where the source has none.
        rate_hz: frames a second, which stands in for times that are missing or are not those of the frames.
        notes: gets a word where it stands in for times that are there.

    Raises:
        SchemaError: no times and no rate, another number of times than frames, times that do not ascend, a rate that
        contradicts them.
    """
    rate = None if rate_hz is None else _positive(rate_hz, "rate_hz", source)
    if time is None:
        if rate is None:
            raise SchemaError(
                f"{source}: no timestamps for {frames:,} frames. Wanted a column or data set of seconds; "
                "if frames are evenly spaced say --option rate_hz=FRAMES_PER_SECOND"
            )
        return np.arange(frames) / rate
    seconds = np.asarray(time, dtype=np.float64).ravel()
    wrong = None
    if len(seconds) != frames:
        wrong = f"unequal lengths: {frames:,} frames and {len(seconds):,} timestamps"
    elif not np.isfinite(seconds).all():
        at = int(np.flatnonzero(~np.isfinite(seconds))[0])
        wrong = f"missing timestamp at frame {at + 1}; every frame needs its time in seconds"
    if wrong is not None:
        if rate is None:
            raise SchemaError(
                f"{source}: {wrong}. If frames are evenly spaced say --option rate_hz=FRAMES_PER_SECOND to count time "
                "by frames"
            )
        if notes is not None:
            notes.append(f"{wrong}: time is counted by frames, {rate:g} a second")
        return np.arange(frames) / rate
    back = np.flatnonzero(np.diff(seconds) <= 0)
    if len(back):
        at = int(back[0])
        raise SchemaError(
            f"{source}: time does not ascend: frame {at + 1} is at {seconds[at]:g} s, frame {at + 2} at "
            f"{seconds[at + 1]:g} s. Sort the frames, or give each animal and session a separate recording"
        )
    step = float(np.median(np.diff(seconds))) if frames > 1 else None
    if rate is not None and step is not None and abs(step * rate - 1) > RATE:
        raise SchemaError(
            f"{source}: its timestamps say {1 / step:g} frames a second, rate_hz {rate:g}; the timestamps are used "
            "where there are any: leave rate_hz out"
        )
    return seconds


def segments_of(time_s: Floats, begins: Sequence[int] = ()) -> Ints:
    """Number the stretches without a gap.

    Args:
        begins: frames (0-based) at which the source itself says that a new stretch begins.
    """
    step = np.diff(time_s)
    new = np.zeros(len(time_s), dtype=np.int64)
    if len(step):
        new[1:] = step > GAP * np.median(step)
    for at in begins:
        if 0 < at < len(new):
            new[at] = 1
    return np.cumsum(new)


def checked(recording: Recording, source: str, same_name: str) -> Recording:
    """The recording with every name at most once; refuses what no analysis could use.

    Args:
        same_name: ``refuse``, or ``best``: of several traces of one name the surest keeps it, the others keep
            their class only.

    Raises:
        SchemaError: no frames or traces, a name twice, traces that never change, behaviour of another length.
    """
    frames, traces = len(recording.time_s), len(recording.identities)
    if not frames or not traces:
        raise SchemaError(f"{source}: found {frames:,} frames of {traces:,} traces; wanted at least one of each")
    for name, values in recording.behaviors.items():
        if len(values) != frames:
            raise SchemaError(
                f"{source}: unequal lengths: {frames:,} frames and {len(values):,} values of the behaviour {name!r}"
            )
    _refuse_infinite(recording, source)
    constant = _constant(recording)
    if constant == traces:
        raise SchemaError(f"{source}: every one of the {traces:,} traces is constant; nothing was recorded")
    if constant:
        recording.notes.append(f"{constant:,} constant traces are kept and will be left out of every analysis")
    recording.identities = _named_once(recording, source, same_name)
    holes = {n: int(np.isnan(v).sum()) for n, v in recording.behaviors.items() if np.isnan(v).any()}
    for name, count in holes.items():
        if count == frames:
            del recording.behaviors[name]
            recording.notes.append(f"behaviour {name!r} was not measured (all NaN): left out")
    gaps = int(recording.segment[-1])
    if gaps:
        recording.notes.append(f"{gaps} gap{'s' if gaps > 1 else ''}: {gaps + 1} segments, never joined")
    if not any(identity.known for identity in recording.identities):
        recording.notes.append(
            f"animal {recording.animal}: no trace has an identity; it counts per animal, not in classes or edges"
        )
    return recording


def _refuse_infinite(recording: Recording, source: str) -> None:
    """NaN is a frame that was not measured; an infinite value is no measurement at all."""
    step = 256
    for first in range(0, len(recording.identities), step):
        wrong = np.argwhere(np.isinf(recording.block(first, min(first + step, len(recording.identities)))))
        if len(wrong):
            trace, frame = (int(value) for value in wrong[0])
            who = recording.identities[first + trace]
            name = who.name or who.root_id or who.neuron_class
            raise SchemaError(
                f"{source}: trace {first + trace + 1}{f' ({name})' if name else ''} of animal {recording.animal} is "
                f"infinite at frame {frame + 1} (or beyond 32-bit floats); leave the value empty, or NaN, where "
                "nothing was measured"
            )
    for name, values in recording.behaviors.items():
        refuse_infinite_behavior(name, values, source)


def refuse_infinite_behavior(name: str, values: Floats, source: str) -> None:
    """Raises SchemaError where a behaviour is infinite."""
    wrong = np.flatnonzero(np.isinf(values))
    if len(wrong):
        raise SchemaError(
            f"{source}: the behaviour {name!r} is infinite at frame {int(wrong[0]) + 1}; leave the value empty, or "
            "NaN, where nothing was measured"
        )


def as_traces(values: Any) -> Traces:
    """float32 of any numbers; what does not fit becomes infinite, which ``checked`` refuses."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def _constant(recording: Recording) -> int:
    count, step = 0, 256
    for first in range(0, len(recording.identities), step):
        block = recording.block(first, min(first + step, len(recording.identities)))
        there = np.isfinite(block)
        low = np.where(there, block, np.inf).min(axis=1)
        high = np.where(there, block, -np.inf).max(axis=1)
        count += int((low >= high).sum())
    return count


def _named_once(recording: Recording, source: str, same_name: str) -> list[Identity]:
    if same_name not in ("refuse", "best"):
        raise SchemaError(f"same_name: found {same_name!r}; wanted refuse or best")
    keys = [identity.name or identity.root_id for identity in recording.identities]
    repeated = [key for key, count in Counter(key for key in keys if key is not None).items() if count > 1]
    if repeated and same_name == "refuse":
        at = [str(i + 1) for i, key in enumerate(keys) if key == repeated[0]]
        raise SchemaError(
            f"{source}: duplicated name: {repeated[0]!r} is the name of traces {' and '.join(at)} of animal "
            f"{recording.animal}. Mend the labels, or say --option same_name=best to let the surest trace keep the name"
        )
    result = list(recording.identities)
    for key in repeated:
        same = [i for i, other in enumerate(keys) if other == key]
        best = max(same, key=lambda i: (recording.identities[i].confidence or 0.0, -i))
        for i in same:
            if i != best:
                result[i] = Identity(None, result[i].neuron_class, None, result[i].confidence)
    if repeated:
        recording.notes.append(
            f"{len(repeated)} names on several traces ({', '.join(map(str, repeated[:5]))}): "
            "the surest trace keeps the name"
        )
    return result


def on_clock(
    time_s: Floats, values: Mapping[str, Floats], clock_s: Floats, rule: str, source: str
) -> dict[str, Floats]:
    """Behaviour at the frames of a recording.

    Args:
        time_s: [frames] of the recording. clock_s: [samples] of the behaviour.
        rule: ``refuse`` another clock; ``linear`` interpolation between neighbouring samples (never across a gap
            of the behaviour); ``mean`` of the samples nearer to this frame than to any other.

    Raises:
        SchemaError: another clock and the rule ``refuse``; clocks that do not overlap.
    """
    if rule not in RESAMPLE:
        raise SchemaError(f"resample: found {rule!r}{did_you_mean(rule, RESAMPLE)}")
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else np.inf
    if len(clock_s) == len(time_s) and np.abs(clock_s - time_s).max() < CLOCK * step:
        return dict(values)
    if rule == "refuse":
        theirs = float(np.median(np.diff(clock_s))) if len(clock_s) > 1 else float("nan")
        raise SchemaError(
            f"{source}: behaviour is on another clock: {len(clock_s):,} samples from {clock_s[0]:g} to "
            f"{clock_s[-1]:g} s every {theirs:g} s, the recording has {len(time_s):,} frames from {time_s[0]:g} to "
            f"{time_s[-1]:g} s every {step:g} s. Say --option resample=linear or resample=mean"
        )
    inside = (time_s >= clock_s[0]) & (time_s <= clock_s[-1])
    if not inside.any():
        raise SchemaError(
            f"{source}: the clocks do not overlap: behaviour from {clock_s[0]:g} to {clock_s[-1]:g} s, recording from "
            f"{time_s[0]:g} to {time_s[-1]:g} s"
        )
    sample = _linear if rule == "linear" else _mean
    return {name: sample(time_s, clock_s, np.asarray(column, dtype=np.float64)) for name, column in values.items()}


def _linear(time_s: Floats, clock_s: Floats, values: Floats) -> Floats:
    """Between the two neighbouring samples; NaN outside, beside a NaN and inside a gap of the behaviour's clock."""
    right = np.clip(np.searchsorted(clock_s, time_s), 1, len(clock_s) - 1)
    left = right - 1
    share = (time_s - clock_s[left]) / (clock_s[right] - clock_s[left])
    result = (1.0 - share) * values[left] + share * values[right]
    result[share == 0.0] = values[left[share == 0.0]]
    result[share == 1.0] = values[right[share == 1.0]]
    wide = (clock_s[right] - clock_s[left]) > GAP * np.median(np.diff(clock_s))
    result[(wide & (share > 0.0) & (share < 1.0)) | (share < 0.0) | (share > 1.0)] = np.nan
    return np.asarray(result)


def _mean(time_s: Floats, clock_s: Floats, values: Floats) -> Floats:
    edges = (time_s[1:] + time_s[:-1]) / 2.0
    half = float(np.median(np.diff(time_s))) / 2.0
    frame = np.searchsorted(edges, clock_s)
    near = (np.abs(clock_s - time_s[frame]) <= half * (1.0 + 1e-9)) & np.isfinite(values)
    count = np.bincount(frame[near], minlength=len(time_s))
    total = np.bincount(frame[near], weights=values[near], minlength=len(time_s))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _positive(value: Any, name: str, source: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise SchemaError(f"{source}: {name}: found {value!r}; wanted a number above 0")
    return number

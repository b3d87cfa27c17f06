"""One animal's recording, as every analysis takes it: traces, segments, who is who, what it did.

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from graphlab.store.files.places import RECORDINGS, SCRATCH, place, stored
from graphlab.store.folder import Folder
from graphlab.store.recordings.files import read_activity, read_behavior, read_clock
from ingest.schema.errors import AnalysisError, UnknownNameError

Floats = npt.NDArray[np.float64]
Traces = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class TraceRows(Protocol):
    """float32 [traces, frames] of which slices of rows can be had: an array, or a file larger than memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice, /) -> Traces: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """Who a trace is."""

    trace: int
    root_id: int | None = None
    name: str | None = None
    neuron_class: str | None = None
    confidence: float | None = None

    @property
    def label(self) -> str:
        return self.name or self.neuron_class or (str(self.root_id) if self.root_id is not None else f"#{self.trace}")


@dataclass(eq=False)
class Session:
    """One animal.

    Args:
        time_s: [frames]. segment: [frames], ascending numbers of stretches without a gap.
        rows: [traces, frames]. neurons: one a trace.
    """

    animal: str
    time_s: Floats
    segment: npt.NDArray[np.int64]
    rows: TraceRows
    neurons: list[Recorded]
    behaviors: dict[str, Floats] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return len(self.time_s)

    @property
    def step_s(self) -> float:
        """Median time from frame to frame, gaps left out."""
        inside = np.diff(self.segment) == 0
        steps = np.diff(self.time_s)[inside]
        return float(np.median(steps)) if len(steps) else 1.0

    def behavior(self, name: str) -> Floats:
        """[frames] of one behaviour; UnknownNameError names the nearest."""
        if name not in self.behaviors:
            raise UnknownNameError(f"behaviour of animal {self.animal}", name, self.behaviors)
        return self.behaviors[name]

    def identified(self, min_confidence: float | None = None) -> list[int]:
        """Positions of traces whose neuron is known, at least so surely."""
        return [
            i for i, neuron in enumerate(self.neurons) if neuron.root_id is not None and sure(neuron, min_confidence)
        ]


def sure(neuron: Recorded, min_confidence: float | None) -> bool:
    """Whether an identity reaches ``min_confidence``; one without a number does unless it is asked for."""
    return min_confidence is None or (neuron.confidence is not None and neuron.confidence >= min_confidence)


def stretches(segment: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first, last) frame, last excluded, of every segment."""
    if not len(segment):
        return []
    cuts = [0, *(int(at) + 1 for at in np.flatnonzero(np.diff(segment))), len(segment)]
    return list(pairwise(cuts))


def kept_frames(segment: npt.NDArray[np.int64], keep: Bools) -> npt.NDArray[np.int64]:
    """Segment numbers of the kept frames; where frames were taken out a new segment begins."""
    chosen = np.flatnonzero(keep)
    if not len(chosen):
        return np.empty(0, dtype=np.int64)
    new = np.zeros(len(chosen), dtype=np.int64)
    new[1:] = (np.diff(chosen) > 1) | (np.diff(segment[chosen]) != 0)
    return np.cumsum(new)


def animals(folder: Folder) -> list[str]:
    """Names of the recorded animals, sorted."""
    rows = folder.connection.execute(
        "SELECT animal FROM recording_files WHERE part = 'activity' ORDER BY animal"
    ).fetchall()
    return [str(row[0]) for row in rows]


def load(folder: Folder, wanted: Sequence[str] | None = None) -> list[Session]:
    """Sessions of the animals ``wanted``, all when None, in the order of their names.

    Raises:
        AnalysisError: the graph has no recording. UnknownNameError: no such animal.
    """
    known = animals(folder)
    if not known:
        raise AnalysisError(
            "this graph has no recordings; bring some with `graphlab ingest GRAPH FILE --as recordings`"
        )
    for name in wanted or ():
        if name not in known:
            raise UnknownNameError("animal", name, known)
    return [_load(folder, animal) for animal in known if not wanted or animal in wanted]


def _load(folder: Folder, animal: str) -> Session:
    execute = folder.connection.execute
    rows: list[Any] = execute(
        "SELECT trace, root_id, name, neuron_class, confidence FROM recorded_neurons WHERE animal = ? ORDER BY trace",
        [animal],
    ).fetchall()
    neurons = [Recorded(*row) for row in rows]
    files = execute("SELECT part, file FROM recording_files WHERE animal = ? ORDER BY part, file", [animal]).fetchall()
    path = next(stored(folder.path, RECORDINGS, file) for part, file in files if part == "activity")
    time_s, segment = read_clock(path)
    values = read_activity(path, len(neurons), len(time_s), place(folder.path, SCRATCH))
    behaviors: dict[str, Floats] = {}
    for part, file in files:
        if part == "behavior":
            behaviors.update(read_behavior(stored(folder.path, RECORDINGS, file), len(time_s)))
    return Session(animal, time_s, segment, values, neurons, dict(sorted(behaviors.items())))

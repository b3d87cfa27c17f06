"""An answer of ``graphlab correlate`` and the columns of its tables.

Tests: tests/graphlab/activity/test_correlate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from graphlab.activity.behavior.families import LEVEL, Family


@dataclass
class Answer:
    """Rows by table of the graph (run_id left out), and what a person should know."""

    tables: dict[str, pa.Table]
    notes: list[str] = field(default_factory=list)
    run_id: str | None = None
    """None when the graph was open for reading only, so nothing was kept."""

    @property
    def table(self) -> pa.Table:
        """The first table: the answer itself."""
        return next(iter(self.tables.values()))


def table_of(rows: list[dict[str, Any]], schema: dict[str, pa.DataType]) -> pa.Table:
    """Rows as a table; what a row does not say is null."""
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schema.items()})


def tests_table(families: Sequence[Family]) -> pa.Table:
    """The table ``behavior_tests``."""
    return table_of([asdict(family) for family in families], TESTS)


def tested_notes(families: Sequence[Family]) -> list[str]:
    """A line a family: what it is, what was found, the floor and the assumption of its p; then what holds for all."""
    notes = []
    for one in families:
        who = "all animals" if one.animal is None else f"animal {one.animal}"
        what = ", ".join(word for word in (who, one.behavior, one.measure) if word)
        if one.null_model is None:
            notes.append(f"{what}: values without p, {one.assumption}")
            continue
        line = (
            f"{what}: {one.found:,} of {one.tests:,} at q <= {LEVEL:g}; p of the family {one.p:.3g}, q {one.q:.3g} "
            f"({one.null_model}, {one.window:,} of {one.frames:,} frames, p not below {one.floor:.2g}; "
            f"if {one.assumption})"
        )
        if one.control_pairs:
            line += (
                f"; behaviour of other animals: {one.control_low or 0:.0%} of traces at p <= .05, something found in "
                f"{one.control_found or 0:.0%} of {one.control_pairs} pairs"
            )
        notes.append(line)
    tested = [one for one in families if one.null_model is not None]
    if len(tested) > 1:
        notes.append(f"q is over {len(tested):,} families tested in this run; the table behavior_tests lists them")
    hopeless = [one for one in tested if one.floor > LEVEL]
    if hopeless:
        notes.append(
            f"{len(hopeless):,} of {len(tested):,} families cannot reach p <= {LEVEL:g} (unreachable): too few shifts "
            "or too few other animals"
        )
    return notes


_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()
TUNING = {
    "animal": _TEXT, "trace": pa.int32(), "root_id": pa.uint64(), "name": _TEXT, "neuron_class": _TEXT,
    "confidence": _NUMBER, "behavior": _TEXT, "measure": _TEXT, "value": _NUMBER, "lag_s": _NUMBER, "p": _NUMBER,
    "p_family": _NUMBER, "q": _NUMBER, "p_naive": _NUMBER, "q_naive": _NUMBER, "null_model": _TEXT, "floor": _NUMBER,
    "assumption": _TEXT, "frequency": _NUMBER, "control": _NUMBER,
}  # fmt: skip
CLASSES = {
    "neuron_class": _TEXT, "behavior": _TEXT, "measure": _TEXT, "traces": _COUNT, "animals": _COUNT,
    "value": _NUMBER, "lo": _NUMBER, "hi": _NUMBER, "p": _NUMBER, "p_family": _NUMBER, "q": _NUMBER,
    "null_model": _TEXT, "floor": _NUMBER, "assumption": _TEXT,
}  # fmt: skip
EDGES = {
    "kind": _TEXT, "measure": _TEXT, "animal": _TEXT, "pre_root_id": pa.uint64(), "post_root_id": pa.uint64(),
    "directed": pa.bool_(), "value": _NUMBER, "lag_s": _NUMBER, "p": _NUMBER, "q": _NUMBER, "p_naive": _NUMBER,
    "connected": pa.bool_(), "floor": _NUMBER, "assumption": _TEXT,
}  # fmt: skip
MODELS = {
    "animal": _TEXT, "model": _TEXT, "behavior": _TEXT, "trace": pa.int32(), "root_id": pa.uint64(), "split": _TEXT,
    "dropped": _TEXT, "decay_s": _NUMBER, "r2": _NUMBER, "r": _NUMBER, "importance": _NUMBER, "p": _NUMBER,
    "p_family": _NUMBER, "q": _NUMBER, "floor": _NUMBER, "assumption": _TEXT,
}  # fmt: skip
TESTS = {
    "animal": _TEXT, "question": _TEXT, "behavior": _TEXT, "measure": _TEXT, "null_model": _TEXT, "assumption": _TEXT,
    "tests": _COUNT, "frames": _COUNT, "window": _COUNT, "candidates": _COUNT, "floor": _NUMBER, "p": _NUMBER,
    "q": _NUMBER, "found": _COUNT, "control_pairs": _COUNT, "control_low": _NUMBER, "control_found": _NUMBER,
}  # fmt: skip

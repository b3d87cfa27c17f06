"""The seam of statistics: what one is told beside the wiring, what it gives, what it needs.

Ours are entered in ``registered``; other packages offer theirs in the entry-point group ``graphlab.statistics``.
``graphlab.testing.statistics`` holds the contract.

Tests: tests/contracts/test_statistics.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.registry import Registry
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EXACT_UP_TO = 20_000
"""Neurons up to which every neuron is a source of searches; past it, pivots are."""
LEAST_PIVOTS = 256


@dataclass(frozen=True, slots=True)
class Value:
    """One number of a graph."""

    name: str
    value: float
    """NaN where the graph has no such number."""
    over: int
    """N: how many neurons, connections or pairs it is about; ``unit`` says which."""
    unit: str = "neurons"
    at: float = float("nan")
    """The threshold, degree or share that it is at; NaN where there is none."""
    group: str = ""
    """The label (transmitter, type) that it is of."""
    error: float = float("nan")
    """Standard error of a value that was estimated from pivots or draws; NaN where it is exact."""

    @property
    def key(self) -> tuple[str, str, float | None]:
        """What the same number of another graph has in common with it."""
        return self.name, self.group, None if np.isnan(self.at) else self.at


@dataclass(frozen=True)
class Measured:
    """What a statistic says of one graph."""

    values: tuple[Value, ...]
    neurons: Mapping[str, Floats] = field(default_factory=dict)
    """Measure -> float64 [n], in the order of the snapshot."""
    labels: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Name -> a word (or None) for each neuron, such as broadcaster."""


@dataclass(frozen=True)
class Told:
    """What a statistic may be told beside the wiring."""

    columns: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Columns of ``neurons`` that it needs, in the order of the snapshot."""
    seed: int = 0
    """Of pivots and draws."""
    pivots: int = LEAST_PIVOTS
    """Sources of searches in graphs of more than ``exact_up_to`` neurons."""
    exact_up_to: int = EXACT_UP_TO
    club_degree: int = 37
    """Total degree from which a neuron is in the rich club (Lin et al. 2024 take 37 in the adult fly)."""
    workers: Workers = 1

    def __post_init__(self) -> None:
        if self.pivots < LEAST_PIVOTS:
            raise AnalysisError(f"{self.pivots} pivots; wanted at least {LEAST_PIVOTS}, so that errors mean something")
        if self.club_degree < 1:
            raise AnalysisError(f"club_degree is {self.club_degree}; wanted a total degree of at least 1, such as 37")

    def generator(self, purpose: int) -> np.random.Generator:
        """Random numbers of one purpose: the same for the same seed, whatever else is measured."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(purpose,)))

    def sources(self, n: int, purpose: int) -> Ints:
        """Neurons that searches begin at, ascending: all of ``n``, or pivots drawn without replacement."""
        if n <= self.exact_up_to:
            return np.arange(n, dtype=np.int64)
        return np.sort(self.generator(purpose).choice(n, min(self.pivots, n), replace=False)).astype(np.int64)

    def searched(self, n: int) -> str:
        """In words: from which neurons."""
        return "every neuron" if n <= self.exact_up_to else f"{min(self.pivots, n)} pivots drawn with seed {self.seed}"


class Statistic(Protocol):
    """Numbers of a graph that belong together."""

    @property
    def name(self) -> str:
        """The word people type."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Columns of ``neurons`` that it reads and refuses to do without."""
        ...

    @property
    def by_default(self) -> bool:
        """Whether it is in the table of whoever names none."""
        ...

    def measure(self, graph: Snapshot, told: Told) -> Measured:
        """Its numbers; the same keys for graphs of one size and degree sequence, the same bytes for one seed."""
        ...

    def sentence(self, told: Told) -> str:
        """Its definitions, for a methods paragraph."""
        ...


@dataclass(frozen=True)
class FunctionStatistic:
    """A statistic that a function measures."""

    name: str
    needs: frozenset[str]
    by_default: bool
    measure: Callable[[Snapshot, Told], Measured]
    definition: str

    def sentence(self, told: Told) -> str:
        return self.definition


def statistic(
    name: str, definition: str, *needs: str, by_default: bool = True
) -> Callable[[Callable[[Snapshot, Told], Measured]], FunctionStatistic]:
    """Make a statistic of a function: ``@statistic("reciprocity", "Share of connections that are returned.")``."""
    return lambda measure: FunctionStatistic(name, frozenset(needs), by_default, measure, definition)


STATISTICS: Registry[Statistic] = Registry("statistic", "graphlab.statistics", Statistic)


def require_connections(graph: Snapshot) -> None:
    """A graph that statistics can be about.

    Raises:
        AnalysisError: no neurons, no connections, or none with a weight.
    """
    kind = graph.meta.get("kind", "chemical")
    if graph.m == 0:
        least = graph.meta.get("min_weight", 0.0)
        raise AnalysisError(
            f"statistics need connections, and of kind {kind!r} with a weight of at least {least:g} there are none "
            f"among {graph.n:,} neurons; lower min_weight, or choose another kind"
        )
    wrong = ~np.isfinite(graph.weight) | (graph.weight < 0)
    if wrong.any():
        raise AnalysisError(
            f"statistics need weights that are numbers from 0 up; {int(wrong.sum()):,} of {graph.m:,} connections of "
            f"kind {kind!r} have others, the first is {graph.weight[np.argmax(wrong)]:g}"
        )
    if not graph.weight.any():
        raise AnalysisError(
            f"all {graph.m:,} connections of kind {kind!r} weigh 0, so none of them is one; ingest their weights "
            '(columns="weight=..."), or leave the column out and each counts as 1'
        )


def column_of(told: Told, name: str, graph: Snapshot) -> Sequence[str | None]:
    """A column of ``neurons`` that a statistic needs.

    Raises:
        AnalysisError: it is not there, has another length, or says nothing of any neuron.
    """
    values = told.columns.get(name)
    if values is None or not any(value not in (None, "") for value in values):
        raise AnalysisError(
            f"this statistic reads the column {name!r} of neurons, which no neuron has a value in; ingest it as "
            'neurons (columns="' + name + '=THEIRS"), or name other statistics'
        )
    if len(values) != graph.n:
        raise AnalysisError(f"{len(values)} values of {name!r} for {graph.n} neurons")
    return [None if value in (None, "") else value for value in values]

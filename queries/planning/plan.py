"""Choose an engine for a bound pattern by what each expects of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.schema.errors import UnsupportedError
from queries.planning.bound import BoundPattern
from queries.planning.executor import CostEstimate, Executor
from queries.source import Source

SURE = 0.5
"""Seconds: when SQL expects less, no other engine is asked, whatever it takes to load one."""
SURE_LOADED = 0.008
"""The same where another engine has nothing left to load; what it has to load is added."""
IN_DOUBT = 1.25
"""Where edges close a circle, another engine is taken up to so many times what SQL expects: how many circles close is
the least certain number of an estimate, and joins in SQL hold every chain that does not."""


@dataclass(frozen=True, slots=True)
class Considered:
    """An engine that was looked at: what it expects, or why it cannot."""

    name: str
    estimate: CostEstimate | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that answers, all that were looked at, and why."""

    executor: Executor
    considered: tuple[Considered, ...]
    why: str


def choose(
    bound: BoundPattern,
    source: Source,
    parameters: Mapping[str, Any],
    engines: Sequence[Executor],
    wanted: str | None = None,
) -> Choice:
    """The engine that expects to be fastest; the first of ``engines`` is the one that can answer everything.

    Args:
        wanted: the name of the engine the user asked for.

    Raises:
        UnsupportedError: the engine asked for cannot answer the pattern.
    """
    if wanted is not None:
        executor = next(engine for engine in engines if engine.name == wanted)
        refusal = executor.refusal(bound, source)
        if refusal is not None:
            raise UnsupportedError(f"engine {wanted} cannot answer this: {refusal}", hint="Leave the engine to auto.")
        return Choice(executor, (Considered(wanted, None, None),), "asked for")
    first = engines[0]
    if not worth_asking(bound):
        return Choice(first, (Considered(first.name, None, None),), "fewer than two joins, SQL answers these")
    for engine in engines:
        engine.measure(bound, source, parameters)
    considered: list[Considered] = []
    sure = min(SURE, SURE_LOADED + min((engine.loading_s for engine in engines[1:]), default=SURE))
    best, least = first, float("inf")
    for engine in engines:
        refusal = engine.refusal(bound, source)
        estimate = None if refusal is not None else engine.estimate(bound, source, parameters)
        considered.append(Considered(engine.name, estimate, refusal))
        if estimate is not None and estimate.seconds < least:
            best, least = engine, estimate.seconds
            if engine is first and closes_circle(bound):
                least *= IN_DOUBT
        if engine is first and estimate is not None and estimate.seconds < sure:
            return Choice(first, tuple(considered), f"SQL expects less than {sure:g} s")
    return Choice(best, tuple(considered), "expects to be fastest")


def worth_asking(bound: BoundPattern) -> bool:
    """Whether a pattern has enough joins for another engine than SQL to be better."""
    return len(bound.pattern.positive) > 1 or any(edge.quantifier for edge in bound.pattern.positive)


def closes_circle(bound: BoundPattern) -> bool:
    """Whether an edge joins vertices that other edges join already, other than the same two."""
    group = {vertex.variable: vertex.variable for vertex in bound.pattern.vertices}
    for pair in {frozenset((edge.source, edge.target)) for edge in bound.pattern.positive}:
        if len(pair) < 2:
            continue
        a, b = (group[name] for name in pair)
        if a == b:
            return True
        group = {name: b if found == a else found for name, found in group.items()}
    return False

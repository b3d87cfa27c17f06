"""Does a swap chain mix: acceptance, moved connections, autocorrelation of the census, recommended length.

One chain runs on from the hub and its census is read at equal gaps. Where the null leaves hardly anything to
swap, the diagnosis says so, and significance reports no z. A constrained null (``block``, ``spatial``) also has to
forget where it began: two chains begin far apart in the census, a pilot pair fixes how many steps are left out, and a
second pair has to agree after so many (Gelman & Rubin 1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.motifs.nulls.models import Walk, random_state
from ingest.running.progress import Progress
from queries.snapshot import Snapshot

FEWEST_GRAPHS = 10
"""Fewer different graphs than this among the readings, and there is no distribution to speak of."""
LEAST_MOVED = 0.02
"""A smaller share of connections moved, and the samples are the observed graph over again."""
DECORRELATED = 0.1
PUSHES, PAIR_READINGS = 30, 40
BURN_INS = (0, 2, 4, 8, 16)
"""Readings left out."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """What a diagnosis found."""

    acceptance: float
    """Share of steps that changed the graph."""
    moved: float
    """Share of the observed connections that the last reading does not have."""
    different: int
    """Different graphs among the readings."""
    readings: int
    steps_per_edge: float
    """Between two readings."""
    autocorrelation: npt.NDArray[np.float64]
    """[lags, classes] of the census, lag 0 first; NaN for classes without spread."""
    recommended_steps_per_edge: float
    """Shortest gap after which no class remembers (autocorrelation < 0.1 or its noise); inf when none does."""
    trouble: str
    """Why the null cannot mix, in a sentence; empty when it can."""

    @property
    def mixes(self) -> bool:
        return not self.trouble


def autocorrelation(series: npt.NDArray[np.float64], lags: int) -> npt.NDArray[np.float64]:
    """Autocorrelation [lags, k] of ``series`` [t, k] at lags 0 .. lags-1; NaN where a column is constant."""
    centred = series - series.mean(axis=0)
    power = (centred**2).sum(axis=0)
    correlation = np.full((lags, series.shape[1]), np.nan)
    varied = power > 0
    for lag in range(lags):
        product = (centred[: len(series) - lag] * centred[lag:]).sum(axis=0)
        correlation[lag, varied] = product[varied] / power[varied]
    return correlation


def diagnose(
    walk: Walk,
    count: Callable[[Snapshot], npt.NDArray[np.int64]],
    seed: int,
    *,
    readings: int = 60,
    gaps_per_sample: int = 4,
    progress: Progress | None = None,
) -> Mixing:
    """Read the census of one chain ``readings`` times, ``gaps_per_sample`` times a sample's length.

    Args:
        walk: the chain behind the samples. count: the census of a graph, int64 [classes].
        seed: of the diagnosis; its chain is none of the samples'.
    """
    chain = walk.copy()
    steps = max(1, walk.steps // gaps_per_sample)
    # A key of two words: no sample's child has it.
    state = random_state(np.random.SeedSequence(seed, spawn_key=(0, 1)))
    accepted = 0
    series = []
    graphs = set()
    for done in range(readings):
        accepted += chain.run(steps, state)
        graph = chain.graph()
        graphs.add(hash(graph.out_target.tobytes()))
        series.append(np.asarray(count(graph), dtype=np.float64))
        if progress:
            progress(done + 1, readings)
    observed, now = (one.sources().astype(np.int64) * one.n + one.out_target for one in (walk.observed, graph))
    moved = 1.0 - float(np.isin(observed, now).mean()) if len(observed) else 0.0
    memory = autocorrelation(np.array(series), readings // 3)
    gap = steps / max(walk.observed.m, 1)
    acceptance = accepted / (steps * readings)
    constrained = walk.constrained and len(graphs) > 1
    far = _far_apart(walk, count, np.array(series), seed, gaps_per_sample) if constrained else ""
    return Mixing(
        acceptance=acceptance,
        moved=moved,
        different=len(graphs),
        readings=readings,
        steps_per_edge=gap,
        autocorrelation=memory,
        recommended_steps_per_edge=_recommended(memory, gap, readings),
        trouble=_trouble(walk, acceptance, moved, len(graphs), readings) or far,
    )


def _far_apart(
    walk: Walk,
    count: Callable[[Snapshot], npt.NDArray[np.int64]],
    series: npt.NDArray[np.float64],
    seed: int,
    gaps_per_sample: int,
) -> str:
    """Why chains that began far apart do not agree within a sample's length; empty where they do.

    Args:
        series: [readings, classes] of one chain; its largest common movement is what the two chains are pushed along.
    """
    spread = series.std(axis=0)
    varied = spread > 0
    if not varied.any():
        return ""
    scaled = (series[:, varied] - series[:, varied].mean(axis=0)) / spread[varied]
    along = np.zeros(series.shape[1])
    along[varied] = np.linalg.svd(scaled, full_matrices=False)[2][0] / spread[varied]
    pilot = [_pushed_series(walk, count, along * sign, seed, 2 + k, gaps_per_sample) for k, sign in ((0, 1), (1, -1))]
    burn_in = next((k for k in BURN_INS if _agree(pilot[0][k:], pilot[1][k:])), None)
    m = max(walk.observed.m, 1)
    per_edge = walk.steps / gaps_per_sample / m
    words = f"two chains of the null '{walk.null}' that began far apart"
    if burn_in is None:
        return (
            f"{words} still differ after {BURN_INS[-1] * per_edge:.3g} steps per connection; raise steps_per_edge, or "
            "use a null that keeps less"
        )
    again = [_pushed_series(walk, count, along * sign, seed, 4 + k, gaps_per_sample) for k, sign in ((0, 1), (1, -1))]
    # Samples are a sample's length away from where they began, so at least that is left out.
    left_out = max(burn_in, gaps_per_sample)
    if not _agree(again[0][left_out:], again[1][left_out:]):
        return f"{words} do not agree after the {left_out * per_edge:.3g} steps per connection that a pilot needed"
    if burn_in > gaps_per_sample:
        return (
            f"{words} agree after {burn_in * per_edge:.3g} steps per connection, samples have "
            f"{walk.steps / m:.3g}; raise steps_per_edge"
        )
    return ""


def _pushed_series(
    walk: Walk,
    count: Callable[[Snapshot], npt.NDArray[np.int64]],
    along: npt.NDArray[np.float64],
    seed: int,
    key: int,
    gaps_per_sample: int,
) -> npt.NDArray[np.float64]:
    """[readings, classes] of a chain that was first pushed as far along a direction as short runs lead."""
    state = random_state(np.random.SeedSequence(seed, spawn_key=(0, key)))

    def read(chain: Walk) -> npt.NDArray[np.float64]:
        return np.asarray(count(chain.graph()), np.float64)

    chain = walk.copy()
    best = float(along @ read(chain))
    for _ in range(PUSHES):
        other = chain.copy()
        other.run(max(1, walk.observed.m // 5), state)
        value = float(along @ read(other))
        if value >= best:
            chain, best = other, value
    series = []
    for _ in range(PAIR_READINGS):
        chain.run(max(1, walk.steps // gaps_per_sample), state)
        series.append(read(chain))
    return np.array(series)


def _agree(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether means of two chains are alike in every class, each with its own effective number of readings."""
    from scipy.stats import t

    noise, effective = np.zeros(one.shape[1]), np.zeros(one.shape[1])
    for series in (one, other):
        centred = series - series.mean(axis=0)
        power = (centred**2).sum(axis=0)
        memory = np.where(power > 0, (centred[1:] * centred[:-1]).sum(axis=0) / np.maximum(power, 1e-30), 0.0)
        memory = np.clip(memory, 0.0, 0.9)
        alone = len(series) * (1 - memory) / (1 + memory)
        noise += power / (len(series) - 1) / alone
        effective += alone
    left = np.abs(one.mean(axis=0) - other.mean(axis=0))
    # A count that one chain hardly ever changes has a noise that few readings do not show.
    noise = np.maximum(noise, 1.0 / len(one) ** 2)
    far = t.isf(0.0005 / one.shape[1], np.maximum(effective - 2.0, 4.0))
    return bool((left <= far * np.sqrt(noise)).all())


def _recommended(memory: npt.NDArray[np.float64], gap: float, readings: int) -> float:
    varied = memory[:, ~np.isnan(memory[0])]
    if varied.shape[1] == 0:
        return gap
    # The largest of many noisy estimates lies well above the noise of one.
    noise = (2.0 + np.sqrt(2.0 * np.log(varied.shape[1]))) / np.sqrt(readings)
    quiet = (varied < max(DECORRELATED, noise)).all(axis=1)
    first = np.flatnonzero(quiet)
    return float(gap * first[0]) if len(first) else float("inf")


def _trouble(walk: Walk, acceptance: float, moved: float, different: int, readings: int) -> str:
    if different >= min(FEWEST_GRAPHS, readings) and moved >= LEAST_MOVED:
        return ""
    m = walk.observed.m
    return (
        f"the null '{walk.null}' cannot mix on this graph: {readings} readings of its chain saw "
        f"{different} different graph{'s' * (different != 1)}, {moved:.1%} of {m:,} connections moved "
        f"and {acceptance:.2%} of steps were accepted, so too few connections can be swapped to compare with; "
        "use a null that keeps less "
        "(configuration, er), coarser types or fewer distance bins"
    )

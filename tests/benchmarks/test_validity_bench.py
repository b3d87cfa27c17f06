"""Do p values hold? Thousands of made sessions without any relation, by test, process and length.

``make bench`` prints the tables of docs/validity.md. A cell fails where the lower confidence bound of its rate,
clustered by session and corrected for all cells, exceeds the nominal level. A level below the floor of p is
unreachable: it proves nothing and is not called holding.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from graphlab.activity.behavior.decoding import decode
from graphlab.activity.behavior.drivers import drivers
from graphlab.activity.behavior.encoding import encode
from graphlab.activity.behavior.measures import TuningOptions
from graphlab.activity.behavior.pooling import pool
from graphlab.activity.behavior.tuning import tune
from graphlab.activity.sessions.session import Recorded, Session
from graphlab.activity.wiring.functional_connectivity import correlation_edges
from graphlab.activity.wiring.lagged import lagged_edges
from ingest.synthetic import signals

pytestmark = pytest.mark.bench
LEVELS = (0.05, 0.01, 0.002)
SESSIONS = int(os.environ.get("GRAPHLAB_VALIDITY_SESSIONS", "2000"))
TUNED = {f"AR(1) tau {tau}": signals.autoregression(tau) for tau in (4, 8, 15, 30)} | {
    "1/f": signals.pink,
    "shared drift, .5 sd": signals.drifting(0.5, 8.0),
}
OTHERS = {
    "bistable, dwell 25": signals.bistable(25.0),
    "oscillating, period 40": signals.oscillating(40.0, 60.0),
    "indicator, decay 12": signals.indicator(12.0, 0.05),
}
"""Looked at once, after every choice was made."""
EVERY = {name: TUNED[name] for name in ("AR(1) tau 4", "AR(1) tau 15", "1/f", "shared drift, .5 sd")} | OTHERS
BROKEN = {("tuning, circular", "shared drift, .5 sd"), ("classes, 6 permuted", "shared drift, .5 sd")}
"""Drift breaks what these say that they assume: shown, not gated."""
Found = tuple[np.ndarray, float, float]
"""p of every test, the smallest q, the floor."""


def session_of(made: np.ndarray, animal: str = "a") -> Session:
    """The last row is the behaviour."""
    frames = made.shape[1]
    neurons = [Recorded(i, 100 + i, f"N{i}", f"C{i % 5}") for i in range(len(made) - 1)]
    return Session(
        animal, np.arange(frames) * 0.5, np.zeros(frames, int), made[:-1].astype(np.float32), neurons, {"v": made[-1]}
    )


def of_tuning(**options: Any) -> Callable[[list[Session]], Found]:
    def test(sessions: list[Session]) -> Found:
        (found,) = tune(sessions[0], "v", TuningOptions(**options))
        floor = np.nan if found.null is None else found.null.floor
        return found.p, float(np.nanmin(found.q, initial=1.0)), floor

    return test


def of_classes(null: str) -> Callable[[list[Session]], Found]:
    def test(sessions: list[Session]) -> Found:
        options = TuningOptions(null=null)
        found = [
            tune(one, "v", options, [other for other in sessions if other is not one], keep_null=True)[0]
            for one in sessions
        ]
        rows = pool(sessions, found, options=options)
        return np.array([row.p for row in rows]), min(row.q for row in rows), rows[0].floor

    return test


def of_decoding(sessions: list[Session]) -> Found:
    found = decode(sessions[0], "v", surrogates=199)
    return np.array([found.p]), found.p, np.nan if found.null is None else found.null.floor


def of_encoding(sessions: list[Session]) -> Found:
    found = encode(sessions[0], surrogates=49, decays_s=(0.0, 4.0), folds=3)
    return found.p, float(np.nanmin(found.q)), np.nan if found.null is None else found.null.floor


def of_drivers(sessions: list[Session]) -> Found:
    """One trace drives the behaviour; the others are tested."""
    session = sessions[0]
    session.behaviors["v"] = session.behaviors["v"] + session.rows[0 : len(session.neurons)][0]
    found = drivers(session, "v")
    p = found.p[1:]
    return p, float(np.nanmin(found.p_family[1:], initial=1.0)), np.nan if found.null is None else found.null.floor


def of_edges(make: Callable[..., Any], measure: str) -> Callable[[list[Session]], Found]:
    def test(sessions: list[Session]) -> Found:
        found = make(sessions[0], measure, surrogates=400)
        return found.p, float(np.nanmin(found.q, initial=1.0)), np.nan if found.null is None else found.null.floor

    return test


@dataclass(frozen=True)
class Cell:
    test: str
    process: str
    frames: int
    ask: Callable[[list[Session]], Found]
    make: signals.Process
    rows: int = 21
    animals: int = 1
    sessions: int = SESSIONS


def cells() -> list[Cell]:
    linear = of_tuning()
    found = [
        Cell("tuning, r", name, frames, linear, make) for name, make in TUNED.items() for frames in (400, 800, 1600)
    ]
    found += [Cell("tuning, r", name, frames, linear, make) for name, make in OTHERS.items() for frames in (800, 1600)]
    found += [Cell("tuning, r", "AR(1) tau 8", 4000, linear, TUNED["AR(1) tau 8"], 11, sessions=SESSIONS // 5)]
    lagged, granger = of_edges(lagged_edges, "cross_correlation"), of_edges(lagged_edges, "granger")
    raw = of_edges(correlation_edges, "raw")
    for name, make in EVERY.items():
        found += [
            Cell("tuning, circular", name, 800, of_tuning(null="circular"), make, sessions=SESSIONS // 4),
            Cell("tuning, lagged", name, 800, of_tuning(measures=("lagged",)), make, 11, sessions=SESSIONS // 5),
            Cell("classes, 3 shifted", name, 800, of_classes("shift"), make, 11, 3, SESSIONS // 10),
            Cell("classes, 6 permuted", name, 800, of_classes("pseudo_session"), make, 11, 6, SESSIONS // 20),
            Cell("correlation, raw", name, 800, raw, make, 7, sessions=SESSIONS // 10),
            Cell("decoding R^2", name, 800, of_decoding, make, 11, sessions=SESSIONS // 20),
            Cell("drivers, one true", name, 1600, of_drivers, make, 9, sessions=SESSIONS // 20),
            Cell("lagged, cross", name, 800, lagged, make, 6, sessions=SESSIONS // 20),
            Cell("lagged, granger", name, 800, granger, make, 5, sessions=SESSIONS // 50),
            Cell("encoding R^2", name, 800, of_encoding, make, 6, sessions=SESSIONS // 100),
        ]
    return found


def measured(cell: Cell, count: int) -> tuple[dict[float, str], str, bool]:
    """(verdict of every level as text, share of null sessions with any discovery, whether nothing failed)."""
    shares: dict[float, list[float]] = {level: [] for level in LEVELS}
    any_found, floors = [], []
    for seed in range(cell.sessions):
        rng = np.random.default_rng([seed, *cell.process.encode()])
        sessions = [session_of(cell.make(rng, cell.rows, cell.frames), f"a{k}") for k in range(cell.animals)]
        p, q, floor = cell.ask(sessions)
        for level in LEVELS:
            shares[level].append(float(np.mean(np.nan_to_num(p, nan=1.0) <= level)))
        any_found.append(q <= 0.05)
        floors.append(floor)
    quantile = norm.isf(0.05 / (count * (len(LEVELS) + 1)))
    text, fine = {}, True
    floor = float(np.nanmedian(floors)) if np.isfinite(floors).any() else np.inf
    for level in LEVELS:
        rate, error = np.mean(shares[level]), np.std(shares[level]) / np.sqrt(cell.sessions)
        holds = rate - quantile * error <= level
        fine = fine and holds
        text[level] = "unreachable" if floor > level else f"{rate:.4f}" + ("" if holds else " FAILS")
    rate = float(np.mean(any_found))
    holds = rate - quantile * np.sqrt(rate * (1 - rate) / cell.sessions) <= 0.05
    return text, f"{rate:.3f}" + ("" if holds else " FAILS"), fine and holds


def line(cell: Cell, count: int) -> tuple[str, bool]:
    """(a row of the table, whether the cell holds)."""
    levels, discovered, fine = measured(cell, count)
    row = [cell.test, cell.process, f"{cell.frames:,}", f"{cell.sessions:,}", *levels.values(), discovered]
    return "| " + " | ".join(row) + " |", fine


def test_p_values_hold() -> None:
    every, failed = cells(), []
    print("\n| test | process | frames | sessions | p <= .05 | p <= .01 | p <= .002 | any found |")
    print("|---|---|---|---|---|---|---|---|")
    for cell in every:
        text, fine = line(cell, len(every))
        print(text, flush=True)
        failed += [] if fine or (cell.test, cell.process) in BROKEN else [text]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize(("frames", "time_frames", "r", "least"), [(1600, 4.0, 0.5, 0.8), (800, 15.0, 0.7, 0.8)])
def test_one_planted_neuron_of_fifty_is_found(frames: int, time_frames: float, r: float, least: float) -> None:
    make, found = signals.autoregression(time_frames), []
    for seed in range(SESSIONS // 4):
        made = make(np.random.default_rng(seed), 51, frames)
        made[-1] = r * made[0] + np.sqrt(1 - r**2) * made[-1]
        (one,) = tune(session_of(made), "v", TuningOptions())
        found.append(one.q[0] <= 0.05)
    print(f"\n{frames} frames, tau {time_frames:g}, r {r}: found in {np.mean(found):.3f} of {len(found)} sessions")
    assert np.mean(found) >= least

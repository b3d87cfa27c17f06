"""Made sessions whose truth is known: autocorrelated activity, shared drift, behaviour of known neurons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from graphlab import Graph
from graphlab.activity.sessions.session import Recorded, Session


def autocorrelated(rng: np.random.Generator, rows: int, frames: int, time_frames: float) -> np.ndarray:
    """[rows, frames] of a first-order autoregression with this decay, unit variance, stationary from the start."""
    keep = np.exp(-1.0 / time_frames)
    noise = rng.normal(size=(rows, frames)) * np.sqrt(1.0 - keep**2)
    noise[:, 0] = rng.normal(size=rows)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=1))


def world(
    seed: int,
    neurons: int = 40,
    frames: int = 1500,
    drivers: int = 4,
    time_frames: float = 10.0,
    noise: float = 0.5,
    drift: float = 2.0,
    related: bool = True,
    segments: int = 1,
) -> tuple[Session, np.ndarray]:
    """(session with the behaviour ``speed``, driver numbers): drift is shared by all neurons and the behaviour.

    ``noise`` is the behaviour's own noise as a share of its spread; ``drift`` is in the neurons' standard deviations.
    """
    rng = np.random.default_rng(seed)
    traces = autocorrelated(rng, neurons, frames, time_frames)
    chosen = np.sort(rng.choice(neurons, drivers, replace=False))
    signs = rng.choice([-1.0, 1.0], size=drivers)
    signal = (signs @ traces[chosen]) / np.sqrt(drivers) if related else autocorrelated(rng, 1, frames, time_frames)[0]
    behavior = signal + noise * autocorrelated(rng, 1, frames, time_frames)[0]
    slow = np.cos(np.pi * (np.arange(frames) + 0.5) / frames) + 0.5 * np.cos(
        2 * np.pi * (np.arange(frames) + 0.5) / frames
    )
    traces = traces + drift * rng.uniform(0.5, 1.5, size=(neurons, 1)) * slow
    behavior = behavior + drift * slow
    segment = np.repeat(np.arange(segments), -(-frames // segments))[:frames]
    session = Session(
        "made",
        np.arange(frames) * 0.5 + segment * 100.0,
        segment,
        traces.astype(np.float32),
        [Recorded(i, i + 1, f"N{i}", f"C{i % 10}", 5.0) for i in range(neurons)],
        {"speed": behavior},
    )
    return session, chosen


@pytest.fixture(scope="session")
def make_world() -> Callable[..., tuple[Session, np.ndarray]]:
    return world


@pytest.fixture(scope="session")
def make_autocorrelated() -> Callable[..., np.ndarray]:
    return autocorrelated


@pytest.fixture(scope="session")
def dag(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Four identified worms and one without identities (Dag et al. 2023), in a graph."""
    folder = real_data / "celegans_dag2023_wholebrain"
    with Graph.create(tmp_path_factory.mktemp("dag") / "g") as graph:
        for path in sorted(folder.glob("swf*/*.h5")):
            labels = folder / "derived_neuron_labels.csv"
            graph.ingest(path, as_="recordings", labels=str(labels), same_name="best")
        yield graph

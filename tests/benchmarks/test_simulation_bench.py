"""One second of a whole brain beside Brian2's compiled standalone, and how cost grows with activity.

``GRAPHLAB_BRIAN2`` names the python of an environment with Brian2; without it the peer is left out, and that is said.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.circuits.simulation.drive import RandomDrive
from graphlab.circuits.simulation.neurons import Neuron
from graphlab.circuits.simulation.spiking import Network, simulate_spikes

NEURONS, CONNECTIONS = 139_000, 15_000_000
DRIVEN = 60
"""With these about 400 neurons fire."""
TRIALS, PEER_TRIALS = 30, 5


@pytest.fixture(scope="module")
def made() -> Network:
    """Connections at random, counts geometric with a mean of eight, six of ten neurons excitatory."""
    rng = np.random.default_rng(0)
    key = np.unique(rng.integers(0, NEURONS * NEURONS, CONNECTIONS + 20_000))
    key = key[np.sort(rng.choice(len(key), CONNECTIONS, replace=False, shuffle=False))]
    pre, post = np.divmod(key, NEURONS)
    start = np.searchsorted(pre, np.arange(NEURONS + 1)).astype(np.int64)
    sign = np.where(rng.random(NEURONS) < 0.6, 1, -1)[pre]
    weight = (rng.geometric(0.12, CONNECTIONS) * sign).astype(np.float64)
    return Network(start, post.astype(np.int32), weight, np.zeros(NEURONS, np.bool_))


def simulated(made: Network, driven: int = DRIVEN, trials: int = TRIALS, workers: int = 1) -> Any:
    return simulate_spikes(made, RandomDrive(np.arange(driven), 150.0), Neuron(), 1000.0, trials, workers=workers)


def test_thirty_trials(made: Network, side_by_side: Callable[..., Any], tmp_path: Path) -> None:
    contenders: dict[str, Callable[[], Any]] = {
        "graphlab, 30 trials, one core": lambda: simulated(made),
        "graphlab, 30 trials, two threads": lambda: simulated(made, workers=2),
        "graphlab, 1 trial (goal 1 s)": lambda: simulated(made, trials=1),
    }
    brian2 = os.environ.get("GRAPHLAB_BRIAN2")
    if brian2:
        pre = np.repeat(np.arange(NEURONS), np.diff(made.start))
        np.savez(
            tmp_path / "network.npz", neurons=NEURONS, driven=np.arange(DRIVEN), seconds=1.0, pre=pre, post=made.target,
            count=made.weight,
        )  # fmt: skip
        script = Path(__file__).with_name("brian2_peer.py")
        start = time.perf_counter()
        done = subprocess.run([brian2, str(script), str(tmp_path)], check=True, capture_output=True, text=True)
        side_by_side.note(
            f"Brian2: built, compiled and run once in {time.perf_counter() - start:.0f} s (left out below); spikes and "
            f"neurons that fired in its trial: {done.stdout.split()[-2:]}"
        )
        program = tmp_path / "brian" / "main"
        contenders["Brian2 standalone, 1 trial, its whole program"] = lambda: subprocess.run(
            [str(program), "--results_dir", "results/"], cwd=program.parent, check=True, capture_output=True
        )
    measured = side_by_side("139k neurons, 15 M connections, 1 s", contenders, rounds=PEER_TRIALS)
    found = simulated(made)
    side_by_side.note(f"ours: {len(found.step) / TRIALS:,.0f} spikes a trial, {len(found.nodes()):,} neurons fired")
    if brian2:
        peer = measured["Brian2 standalone, 1 trial, its whole program"].median * TRIALS
        ours = measured["graphlab, 30 trials, one core"].median
        side_by_side.note(
            f"30 trials: Brian2 {peer:.1f} s (its median trial times 30), ours {ours:.2f} s: {peer / ours:.1f}x"
        )


def test_cost_grows_with_activity(made: Network, side_by_side: Callable[..., Any]) -> None:
    contenders = {
        f"{driven:,} driven": (lambda k: lambda: simulated(made, k, 1))(driven) for driven in (15, 150, 1500, 5000)
    }
    for name, one in side_by_side("cost of a trial by activity", contenders, rounds=3).items():
        found = one.result
        side_by_side.note(
            f"{name}: {len(found.nodes()):,} neurons fired, {len(found.step):,} spikes, {one.median:.2f} s"
        )

"""Spikes against Brian2's, stored with the script that made them, and against a plain loop over every step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.circuits.simulation.drive import GivenDrive, RandomDrive
from graphlab.circuits.simulation.neurons import Neuron
from graphlab.circuits.simulation.spiking import Network, Spikes, simulate_spikes
from graphlab.circuits.simulation.tables import by_trial
from ingest.running.task_runners import Processes
from ingest.schema.errors import AnalysisError

STORED = Path(__file__).parents[3] / "data" / "brian2_spikes.npz"


def network(n: int, pre: Any, post: Any, count: Any, silenced: Any = ()) -> Network:
    wires = sparse.csr_array((np.asarray(count, float), (np.asarray(pre, int), np.asarray(post, int))), shape=(n, n))
    wires.sort_indices()
    quiet = np.zeros(n, bool)
    quiet[np.asarray(silenced, int)] = True
    return Network(wires.indptr.astype(np.int64), wires.indices.astype(np.int32), wires.data, quiet)


def stored(number: int) -> dict[str, np.ndarray]:
    with np.load(STORED) as kept:
        return {name.split("/")[1]: kept[name] for name in kept.files if name.split("/")[0] == str(number)}


@pytest.mark.parametrize("number", range(20))
def test_every_spike_is_brian2s(number: int) -> None:
    made = stored(number)
    wired = network(200, made["pre"], made["post"], made["count"], made["silenced"])
    found = simulate_spikes(wired, Given(made["driven"], made["input_neuron"], made["input_step"]), Neuron(), 250.0, 1)
    assert len(made["spike_step"]) > 1000
    np.testing.assert_array_equal(found.step, made["spike_step"])
    np.testing.assert_array_equal(found.node, made["spike_neuron"])


class Given(GivenDrive):
    """The stored inputs: neurons may be driven without an input in this train."""

    def __init__(self, driven: np.ndarray, neuron: np.ndarray, step: np.ndarray) -> None:
        super().__init__(neuron.astype(np.int64), step * 0.1)
        assert set(neuron.tolist()) <= set(driven.tolist())


def test_the_stored_networks_hold_what_must_be_tried() -> None:
    """Arrivals while refractory, coincident spikes, inhibition, driven neurons that spike in a row, silenced ones."""
    lost = coincident = row = silenced = inhibitory = 0
    for number in range(20):
        made = stored(number)
        step, neuron = made["spike_step"].astype(int), made["spike_neuron"].astype(int)
        driven = set(made["driven"].tolist())
        last: dict[int, int] = {}
        spiked = {(int(s), int(i)) for s, i in zip(step, neuron, strict=True)}
        coincident += len(step) - len(set(step.tolist()))
        for s, i in zip(step.tolist(), neuron.tolist(), strict=True):
            row += i in driven and s - last.get(i, -100) < 22
            last[i] = s
        held = {(s + k, i) for s, i in spiked if i not in driven for k in range(22)}
        post = {i: made["post"][made["pre"] == i].astype(int) for i in set(neuron.tolist())}
        lost += sum((s + 18, int(j)) in held for s, i in spiked for j in post[i])
        silenced += sum(int(i) in set(made["silenced"].tolist()) for i in neuron)
        inhibitory += int((made["count"] < 0).sum())
    assert min(lost, coincident, row, silenced, inhibitory) > 100


def plainly(wired: Network, jumps: dict[int, list[int]], driven: set[int], neuron: Neuron, steps: int) -> list[Any]:
    """Every neuron in every step, by one-step factors."""
    n = wired.n
    keep, fall = math.exp(-neuron.step_ms / neuron.membrane_ms), math.exp(-neuron.step_ms / neuron.synapse_ms)
    gain = neuron.synapse_ms / (neuron.synapse_ms - neuron.membrane_ms) * (fall - keep)
    held = neuron.steps(neuron.refractory_ms, "refractory_ms")
    delay = neuron.steps(neuron.delay_ms, "delay_ms")
    u, g, last = [0.0] * n, [0.0] * n, [-(10**6)] * n
    spiked: list[list[int]] = []
    for step in range(steps):
        open_ = [step - last[i] >= (1 if i in driven else max(held, 1)) for i in range(n)]
        for i in range(n):
            if open_[i]:
                u[i], g[i] = keep * u[i] + gain * g[i], fall * g[i]
        now = [i for i in range(n) if open_[i] and u[i] > neuron.threshold_mv - neuron.rest_mv]
        spiked.append(now)
        for i in now:
            open_[i], last[i] = False, step
        for j in spiked[step - delay] if step >= delay else []:
            if not wired.silenced[j]:
                for e in range(wired.start[j], wired.start[j + 1]):
                    if open_[wired.target[e]]:
                        g[wired.target[e]] += neuron.synapse_mv * wired.weight[e]
        for i in jumps.get(step, []):
            if open_[i]:
                u[i] += neuron.input_mv
        for i in now:
            u[i], g[i] = neuron.reset_mv - neuron.rest_mv, 0.0
    return [(step, i) for step, now in enumerate(spiked) for i in now]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.8]), st.sampled_from([0.0, 0.1, 2.2]), st.booleans())
def test_events_give_what_a_plain_loop_gives(seed: int, delay: float, held: float, slow: bool) -> None:
    """Other constants than the published ones, too."""
    rng = np.random.default_rng(seed)
    n, steps = 8, 300
    neuron = Neuron(
        delay_ms=delay,
        refractory_ms=held,
        reset_mv=-55.0 if slow else -52.0,
        membrane_ms=3.7 if slow else 20.0,
        input_mv=12.3,
        synapse_mv=0.917,
    )
    pre, post = np.nonzero(rng.random((n, n)) < 0.4)
    wired = network(n, pre, post, rng.integers(-15, 40, len(pre)), rng.choice(n, 2, replace=False))
    step, node = rng.integers(0, steps, 60), rng.integers(0, 3, 60)
    jumps: dict[int, list[int]] = {}
    for s, i in zip(step.tolist(), node.tolist(), strict=True):
        jumps.setdefault(s, []).append(i)
    drive = GivenDrive(node, step * neuron.step_ms)
    found = simulate_spikes(wired, drive, neuron, steps * neuron.step_ms, 1)
    expected = plainly(wired, jumps, set(node.tolist()), neuron, steps)
    assert list(zip(found.step.tolist(), found.node.tolist(), strict=True)) == expected


def test_a_neuron_that_was_left_alone_for_long_has_moved_by_the_same_equations() -> None:
    """Longer than the tables of powers reach."""
    wired = network(2, [0], [1], [300])
    neuron = Neuron()
    far = 2_000.0
    drive = GivenDrive(np.array([0, 0, 0]), np.array([0.0, far, far + 3]))
    found = simulate_spikes(wired, drive, neuron, far + 100, 1)
    jumps = {0: [0], 20_000: [0], 20_030: [0]}
    assert list(zip(found.step, found.node, strict=True)) == plainly(wired, jumps, {0}, neuron, 21_000)
    assert (found.node == 1).any()


def recurrent(seed: int = 3) -> Network:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((300, 300)) < 0.05)
    return network(300, pre, post, rng.integers(-20, 40, len(pre)))


def same(a: Spikes, b: Spikes) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("trial", "step", "node"))


def test_workers_do_not_change_a_byte() -> None:
    drive = RandomDrive(np.arange(20), 150.0)
    alone = simulate_spikes(recurrent(), drive, Neuron(), 100.0, 5, seed=11)
    assert len(alone.step) > 100
    assert same(alone, simulate_spikes(recurrent(), drive, Neuron(), 100.0, 5, seed=11, workers=3))
    assert same(alone, simulate_spikes(recurrent(), drive, Neuron(), 100.0, 5, seed=11, workers=Processes(2)))
    assert not same(alone, simulate_spikes(recurrent(), drive, Neuron(), 100.0, 5, seed=12))


def test_trials_differ_and_more_of_them_begin_with_the_same() -> None:
    drive = RandomDrive(np.arange(20), 150.0)
    few, more = (simulate_spikes(recurrent(), drive, Neuron(), 100.0, trials, seed=1) for trials in (2, 4))
    kept = more.trial < 2
    assert np.array_equal(few.step, more.step[kept])
    assert np.array_equal(few.node, more.node[kept])
    assert not np.array_equal(few.step[few.trial == 0], few.step[few.trial == 1])


def test_rates_are_those_of_the_spikes() -> None:
    found = simulate_spikes(recurrent(), RandomDrive(np.arange(20), 150.0), Neuron(), 100.0, 3, seed=1)
    nodes = found.nodes()
    rates = by_trial(found, nodes)
    assert rates.sum() * found.duration_s == pytest.approx(len(found.step))
    for k in (0, len(nodes) // 2, len(nodes) - 1):
        for trial in range(3):
            spikes = ((found.node == nodes[k]) & (found.trial == trial)).sum()
            assert rates[trial, k] == pytest.approx(spikes / 0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step_ms": 2.0}, "too long"),
        ({"step_ms": 0.0}, "above 0"),
        ({"delay_ms": 1.85}, "whole number of steps"),
        ({"threshold_mv": -60.0}, "spike without input"),
        ({"synapse_mv": math.nan}, "give a number"),
        ({"synapse_ms": 20.0}, "equal"),
        ({"refractory_ms": -1.0}, "whole number of steps"),
    ],
)
def test_constants_that_make_no_neuron_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        Neuron(**change)


def test_a_simulation_that_cannot_be_is_refused() -> None:
    wired, drive = recurrent(), RandomDrive(np.arange(3), 150.0)
    with pytest.raises(AnalysisError, match="duration_ms is 0"):
        simulate_spikes(wired, drive, Neuron(), 0.0)
    with pytest.raises(AnalysisError, match="whole number of steps"):
        simulate_spikes(wired, drive, Neuron(), 10.03)
    with pytest.raises(AnalysisError, match="trials is 0"):
        simulate_spikes(wired, drive, Neuron(), 10.0, 0)
    with pytest.raises(AnalysisError, match="2 connections have a weight that is no finite number"):
        network(3, [0, 1, 2], [1, 2, 0], [1.0, math.nan, math.inf])

"""Made responses: the steady state by solving it, noise and verdicts as said, and the reader that takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.recordings.responses import read_responses
from ingest.synthetic.activity import LEAK
from ingest.synthetic.connectome import Synthetic, make
from ingest.synthetic.responses import MOST_STIMULATED, NOISE, VERDICT


@pytest.mark.parametrize("seed", [0, 1])
def test_effects_are_the_steady_state_of_a_held_neuron(seed: int) -> None:
    source = Synthetic(150, seed=seed, recorded=40, frames=1)
    post, pre, share = source.recording.inputs
    flow = np.zeros((40, 40))
    flow[post, pre] = source.recording.gains[post] * share
    wanted = np.empty((40, 40))
    for held in range(40):
        free = np.delete(np.arange(40), held)
        system = (1 - LEAK) * np.eye(39) - flow[np.ix_(free, free)]
        wanted[held, free] = np.linalg.solve(system, flow[free, held])
        wanted[held, held] = 1.0
    assert np.abs(source.stimulation.effect - wanted).max() < 1e-6
    assert np.abs(wanted[~np.eye(40, dtype=bool)]).max() > 10 * NOISE


def test_noise_and_verdicts_are_as_said() -> None:
    source = Synthetic(400, seed=3, recorded=150, frames=1)
    table = pa.Table.from_batches(source.responses())
    effect = source.stimulation.effect[~np.eye(150, dtype=bool)]
    value, connected = table["value"].to_numpy(), table["connected"].to_numpy()
    noise = value - effect
    assert noise.std() == pytest.approx(NOISE, rel=0.02)
    assert abs(noise.mean()) < 4 * NOISE / np.sqrt(len(noise))
    assert np.array_equal(connected, np.abs(value) > VERDICT * NOISE)
    silent = np.abs(effect) < NOISE / 100
    assert silent.sum() > 1_000
    assert connected[silent].mean() == pytest.approx(0.0027, abs=0.0027)
    assert connected[np.abs(effect) > 6 * NOISE].mean() > 0.99


def test_the_file_is_taken_and_is_of_so_many_neurons_at_most(tmp_path: Path) -> None:
    made = make(tmp_path / "made", neurons=300, seed=1, frames=1, recorded=MOST_STIMULATED + 20)
    table = read_responses(made.responses)
    assert table.num_rows == MOST_STIMULATED * (MOST_STIMULATED - 1)
    recorded = set(pq.read_table(made.recordings)["root_id"].to_pylist())
    assert set(table["pre_root_id"].to_pylist()) == set(table["post_root_id"].to_pylist()) <= recorded
    assert table.equals(pq.read_table(made.responses))

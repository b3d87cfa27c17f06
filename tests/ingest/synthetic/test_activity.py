import numpy as np
import pyarrow as pa
import pytest

from ingest.schema.errors import AnalysisError
from ingest.synthetic.activity import BEHAVIORS, LEAK, TRAIT_GAIN
from ingest.synthetic.connectome import Synthetic


@pytest.fixture(scope="module")
def made() -> Synthetic:
    return Synthetic(300, 30_000, seed=4, frames=4_000, recorded=200)


def frames_of(made: Synthetic) -> np.ndarray:
    table = pa.Table.from_batches(made.activity())
    return table["activity"].to_numpy().reshape(-1, len(made.recording.recorded)).astype(np.float64)


def test_shares_are_signed_and_sum_to_one(made: Synthetic) -> None:
    post, pre, share = made.recording.inputs
    total = np.bincount(post, weights=np.abs(share), minlength=200)
    assert np.allclose(total[np.unique(post)], 1.0)
    assert np.array_equal(np.sign(share), made.population.sign[made.recording.recorded][pre])


def test_shares_are_the_wirings_own(made: Synthetic) -> None:
    counts = np.zeros((300, 300))
    for block in range(made.wiring.blocks()):
        pre, post, weight = made.wiring.connections(block)
        np.add.at(counts, (post, pre), weight)
    recorded = made.recording.recorded
    inside = counts[np.ix_(recorded, recorded)]
    post, pre, share = made.recording.inputs
    wanted = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    assert np.allclose(np.abs(share), wanted[post, pre])
    assert len(post) == np.count_nonzero(inside)


def test_leak_and_gains_come_back_by_regression(made: Synthetic) -> None:
    frames = frames_of(made)
    post, pre, share = made.recording.inputs
    mixing = np.zeros((200, 200))
    mixing[post, pre] = share
    arriving = frames[:-1] @ mixing.T
    wired = np.flatnonzero(np.abs(mixing).sum(axis=1) > 0)
    leaks, gains, errors = [], [], []
    for neuron in wired:
        known = np.column_stack([frames[:-1, neuron], arriving[:, neuron]])
        (leak, gain), left, *_ = np.linalg.lstsq(known, frames[1:, neuron], rcond=None)
        leaks.append(leak)
        gains.append(gain)
        errors.append(np.sqrt(np.linalg.inv(known.T @ known)[1, 1] * left[0] / len(known)))
    assert abs(np.mean(leaks) - LEAK) < 0.01
    off = (np.array(gains) - made.recording.gains[wired]) / np.array(errors)
    # Standard scores of an unbiased estimate.
    assert abs(off.mean()) < 0.3
    assert 0.8 < off.std() < 1.2


def test_gains_follow_the_hidden_trait(made: Synthetic) -> None:
    trait = made.population.trait[made.recording.recorded]
    assert np.allclose(np.log(made.recording.gains / 0.2), TRAIT_GAIN * trait)


def test_behaviour_follows_its_drivers_and_nobody_else(made: Synthetic) -> None:
    frames, table = frames_of(made), pa.Table.from_batches(made.behavior())
    assert table.num_rows == 4_000
    for row, name in enumerate(BEHAVIORS):
        design = np.column_stack([frames, np.ones(len(frames))])
        found, *_ = np.linalg.lstsq(design, table[name].to_numpy(), rcond=None)
        wanted = np.zeros(201)
        wanted[made.recording.drivers[row]] = made.recording.coefficients[row]
        assert np.abs(found - wanted).max() < 0.06


def test_a_runaway_gain_is_refused() -> None:
    with pytest.raises(AnalysisError, match="runs away"):
        Synthetic(100, gain=0.5)

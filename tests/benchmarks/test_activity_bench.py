"""Activity at the size of a whole larval brain: correlation matrix and shift-null tuning in bounded memory."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.activity.behavior.measures import TuningOptions
from graphlab.activity.behavior.tuning import tune
from graphlab.activity.sessions.session import Recorded, Session
from graphlab.activity.wiring.functional_connectivity import correlation_matrix
from graphlab.store.recordings.files import RowFile

NEURONS, FRAMES = 10_000, 100_000
SLICE = 10_000
"""Frames of the side-by-side run: numpy's own needs 8 bytes a value and copies, so the whole would take some 20 GB."""
SURROGATES = 200


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[RowFile, np.ndarray]:
    """Autocorrelated float32 activity in a file (moving sums of noise), and a behaviour that follows ten neurons."""
    folder = tmp_path_factory.mktemp("bench")
    rows = RowFile(folder, NEURONS, FRAMES)
    rng = np.random.default_rng(0)
    behavior = np.zeros(FRAMES)
    for first in range(0, NEURONS, 100):
        noise = rng.standard_normal((100, FRAMES), dtype=np.float32)
        block = np.cumsum(noise, axis=1, dtype=np.float32)
        block[:, 8:] -= block[:, :-8].copy()
        rows[first : first + 100] = block
        if first == 0:
            behavior += block[:10].sum(axis=0)
    return rows, behavior + rng.normal(0, 5, FRAMES)


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def test_whole_size_stays_under_4_gb(recording: tuple[RowFile, np.ndarray], tmp_path: Path, side_by_side: Any) -> None:
    rows, behavior = recording
    segment = np.zeros(FRAMES, dtype=np.int64)
    told: list[int] = []
    scratch = RowFile(tmp_path, NEURONS, FRAMES)

    def matrix() -> np.ndarray:
        return correlation_matrix(rows, segment, out=scratch, progress=lambda done, total: told.append(done))

    measured = side_by_side(
        f"correlation matrix, {NEURONS:,} neurons x {FRAMES:,} frames", {"ours": matrix}, rounds=1, warmup=0
    )
    found = measured["ours"].result
    sample = np.concatenate([rows[i : i + 1] for i in range(0, NEURONS, 500)]).astype(np.float64)
    np.testing.assert_allclose(found[::500, ::500], np.corrcoef(sample), atol=1e-4)
    assert len(told) > 50
    assert measured["ours"].peak_mb < 4096
    del measured, found
    session = Session(
        "bench", np.arange(FRAMES) * 0.1, segment, rows, [Recorded(i) for i in range(NEURONS)], {"speed": behavior}
    )

    def tuning() -> Any:
        (one,) = tune(
            session, "speed", TuningOptions(surrogates=SURROGATES), progress=lambda done, total: told.append(done)
        )
        return one

    measured = side_by_side(
        f"tuning with {SURROGATES} shifts, {NEURONS:,} neurons x {FRAMES:,} frames",
        {"ours": tuning},
        rounds=1,
        warmup=0,
    )
    assert (measured["ours"].result.p[:10] < 0.01).all()
    assert measured["ours"].peak_mb < 4096
    side_by_side.note(f"peak resident memory of the process over both: {peak_gb():.2f} GB (limit 4 GB)")
    assert peak_gb() < 4.0


def test_beside_naive_numpy(recording: tuple[RowFile, np.ndarray], side_by_side: Any) -> None:
    """np.corrcoef on the same float32 array, and a loop of np.roll and dot for the shifts, on a tenth of the frames."""
    rows, behavior = recording
    values = np.empty((NEURONS, SLICE), dtype=np.float32)
    for first in range(0, NEURONS, 100):
        values[first : first + 100] = rows[first : first + 100][:, :SLICE]
    segment = np.zeros(SLICE, dtype=np.int64)
    measured = side_by_side(
        f"correlation matrix, {NEURONS:,} neurons x {SLICE:,} frames",
        {"ours": lambda: correlation_matrix(values, segment), "np.corrcoef": lambda: np.corrcoef(values)},
        rounds=2,
        warmup=0,
    )
    np.testing.assert_allclose(measured["ours"].result[:50, :50], measured["np.corrcoef"].result[:50, :50], atol=1e-4)
    few = 20
    session = Session(
        "bench", np.arange(SLICE) * 0.1, segment, values, [Recorded(i) for i in range(NEURONS)],
        {"speed": behavior[:SLICE]},
    )  # fmt: skip

    def naive() -> np.ndarray:
        z = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
        y = (behavior[:SLICE] - behavior[:SLICE].mean()) / behavior[:SLICE].std()
        rng = np.random.default_rng(0)
        real = np.abs(z @ y)
        extreme = np.zeros(NEURONS)
        for _ in range(few):
            extreme += np.abs(z @ np.roll(y, rng.integers(50, SLICE - 50))) >= real
        return (extreme + 1) / (few + 1)

    side_by_side(
        f"tuning with {few} shifts, {NEURONS:,} neurons x {SLICE:,} frames",
        {"ours": lambda: tune(session, "speed", TuningOptions(surrogates=few)), "numpy loop": naive},
        rounds=2,
        warmup=0,
    )

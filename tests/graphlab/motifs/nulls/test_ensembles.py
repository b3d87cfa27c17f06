"""Sampling: the same bytes whatever the workers, saved as it goes, continued where it was cut."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphlab.motifs.nulls import ensembles
from graphlab.motifs.nulls.ensembles import InterruptedSamples, SampleFolder, content_hash, options_hash, sample_counts
from graphlab.motifs.nulls.models import NullOptions, Sampler
from graphlab.motifs.nulls.registered import null_model
from ingest.schema.errors import AnalysisError, GraphlabError
from queries.snapshot import Snapshot


def graph() -> Snapshot:
    rng = np.random.default_rng(1)
    pairs = np.unique(rng.integers(0, 60, (500, 2)), axis=0)
    return Snapshot.from_edges(np.arange(1, 61, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


def count(snapshot: Snapshot) -> np.ndarray:
    """Something that tells graphs apart: moments of the targets, and mutual dyads."""
    key = snapshot.sources().astype(np.int64) * snapshot.n + snapshot.out_target
    back = snapshot.out_target.astype(np.int64) * snapshot.n + snapshot.sources()
    place = np.arange(snapshot.m)
    return np.array([np.isin(key, back).sum(), (snapshot.out_target * place).sum(), (key * place % 1009).sum()])


@pytest.fixture(params=["configuration", "er", "triads"])
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return null_model(request.param).prepare(graph(), NullOptions(), 5)


def test_workers_do_not_change_a_byte(sampler: Sampler) -> None:
    alone = sample_counts(sampler, count, samples=24, seed=5)
    together = sample_counts(sampler, count, samples=24, seed=5, workers=2)
    assert alone.shape == (24, 3)
    assert alone.tobytes() == together.tobytes()
    assert len(np.unique(alone[:, 1])) > 20
    assert not np.array_equal(alone, sample_counts(sampler, count, samples=24, seed=6))


def test_interrupted_samples_are_kept_and_continued(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensembles, "FLUSH_SECONDS", 0.0)
    whole = sample_counts(sampler, count, samples=20, seed=5)
    folder = SampleFolder.of(tmp_path, {"null": "x", "seed": 5})
    calls: list[int] = []

    def count_then_stop(snapshot: Snapshot) -> np.ndarray:
        calls.append(1)
        if len(calls) >= 8:  # the worker draws on until it is told, and what it still finished would be kept
            raise KeyboardInterrupt
        return count(snapshot)

    with pytest.raises(InterruptedSamples, match="7 of 20 null samples are saved") as caught:
        sample_counts(sampler, count_then_stop, samples=20, seed=5, folder=folder)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert isinstance(caught.value, GraphlabError)
    assert np.array_equal(caught.value.samples, whole[:7])
    calls.clear()
    seen: list[tuple[int, int]] = []

    def count_on(snapshot: Snapshot) -> np.ndarray:
        calls.append(1)
        return count(snapshot)

    again = sample_counts(
        sampler, count_on, samples=20, seed=5, folder=folder, workers=2, progress=lambda k, n: seen.append((k, n))
    )
    assert np.array_equal(again, whole)
    assert len(calls) == 13
    assert seen[-1] == (20, 20)
    more = sample_counts(sampler, count_on, samples=21, seed=5, folder=folder)
    assert np.array_equal(more[:20], whole)
    assert len(calls) == 14
    assert np.array_equal(sample_counts(sampler, count_on, samples=20, seed=5, folder=folder), whole)
    assert len(calls) == 14


def test_ctrl_c_in_the_main_thread_of_two_workers_keeps_samples(sampler: Sampler, tmp_path: Path) -> None:
    folder = SampleFolder.of(tmp_path, {"null": "x"})

    def press(done: int, total: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedSamples, match="saved"):
        sample_counts(sampler, count, samples=40, seed=5, workers=2, folder=folder, progress=press)
    kept = folder.load()
    assert 5 <= len(kept) < 40
    whole = sample_counts(sampler, count, samples=40, seed=5)
    assert all(np.array_equal(whole[k], counts) for k, counts in kept.items())


def test_without_a_folder_an_interrupt_still_hands_over_what_is_done(sampler: Sampler) -> None:
    def press(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedSamples, match="nothing was saved") as caught:
        sample_counts(sampler, count, samples=9, seed=5, progress=press)
    assert len(caught.value.samples) in (2, 3)


def test_another_error_in_a_census_is_not_swallowed_and_keeps_samples(sampler: Sampler, tmp_path: Path) -> None:
    folder = SampleFolder.of(tmp_path, {})
    calls: list[int] = []

    def fail(snapshot: Snapshot) -> np.ndarray:
        calls.append(1)
        if len(calls) >= 4:
            raise MemoryError("no room")
        return count(snapshot)

    with pytest.raises(MemoryError, match="no room"):
        sample_counts(sampler, fail, samples=9, seed=5, folder=folder)
    assert len(folder.load()) == 3


def test_stop_sees_samples_in_order_whatever_the_workers(sampler: Sampler) -> None:
    def stop_at(wanted: int) -> tuple[list[bytes], ensembles.Stop]:
        seen: list[bytes] = []

        def stop(counts: np.ndarray) -> bool:
            seen.append(counts.tobytes())
            return len(seen) == wanted

        return seen, stop

    first, stop = stop_at(6)
    alone = sample_counts(sampler, count, samples=30, seed=5, stop=stop)
    second, stop = stop_at(6)
    together = sample_counts(sampler, count, samples=30, seed=5, stop=stop, workers=3)
    assert alone.tobytes() == together.tobytes()
    assert len(alone) == 6
    assert first == second


def test_parts_of_another_recipe_are_not_mixed_in(tmp_path: Path) -> None:
    a, b = (SampleFolder.of(tmp_path, {"seed": seed}) for seed in (1, 2))
    a.save({0: np.array([1, 2]), 3: np.array([4, 5])})
    assert b.load() == {}
    assert a.load()[3].tolist() == [4, 5]
    part = next(a.path.glob("*.parquet"))
    assert pq.read_table(part).column_names == ["sample", "counts"]
    assert SampleFolder.of(tmp_path, {"seed": 1}).path == a.path


def test_hashes_follow_content() -> None:
    one, two = graph(), graph()
    assert content_hash(one) == content_hash(two)
    heavier = Snapshot.from_edges(one.root_ids, one.sources(), one.out_target, one.weight + 1)
    assert content_hash(heavier) != content_hash(one)
    assert options_hash(NullOptions()) != options_hash(NullOptions(steps_per_edge=11))
    seen = NullOptions(observable_pre=np.ones(3, dtype=bool))
    assert options_hash(seen) == options_hash(NullOptions(observable_pre=np.ones(3, dtype=bool)))
    assert options_hash(seen) != options_hash(NullOptions(observable_pre=np.zeros(3, dtype=bool)))


def test_numbers_that_make_no_sense(sampler: Sampler) -> None:
    with pytest.raises(AnalysisError, match="0 samples"):
        sample_counts(sampler, count, samples=0, seed=0)
    with pytest.raises(AnalysisError, match="0 workers"):
        sample_counts(sampler, count, samples=1, seed=0, workers=0)

"""The annealed null: triad counts kept, degrees and mutual partners kept, wiring another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.codes import triad_class_codes
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.kernels.anneal import distance, triads_of
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.nulls.triad_preserving import ENOUGH, dyad_codes
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def graph(n: int = 60, m: int = 500, seed: int = 0) -> Snapshot:
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, n, (m, 2))
    pairs = np.unique(np.concatenate([pairs, pairs[: m // 5][:, ::-1]]), axis=0)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 25), st.integers(0, 200), st.integers(0, 1000))
def test_matrix_census_is_the_census(n: int, m: int, seed: int) -> None:
    one = graph(n, m, seed)
    assert triads_of(dyad_codes(one), triad_class_codes()).tolist() == triad_counts(one).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_triads_are_kept_and_wiring_is_not(seed: int) -> None:
    before = graph(seed=seed)
    sampler = null_model("triads").prepare(before, NullOptions(), seed)
    after = sampler.draw(sample_seed(seed, 0))
    assert distance(triad_counts(after), triad_counts(before)) <= ENOUGH
    assert np.array_equal(after.out_start, before.out_start)
    assert np.array_equal(after.in_start, before.in_start)
    key, was = (g.sources().astype(np.int64) * g.n + g.out_target for g in (after, before))
    assert np.isin(key, was).mean() < 0.6
    assert sampler.errors[0] < 0.1  # type: ignore[attr-defined]
    assert "within" in sampler.caveat()


def test_reciprocal_start_is_further_off_than_the_annealed_end() -> None:
    before = graph()
    start = null_model("reciprocal").prepare(before, NullOptions(), 1).draw(sample_seed(1, 0))
    assert distance(triad_counts(start), triad_counts(before)) > 10 * ENOUGH


def test_triads_null_refuses_a_large_graph() -> None:
    large = Snapshot.from_edges(np.arange(1, 1502, dtype=np.uint64), np.arange(1500), np.arange(1, 1501))
    with pytest.raises(AnalysisError, match="at most 1,500 neurons"):
        null_model("triads").prepare(large, NullOptions(), 0)

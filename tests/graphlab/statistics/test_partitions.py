"""Agreement of partitions against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.statistics.partitions import adjusted_mutual_information, adjusted_rand_index

metrics = pytest.importorskip("sklearn.metrics")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=60))
def test_both_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    assert adjusted_rand_index(first, second) == pytest.approx(metrics.adjusted_rand_score(first, second), abs=1e-9)
    if len(set(first.tolist())) < len(first) or len(set(second.tolist())) < len(second):
        ours = adjusted_mutual_information(first, second)
        assert ours == pytest.approx(metrics.adjusted_mutual_info_score(first, second), abs=1e-8)
    assert adjusted_mutual_information(first, second) == pytest.approx(adjusted_mutual_information(second, first))


def test_equal_partitions_agree_wholly_and_random_ones_not() -> None:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 40, 5_000)
    other = rng.permutation(part)
    for measure in (adjusted_rand_index, adjusted_mutual_information):
        assert measure(part, (part + 7) % 40) == 1.0
        assert abs(measure(part, other)) < 0.01
        assert measure(np.zeros(9, np.int64), np.arange(9)) == 0.0
        assert measure(np.arange(9), np.arange(9)) == 1.0

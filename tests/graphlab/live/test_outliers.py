"""Merges of unlike parts come first; the ratio is that of the samples themselves, and 1 where there is one cloud."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphlab.live.applied import Applied
from graphlab.live.outliers import MergeCandidates
from ingest.schema.errors import SchemaError


def merge(position: int, new: int, *olds: int) -> Applied:
    done = Applied(position - 1, position)
    done.gone = [(old, position, str(new)) for old in olds]
    return done


def cloud(rng: np.random.Generator, middle: Any, count: int) -> Any:
    return np.asarray(middle) + 0.3 * rng.standard_normal((count, 4))


def ratio(a: Any, b: Any) -> float:
    """From the directions themselves."""
    a, b = (values / np.linalg.norm(values, axis=1)[:, None] for values in (a, b))
    expected = sum(values.var(axis=0, ddof=1).sum() / len(values) for values in (a, b))
    return float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() / expected)


def test_unlike_parts_come_first_and_the_ratio_is_that_of_the_samples() -> None:
    rng, found = np.random.default_rng(0), MergeCandidates(recent=50)
    wanted = {}
    for k in range(60):
        wrong = k % 12 == 5
        one = cloud(rng, [1, 0, 0, 0], int(rng.integers(3, 20)))
        other = cloud(rng, [0, 1, 0, 0] if wrong else [1, 0, 0, 0], int(rng.integers(3, 20)))
        found.embedded(2 * k + 1, one)
        found.embedded(2 * k + 2, other)
        # Every second one is merged into one of its parts.
        new, olds = (2 * k + 2, [2 * k + 1]) if k % 2 else (1000 + k, [2 * k + 1, 2 * k + 2])
        (candidate,) = found.update(merge(k + 1, new, *olds))
        assert candidate.ratio == pytest.approx(ratio(one, other), rel=1e-9)
        assert {candidate.part, candidate.other} == {2 * k + 1, 2 * k + 2}
        wanted[new] = wrong
        latest = [one.ratio for one in found.candidates if one.position > k + 1 - 50]
        assert candidate.share == pytest.approx(np.mean(np.array(latest) >= candidate.ratio))
    table = found.to_arrow().to_pylist()
    assert [wanted[row["root_id"]] for row in table[:5]] == [True] * 5
    assert [row["ratio"] for row in table] == sorted((row["ratio"] for row in table), reverse=True)


def test_one_cloud_has_a_ratio_of_one_on_average() -> None:
    rng, found = np.random.default_rng(1), MergeCandidates()
    ratios = []
    for k in range(400):
        for part in (1, 2):
            found.embedded(part, cloud(rng, [1, 0, 0, 0], 30))
        ratios += [one.ratio for one in found.update(merge(k + 1, 10 + k, 1, 2))]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.15)


def test_what_is_known_follows_edits() -> None:
    rng = np.random.default_rng(2)
    found = MergeCandidates(most=1)
    one, other, third = (cloud(rng, middle, 8) for middle in ([1, 0, 0, 0], [1, 0.1, 0, 0], [0, 0, 1, 0]))
    found.embedded(1, one)
    found.embedded(2, other)
    assert found.update(merge(1, 9, 3)) == [], "one part alone: a new id"
    found.update(merge(2, 4, 1, 2))
    (candidate,) = (found.embedded(5, third), found.update(merge(3, 5, 4)))[1]
    both = np.concatenate([values / np.linalg.norm(values, axis=1)[:, None] for values in (one, other)])
    assert candidate.ratio == pytest.approx(ratio(both, third))
    assert [kept.root_id for kept in found.candidates] == [5]
    found.embedded(6, one[:2])
    found.embedded(7, other)
    assert found.update(merge(4, 8, 6, 7)) == []
    split = Applied(4, 5)
    split.gone = [(8, 5, "10, 11")]
    assert found.update(split) == []
    found.embedded(12, one)
    assert found.update(merge(6, 8, 12)) == [], "what the split took away is not compared"
    found.embedded(12, np.empty((0, 4)))
    assert found.unknown == 1
    for wrong in (np.zeros((2, 4)), np.full((2, 4), np.nan), np.ones(3)):
        with pytest.raises(SchemaError, match="neuron 1"):
            found.embedded(1, wrong)

"""Windows of cells against loops; windows that are no numbers are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.inputs.windows import Windows, vote
from ingest.schema.errors import SchemaError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_rows_votes_and_means_are_those_of_a_loop(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    windows = Windows(rng.normal(size=(first[-1], 3)).astype(np.float32), first)
    things = rng.permutation(len(counts))[: rng.integers(1, len(counts) + 1)]
    at, place = windows.rows(things)
    wanted = [(row, k) for k, thing in enumerate(things) for row in range(first[thing], first[thing + 1])]
    assert list(zip(at.tolist(), place.tolist(), strict=True)) == wanted
    values = rng.random((len(at), 2))
    by_hand = [
        values[[k for k, (_, p) in enumerate(wanted) if p == thing]].mean(axis=0) for thing in range(len(things))
    ]
    assert np.allclose(vote(values, place, len(things)), by_hand)
    means = [windows.vectors[a:b].mean(axis=0) for a, b in pairwise(first.tolist())]
    assert np.allclose(windows.mean(), means, atol=1e-6)
    assert windows.owner.tolist() == [k for k, count in enumerate(counts) for _ in range(count)]


def test_what_is_no_number_is_refused() -> None:
    vectors = np.zeros((3, 2), dtype=np.float32)
    vectors[1, 0] = np.nan
    with pytest.raises(SchemaError, match=r"1 of 3 windows have numbers that are not finite, row 1 first"):
        Windows.single(vectors)
    with pytest.raises(SchemaError, match="1 cells have no window, number 1 first"):
        Windows(np.zeros((2, 2), dtype=np.float32), np.array([0, 2, 2]))
    with pytest.raises(SchemaError, match="do not fit offsets to 5"):
        Windows(np.zeros((2, 2), dtype=np.float32), np.array([0, 5]))

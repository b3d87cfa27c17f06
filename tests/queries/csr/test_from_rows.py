"""Snapshots from rows of ids: those of Snapshot.from_edges, and the same refusals."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.csr.from_rows import snapshot_of_rows
from queries.snapshot import Snapshot

IDS = st.sets(st.integers(1, 2**64 - 1), min_size=1, max_size=12)


@given(ids=IDS, seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.2, 1.0]))
@settings(deadline=None, max_examples=40)
def test_it_is_what_from_edges_makes(ids: set[int], seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    root_ids = np.array(sorted(ids), np.uint64)
    pairs = rng.permutation(np.argwhere(rng.random((len(ids), len(ids))) < share).reshape(-1, 2))
    weight = rng.random(len(pairs))
    made = snapshot_of_rows(root_ids, root_ids[pairs[:, 0]], root_ids[pairs[:, 1]], weight, {"dataset": "d"})
    wanted = Snapshot.from_edges(root_ids, pairs[:, 0], pairs[:, 1], weight, {"dataset": "d"})
    assert made.meta == wanted.meta
    for name in [field.name for field in fields(Snapshot) if field.name != "meta"]:
        one, other = getattr(made, name), getattr(wanted, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize(
    ("ids", "pre", "post", "said"),
    [
        ([1, 1], [], [], "ascend"),
        ([1, 2], [1], [3], "not among"),
        ([1, 2], [1, 2, 1], [2, 1, 2], "twice"),
    ],
)
def test_what_is_no_graph_is_refused(ids: list[int], pre: list[int], post: list[int], said: str) -> None:
    words = [np.array(values, np.uint64) for values in (ids, pre, post)]
    with pytest.raises(ValueError, match=said):
        snapshot_of_rows(*words, np.ones(len(pre)), {})

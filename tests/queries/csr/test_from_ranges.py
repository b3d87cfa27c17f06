"""Snapshots by ranges of neurons: those that are made in memory, whatever the memory, and the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.csr.from_ranges import ranges_of, snapshot_by_ranges
from queries.csr.from_rows import snapshot_of_rows
from queries.snapshot import Snapshot

IDS = st.sets(st.integers(1, 2**64 - 1), min_size=1, max_size=12)


class Table:
    """Rows in no order, given in batches of ``batch``."""

    def __init__(self, pre: list[int], post: list[int], weight: list[float], batch: int = 3) -> None:
        self.pre, self.post = np.array(pre, np.uint64), np.array(post, np.uint64)
        self.weight, self.batch = np.array(weight, np.float64), batch

    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(self.pre, return_counts=True)

    def given(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for at in range(0, len(self.pre), self.batch):
            some = slice(at, at + self.batch)
            yield self.pre[some], self.post[some], self.weight[some]


@given(
    ids=IDS,
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    memory=st.sampled_from([1, 200, 9**9]),
)
@settings(deadline=None, max_examples=40)
def test_it_is_what_is_made_in_memory(
    tmp_path_factory: pytest.TempPathFactory, ids: set[int], seed: int, share: float, memory: int
) -> None:
    rng = np.random.default_rng(seed)
    root_ids = np.array(sorted(ids), np.uint64)
    pairs = rng.permutation(np.argwhere(rng.random((len(ids), len(ids))) < share).reshape(-1, 2))
    pre, post, weight = root_ids[pairs[:, 0]], root_ids[pairs[:, 1]], rng.random(len(pairs))
    table = Table(pre, post, weight)  # type: ignore[arg-type]
    scratch = tmp_path_factory.getbasetemp()
    made = snapshot_by_ranges(root_ids, table.counted(), table.given(), {"dataset": "d"}, scratch, memory)
    wanted = snapshot_of_rows(root_ids, pre, post, weight, {"dataset": "d"})
    assert made.meta == wanted.meta
    for name in [field.name for field in fields(Snapshot) if field.name != "meta"]:
        one, other = getattr(made, name), getattr(wanted, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert not list(scratch.glob(".array*"))


@pytest.mark.parametrize(
    ("ids", "pre", "post", "said"),
    [
        ([1, 1], [], [], "ascend"),
        ([1, 2], [1], [3], "not among"),
        ([1, 2], [3], [1], "not among"),
        ([1, 2], [1, 2, 1], [2, 1, 2], "twice"),
    ],
)
def test_what_is_no_graph_is_refused(
    tmp_path: Path, ids: list[int], pre: list[int], post: list[int], said: str
) -> None:
    table = Table(pre, post, [1.0] * len(pre))
    with pytest.raises(ValueError, match=said):
        snapshot_by_ranges(np.array(ids, np.uint64), table.counted(), table.given(), {}, tmp_path, 100)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("counted", [1, 3])
def test_other_rows_than_were_counted_are_refused(tmp_path: Path, counted: int) -> None:
    table = Table([1, 1], [2, 3], [1.0, 1.0], batch=1)
    said = (np.array([1], np.uint64), np.array([counted]))
    with pytest.raises(ValueError, match="counted"):
        snapshot_by_ranges(np.arange(1, 4, dtype=np.uint64), said, table.given(), {}, tmp_path, 100)


def test_ranges_hold_what_they_may() -> None:
    assert ranges_of(np.array([3, 1, 0, 2, 9, 1, 1]), 4) == [(0, 3), (3, 4), (4, 5), (5, 7)]
    assert ranges_of(np.array([], np.int64), 4) == []

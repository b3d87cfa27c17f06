"""Arrays in files: what was put in comes out, by range and in order, and no file is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.running.array_files import Growing, Shelves


def test_a_growing_array_leaves_no_file(tmp_path: Path) -> None:
    with Growing(tmp_path, np.int32) as one:
        one.add(np.arange(3))
        one.add(np.arange(2))
        values = one.mapped()
    assert values.tolist() == [0, 1, 2, 0, 1]
    assert not values.flags.writeable
    assert not list(tmp_path.iterdir())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=6))
def test_shelves_give_each_range_in_the_order_it_came(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("shelves")
    sizes = np.bincount([shelf for batch in batches for shelf in batch], minlength=4)
    wanted: list[list[int]] = [[], [], [], []]
    value = 0
    with Shelves(folder, np.int64, sizes.tolist()) as shelves:
        for batch in map(sorted, batches):
            rows = np.arange(value, value + len(batch))
            for shelf, row in zip(batch, rows.tolist(), strict=True):
                wanted[shelf].append(row)
            value += len(batch)
            shelves.put_sorted(rows, np.bincount(np.array(batch, np.int64), minlength=4))
        assert [shelves.take(at).tolist() for at in range(4)] == wanted
    assert not list(folder.iterdir())


def test_shelves_hold_what_was_counted(tmp_path: Path) -> None:
    with Shelves(tmp_path / "new", np.int32, [1, 2]) as shelves:
        with pytest.raises(ValueError, match="more rows than the 3"):
            shelves.put_sorted(np.arange(2), np.array([2, 0]))
        shelves.put_sorted(np.arange(2), np.array([1, 1]))
        assert shelves.take(0).tolist() == [0]
        with pytest.raises(ValueError, match="fewer rows than the 3"):
            shelves.take(1)

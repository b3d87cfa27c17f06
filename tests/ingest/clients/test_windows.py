"""Windows over keys: every row once, whatever the keys, the caps, and the order that a server gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clients.windows import Keys, Listed, Numbers, Walk, Window
from ingest.schema.errors import ReadError


@dataclass
class Held:
    """Rows of a server that gives ``cap`` of them at once, in any order."""

    content: pa.Table
    cap: int
    keys: Keys = field(default_factory=Numbers)
    key: str = "key"
    partner_key: str | None = None
    unique: tuple[str, ...] = ("key",)
    asked: int = 0

    def _in(self, window: Window) -> pa.Table:
        name = "key" if window.within is None else "partner"
        values = self.content.column(name)
        chosen = pc.and_(pc.greater(values, window.low), pc.less_equal(values, window.high))
        if window.within is not None:
            chosen = pc.and_(chosen, pc.equal(self.content.column("key"), window.within))
        return self.content.filter(chosen)

    def count(self, window: Window) -> int:
        self.asked += 1
        return self._in(window).num_rows

    def rows(self, window: Window) -> pa.Table:
        found = self._in(window)
        order = np.random.default_rng(self.asked).permutation(found.num_rows)
        return found.take(pa.array(order)).slice(0, self.cap)


def held(keys: list[int], cap: int = 10**6) -> Held:
    return Held(pa.table({"key": pa.array(keys, pa.int64())}), cap)


def pairs(rows: list[tuple[int, int]], cap: int) -> Held:
    content = pa.table({"key": [row[0] for row in rows], "partner": [row[1] for row in rows]})
    known = Listed(sorted({end for row in rows for end in row}))
    return Held(content, cap, known, partner_key="partner", unique=("key", "partner"))


def walked(table: Held, cap: int, width: int = 3) -> list[tuple[Window, pa.Table]]:
    return list(Walk(table, cap, width).pages(table.keys.before, table.content.num_rows))


@settings(max_examples=60, deadline=None)
@given(
    keys=st.sets(st.one_of(st.integers(0, 60), st.integers(0, 2**62)), max_size=60),
    cap=st.integers(1, 20),
    known=st.integers(1, 50),
    width=st.integers(1, 100),
)
def test_every_row_comes_once(keys: set[int], cap: int, known: int, width: int) -> None:
    table = held(sorted(keys), cap)
    pages = walked(table, known, width)
    assert Counter(key for _, page in pages for key in page["key"].to_pylist()) == Counter(keys)
    assert all(page.num_rows <= cap for _, page in pages)
    windows = [window for window, _ in pages]
    assert all(first.high <= second.low for first, second in pairwise(windows))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.sets(st.tuples(st.integers(0, 9), st.integers(0, 30)), min_size=1, max_size=80),
    cap=st.integers(1, 12),
    known=st.integers(1, 50),
)
def test_a_key_with_more_rows_than_one_answer_holds_comes_in_parts(
    rows: set[tuple[int, int]], cap: int, known: int
) -> None:
    pages = walked(pairs(sorted(rows), cap), known)
    found = [(row["key"], row["partner"]) for _, page in pages for row in page.to_pylist()]
    assert Counter(found) == Counter(rows)


def test_few_requests_are_made_where_keys_lie_far_apart() -> None:
    table = held([5, 2**40, 2**61 + 7])
    assert len(walked(table, 1000)) == 3
    assert table.asked < 250


def test_a_walk_goes_on_behind_a_key() -> None:
    table = held(list(range(100)), 10)
    (first, _), *_ = pages = walked(table, 10)
    rest = list(Walk(table, 10, 3).pages(first.high, 100 - pages[0][1].num_rows))
    assert sum(page.num_rows for _, page in rest) == 100 - pages[0][1].num_rows


@dataclass
class Spoilt(Held):
    """A server whose pages are not what it counts."""

    fault: str = ""

    def rows(self, window: Window) -> pa.Table:
        page = super().rows(window)
        if self.fault == "skips":
            return page.filter(pc.not_equal(page["key"], 7))
        if self.fault == "repeats" and page.num_rows > 1:
            return pa.concat_tables([page.slice(1), page.slice(1, 1)])
        if self.fault == "elsewhere":
            return pa.table({"key": pc.add(page["key"], 50)})
        if self.fault == "adds":
            return pa.concat_tables([page, pa.table({"key": [window.high]})]) if page.num_rows else page
        return pa.table({"key": pa.array([None] * page.num_rows, pa.int64())})


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("skips", r"page of key .* has \d rows, and the server counts \d"),
        ("repeats", "repeats 1 rows"),
        ("elsewhere", "was asked for key 0 to .* and sent 5"),
        ("adds", "repeats 1 rows|has .* rows, and the server counts"),
        ("nulls", "cannot be trusted"),
    ],
)
def test_pages_that_are_not_what_was_asked_for(fault: str, says: str) -> None:
    table = Spoilt(pa.table({"key": list(range(20))}), 100, fault=fault)
    with pytest.raises(ReadError, match=says):
        walked(table, 5)


def test_rows_that_no_key_tells_apart_are_not_guessed() -> None:
    table = Held(pa.table({"key": [1] * 8}), 3, Listed([1]), unique=("key",))
    with pytest.raises(ReadError, match="key 1 to 1 has 8 rows, and the server gives 3 at once"):
        walked(table, 3)

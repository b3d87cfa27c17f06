"""Windows over the keys of a table: each is asked for by itself, and has the rows that the server counts in it.

Pages by OFFSET repeat and skip rows where a server gives no order, which CAVE does not; windows of keys cannot. A page
of fewer rows than its count is taken once as the server's cap, and the windows become narrower; after that it is an
error.

Tests: tests/ingest/clients/test_windows.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ingest.schema.errors import ReadError

WIDEST = 2**60


@dataclass(frozen=True, slots=True)
class Window:
    """Keys above ``low`` up to ``high``; with ``within``, second keys of the rows of that one key."""

    low: int
    high: int
    within: int | None = None

    def __str__(self) -> str:
        inside = "" if self.within is None else f" of {self.within}"
        return f"{self.low + 1} to {self.high}{inside}"


class Keys(Protocol):
    """The keys that a table may have, in order."""

    @property
    def before(self) -> int:
        """Below every key."""
        ...

    @property
    def last(self) -> int:
        """No key is above it."""
        ...

    def after(self, low: int, count: int) -> int:
        """The key such that ``count`` keys lie above ``low`` up to it; ``last`` where there are fewer."""
        ...


@dataclass(frozen=True)
class Numbers:
    """Any whole number from 0 on: ids of CAVE, of which nobody knows which there are."""

    before: int = -1
    last: int = 2**63 - 1

    def after(self, low: int, count: int) -> int:
        return min(low + count, self.last)


@dataclass(frozen=True)
class Listed:
    """Keys that are known, in ascending order: bodies of neuPrint."""

    keys: Sequence[int]

    @property
    def before(self) -> int:
        return self.keys[0] - 1 if self.keys else -1

    @property
    def last(self) -> int:
        return self.keys[-1] if self.keys else -1

    def after(self, low: int, count: int) -> int:
        return self.keys[min(bisect_right(self.keys, low) + count, len(self.keys)) - 1]


class Counted(Protocol):
    """A table of a server, asked for by windows."""

    @property
    def key(self) -> str:
        """The column that windows are of."""
        ...

    @property
    def partner_key(self) -> str | None:
        """The column of second keys, where one key may have many rows."""
        ...

    @property
    def unique(self) -> tuple[str, ...]:
        """Columns that tell any two rows apart."""
        ...

    @property
    def keys(self) -> Keys: ...

    def count(self, window: Window) -> int:
        """Rows in a window, as the server counts them."""
        ...

    def rows(self, window: Window) -> pa.Table:
        """Rows in a window, as many as the server gives."""
        ...


@dataclass
class Walk:
    """Every row of a table, window after window.

    Args:
        cap: rows that one request may bring, as far as is known.
        width: keys of the first window.
    """

    table: Counted
    cap: int
    width: int
    _cut: bool = False
    """Whether the server showed a lower cap than was known."""

    def pages(self, low: int, rows: int, within: int | None = None) -> Iterator[tuple[Window, pa.Table]]:
        """Windows above ``low`` with their rows, until ``rows`` rows came or there are no more keys.

        Raises:
            ReadError: a page has not the rows that the server counts in its window, or rows of elsewhere, or repeats.
        """
        keys, width = self.table.keys, self.width if within is None else self.cap
        while rows > 0 and low < keys.last:
            window = Window(low, keys.after(low, width), within)
            expected = self.table.count(window)
            single = window.high == keys.after(low, 1)
            if expected > self.cap and not single:
                width = max(1, min(width // 2, width * self.cap // expected))
                continue
            if expected:
                page = self._page(window, expected, single)
                if page is None:
                    continue  # the server cut it: the cap is lower now
                yield window, page
            if expected <= self.cap // 2:
                width = min(WIDEST, width * 2)
            low, rows = window.high, rows - expected

    def _page(self, window: Window, expected: int, single: bool) -> pa.Table | None:
        """The rows of one window; None where the server shows that it gives fewer at once."""
        if expected > self.cap:
            return self._key_in_parts(window, expected)
        page = self.table.rows(window)
        if 0 < page.num_rows < expected and not self._cut:
            self._cut, self.cap = True, page.num_rows
            return None
        self._check(page, window, expected)
        return page

    def _key_in_parts(self, window: Window, expected: int) -> pa.Table:
        """All rows of one key that has more than the server gives at once."""
        if window.within is not None or self.table.partner_key is None:
            raise ReadError(
                f"{self.table.key} {window} has {expected:,} rows, and the server gives {self.cap:,} at once; they "
                "cannot be told apart by a further key. Ask whoever runs the server for a higher limit"
            )
        parts = [part for _, part in self.pages(self.table.keys.before, expected, within=window.high)]
        found = sum(part.num_rows for part in parts)
        if found != expected:
            raise ReadError(_differs(self.table.key, window, found, expected))
        return pa.concat_tables(parts, promote_options="permissive")

    def _check(self, page: pa.Table, window: Window, expected: int) -> None:
        """What a page of a window must be.

        Raises:
            ReadError: it is not.
        """
        key = self.table.key if window.within is None else self.table.partner_key
        assert key is not None
        values = page.column(key)
        if page.num_rows:
            least, most = pc.min(values).as_py(), pc.max(values).as_py()
            if values.null_count or least <= window.low or most > window.high:
                raise ReadError(
                    f"the server was asked for {key} {window} and sent {least} to {most}; its pages cannot be trusted"
                )
            groups = page.select(list(self.table.unique)).group_by(list(self.table.unique)).aggregate([])
            if groups.num_rows < page.num_rows:
                raise ReadError(
                    f"the server's page of {key} {window} repeats {page.num_rows - groups.num_rows:,} rows; "
                    "its pages cannot be trusted"
                )
        if page.num_rows != expected:
            raise ReadError(_differs(key, window, page.num_rows, expected))


def _differs(key: str, window: Window, found: int, expected: int) -> str:
    return (
        f"the server's page of {key} {window} has {found:,} rows, and the server counts {expected:,} there; "
        "rows would be missing or doubled"
    )

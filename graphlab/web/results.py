"""Answers kept for paging: each found once, then looked at by row number, sorted and filtered without asking again.

Tests: tests/graphlab/web/test_results.py.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphlab.web.errors import GoneError
from ingest.schema.errors import SchemaError, UnknownNameError
from queries.result import Result
from queries.source import LimitError

MOST_VIEWS = 4
"""Orders and filters of one answer that are kept."""


@dataclass(frozen=True)
class View:
    """How rows are looked at: sorted by a column (nulls last), with a text in a column or in any."""

    sort: str | None = None
    descending: bool = False
    filter: str = ""
    column: str | None = None

    @property
    def plain(self) -> bool:
        return self.sort is None and not self.filter


@dataclass(eq=False)
class Kept:
    """One answer, and the orders in which it was looked at."""

    result: Result
    _views: OrderedDict[View, npt.NDArray[np.int64]] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def table(self) -> pa.Table:
        return self.result.table

    def rows(self, view: View, offset: int = 0, limit: int | None = None) -> tuple[pa.Table, int]:
        """The rows of a view from ``offset`` on, and how many it has in all.

        Raises:
            UnknownNameError: no such column. SchemaError: a column that has no order.
        """
        for name in (view.sort, view.column):
            if name is not None and name not in self.table.column_names:
                raise UnknownNameError("column of the answer", name, self.table.column_names)
        if view.plain:
            return self.table.slice(offset, limit), self.table.num_rows
        with self._guard:
            if view not in self._views:
                self._views[view] = _places(self.table, view)
                while len(self._views) > MOST_VIEWS:
                    self._views.popitem(last=False)
            self._views.move_to_end(view)
            places = self._views[view]
        chosen = places[offset:] if limit is None else places[offset : offset + limit]
        return self.table.take(pa.array(chosen)), len(places)


def _places(table: pa.Table, view: View) -> npt.NDArray[np.int64]:
    """Row numbers of a view, in its order."""
    places = np.arange(table.num_rows, dtype=np.int64)
    if view.filter:
        names = table.column_names if view.column is None else [view.column]
        found = np.zeros(table.num_rows, dtype=bool)
        for name in names:
            found |= _contains(table.column(name), view.filter)
        places = places[found]
    if view.sort is not None:
        places = places[_order(table.column(view.sort).take(pa.array(places)), view.sort, view.descending)]
    return places


def _contains(column: pa.ChunkedArray, text: str) -> npt.NDArray[np.bool_]:
    try:
        words = column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        words = pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())])
    found = pc.match_substring(words, text, ignore_case=True).fill_null(False)
    return np.asarray(found.to_numpy(), dtype=bool)


def _order(column: pa.ChunkedArray, name: str, descending: bool) -> npt.NDArray[np.int64]:
    """The stable order of a column; nulls and then no-numbers last, whichever way it goes."""
    try:
        # Stable also downwards: equal rows stay in the order of the answer.
        order = pc.sort_indices(
            pa.table({"value": column, "place": np.arange(len(column))}),
            sort_keys=[("value", "descending" if descending else "ascending"), ("place", "ascending")],
        )
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
        raise SchemaError(f"column {name!r} ({column.type}) has no order; sort by another one") from None
    return np.asarray(order.to_numpy(), dtype=np.int64)


class Results:
    """The answers that are kept, those of one graph under its name; safe in threads.

    Args:
        most: bytes that all of them together may have. rows: the most rows of one. answer: the most bytes of one.
    """

    def __init__(self, most: int, rows: int, answer: int) -> None:
        self._most, self._rows, self._answer = most, rows, answer
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    @property
    def nbytes(self) -> int:
        return self._bytes

    def keep(self, graph: str, result: Result) -> tuple[str, Kept]:
        """An answer under a name that nobody can guess; those not looked at for longest make room for it.

        Raises:
            LimitError: it is larger than one may be.
        """
        if len(result) > self._rows:
            told = f"the first {self._rows:,} of {len(result):,} rows; the server's --rows sets how many"
            result = replace(result, table=result.table.slice(0, self._rows), truncated=True)
            result = replace(result, notes=(*result.notes, told))
        size = result.table.nbytes
        if size > self._answer:
            raise LimitError(
                f"the answer has {size / 2**20:,.0f} MB, more than the {self._answer / 2**20:,.0f} MB that are kept of "
                "one; ask for fewer rows or columns, or start the server with a larger --answer-mb"
            )
        name, kept = secrets.token_urlsafe(16), Kept(result)
        with self._guard:
            self._kept[graph, name] = kept
            self._bytes += size
            while self._bytes > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.table.nbytes
        return name, kept

    def get(self, graph: str, name: str) -> Kept:
        """The answer of that name.

        Raises:
            GoneError: none is kept under it.
        """
        with self._guard:
            kept = self._kept.get((graph, name))
            if kept is None:
                raise GoneError("this answer is no longer kept; ask the question again")
            self._kept.move_to_end((graph, name))
            return kept

"""The graph as it was at an earlier position: what changed since is taken back, in views of a cursor.

Tests: tests/graphlab/store/live/test_history.py.
"""

from __future__ import annotations

import datetime
from typing import Any

import duckdb

from graphlab.store.database import first_row, quote
from graphlab.store.folder import Folder
from graphlab.store.live import going
from graphlab.store.live.views import WEIGHTS, same
from graphlab.store.runs.runs import FOLLOWING
from graphlab.store.views.folder_view import FolderView
from ingest.schema.errors import VersionError

_KEPT_OUT = "single synapses of earlier states are not kept; ask the connections"


def position_at(folder: Folder, when: int | datetime.datetime) -> int:
    """The position of the last batch that was committed by a moment, or by a position.

    Raises:
        VersionError: before the history begins, after its end, or the data changed otherwise since.
    """
    history = _history(folder)
    oldest, now = int(history["oldest"]), going.position(folder)
    if isinstance(when, datetime.datetime):
        if when.tzinfo is None:
            raise VersionError(f"as_of({when}) has no time zone; wanted one, such as 2026-05-01T12:00:00+00:00")
        row = first_row(
            folder.connection,
            "SELECT coalesce(max(position), -1) FROM live.batches WHERE committed <= ?",
            [when.astimezone(datetime.UTC).replace(tzinfo=None)],
        )
        found = int(row[0]) if row[0] >= 0 else oldest
    else:
        found = int(when)
    if not oldest <= found <= now:
        raise VersionError(f"as_of({when}): earlier states are known from position {oldest:,} to {now:,}")
    row = first_row(
        folder.connection, "SELECT coalesce(max(position), 0) FROM live.batches WHERE position <= ?", [found]
    )
    return max(int(row[0]), oldest)


def _history(folder: Folder, cursor: duckdb.DuckDBPyConnection | None = None) -> Any:
    """Of which data the history is, and from which position on.

    Raises:
        VersionError: there is none, or the data changed otherwise since.
    """
    history = folder.meta(going.HISTORY, cursor)
    if history is None:
        raise VersionError(f"{folder.path} never followed live events, so it has no earlier states")
    following = folder.meta(FOLLOWING, cursor) is not None
    if not following and history.get("data_version") != folder.meta("data_version", cursor):
        raise VersionError(
            f"{folder.path} was changed otherwise (a source came or went) since it followed live events; its earlier "
            "states cannot be told"
        )
    return history


class SeenFolder(FolderView):
    """A graph folder that is open for writing elsewhere in this process, and is only read through this."""

    def __init__(self, whole: Folder) -> None:
        super().__init__(whole, read_only=True)

    @property
    def whole(self) -> Folder:
        return self

    def __str__(self) -> str:
        return f"this is {self.path} while it follows live events"


class EarlierFolder(SeenFolder):
    """A graph folder as it was at a position."""

    def __init__(self, whole: Folder, position: int) -> None:
        super().__init__(whole)
        self._position = position
        with whole.reading() as cursor:
            self._main = f"{quote(str(first_row(cursor, 'SELECT current_database()')[0]))}.main"

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor that sees the earlier state.

        Raises:
            VersionError: it was forgotten meanwhile, or the data changed otherwise.
        """
        cursor = super().cursor()
        oldest = int(_history(self._whole, cursor)["oldest"])
        if oldest > self._position:
            raise VersionError(f"{self}, which was forgotten since; earlier states are known from position {oldest:,}")
        for name, select in _views(self._main, self._position):
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {select}")
        return cursor

    def meta(self, key: str, cursor: duckdb.DuckDBPyConnection | None = None) -> Any:
        value = super().meta(key, cursor)
        return f"{str(value).partition('+')[0]}@{self._position}" if key == "data_version" else value

    def __str__(self) -> str:
        return f"this is {self.path} as it was at position {self._position:,}"


def _views(main: str, position: int) -> list[tuple[str, str]]:
    """Name and SELECT of the tables as they were."""
    found = []
    for one in WEIGHTS:
        first = (
            f"SELECT {one.key}, arg_min(before, position) AS weight FROM {one.changes} WHERE position > {position} "
            f"GROUP BY {one.key}"
        )
        found.append(
            (
                one.table,
                f"SELECT * FROM {main}.{one.table} AS b ANTI JOIN ({first}) AS c ON {same(one.key, 'b', 'c')} "
                f"UNION ALL BY NAME SELECT {one.key}, weight FROM ({first}) WHERE weight > 0",
            )
        )
    changed = (
        f"SELECT root_id, min(position) AS position FROM live.neurons WHERE position > {position} GROUP BY root_id"
    )
    rows = (
        f"SELECT * FROM {main}.neurons ANTI JOIN ({changed}) USING (root_id) UNION ALL BY NAME "
        f"SELECT * EXCLUDE (position) FROM live.neurons_before SEMI JOIN ({changed}) USING (root_id, position)"
    )
    totals = (
        "SELECT root_id, arg_min(in_before, position) AS was_in, arg_min(out_before, position) AS was_out "
        f"FROM live.totals WHERE position > {position} GROUP BY root_id"
    )
    found.append(
        (
            "neurons",
            "SELECT n.* REPLACE (coalesce(t.was_in, n.total_in) AS total_in, coalesce(t.was_out, n.total_out) AS "
            f"total_out) FROM ({rows}) AS n LEFT JOIN ({totals}) AS t USING (root_id)",
        )
    )
    found.append(("synapses", f"SELECT * FROM {main}.synapses WHERE error('{_KEPT_OUT}') IS NULL"))
    return found

"""A live table onto this disk, whole or not at all: windows fetched, counted, kept, and counted once more."""

from __future__ import annotations

import datetime
from typing import Any, Protocol

from ingest.clients import cave, neuprint
from ingest.clients.address import LiveAddress
from ingest.clients.kept_pages import KeptPages, shown
from ingest.clients.windows import Counted, Walk
from ingest.running.progress import Progress
from ingest.schema.errors import GraphlabError, InterruptedRun, ReadError, SchemaError, VersionError

AS = {"cave": cave.AS, "neuprint": neuprint.AS}
SINGLE = (ReadError, SchemaError, VersionError)
"""Errors to which what was kept is added."""


class _Unsound(ReadError):
    """What was kept cannot be gone on from."""


class LiveTable(Counted, Protocol):
    """A table of a server with what is known of it."""

    about: dict[str, Any]
    cap: int
    width: int

    def total(self) -> int:
        """All rows, as the server counts them now."""
        ...


def open_table(address: LiveAddress, as_: str) -> LiveTable:
    """Reach the server with the user's own credentials, and see that the table is there.

    Raises:
        MissingExtraError: the package that speaks to the server is not installed.
        ReadError: no credentials, refused ones, no such thing, no connection.
        UnknownNameError: a datastack, table or dataset that the server does not have.
        VersionError: a materialization that is gone, or never was.
    """
    return cave.CaveTable(address) if address.scheme == "cave" else neuprint.NeuprintTable(address, as_)


def fetch(address: LiveAddress, as_: str, progress: Progress | None = None) -> KeptPages:
    """All rows of a table, kept as Parquet; what was kept before is not asked for again.

    Raises:
        SchemaError: rows that such a server does not have. Those of ``open_table``.
        ReadError: pages or counts of the server disagree; the connection broke. Sound pages stay.
        InterruptedRun: Ctrl-C. Finished pages stay.
    """
    if as_ not in AS[address.scheme]:
        raise SchemaError(f"{address}: --as {as_}: {address.scheme}:// has {' and '.join(AS[address.scheme])}")
    kept = KeptPages(address, as_)
    if kept.load(only_complete=True):
        return kept
    with kept.alone():
        if kept.load():
            return kept
        try:
            _fetch(kept, progress)
        except KeyboardInterrupt:
            raise InterruptedRun(f"{address}: stopped. {_resumes(kept)}") from None
        except GraphlabError as error:
            if not kept.pages or isinstance(error, _Unsound) or not isinstance(error, SINGLE):
                raise
            raise type(error)(f"{error}. {_resumes(kept)}") from None
    return kept


def _fetch(kept: KeptPages, progress: Progress | None) -> None:
    table = open_table(kept.address, kept.as_)
    total = table.total()
    if kept.pages and (kept.about, kept.total) != (table.about, total):
        raise _Unsound(
            f"{kept.address}: the server's table has changed since {kept.begun}: it counted {kept.total:,} rows then, "
            f"{total:,} now; pages of both do not go together. Remove {shown(kept.folder)} and begin again"
        )
    if not total:
        raise SchemaError(f"{kept.address}: the server counts no rows of {kept.as_}")
    kept.about, kept.total = table.about, total
    kept.begun = kept.begun or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    low = kept.pages[-1].high if kept.pages else table.keys.before
    for window, rows in Walk(table, table.cap, table.width).pages(low, total - kept.rows):
        kept.add(window, rows)
        if progress:
            progress(min(kept.rows, total), total)
    after = table.total()
    if not kept.rows == total == after:
        raise _Unsound(
            f"{kept.address}: the server counted {total:,} rows before and {after:,} after, and its pages hold "
            f"{kept.rows:,}; the table changes, or the server loses rows. Remove {shown(kept.folder)} and begin again"
        )
    try:
        kept.finish()
    except SchemaError as error:
        raise _Unsound(f"{kept.address}: {error}. All {total:,} rows are kept in {shown(kept.parquet)}") from None


def _resumes(kept: KeptPages) -> str:
    if not kept.pages:
        return "No page had come yet"
    return f"{kept.rows:,} of {kept.total:,} rows are kept in {shown(kept.folder)}; the same command goes on from there"

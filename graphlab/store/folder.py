"""The graph folder and the one door to its database file: create, open, lock, versions, transactions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb

from graphlab.store import database
from graphlab.store.database import (
    connect,
    disk_errors,
    first_row,
    format_version,
    migrate,
    read_errors,
    was_interrupted,
)
from graphlab.store.files import sweeping
from graphlab.store.files.locks import FileIdentity, Lock, identity
from graphlab.store.files.places import DATABASE, NEW, arrived, require_room, without_links
from ingest.running import interrupts, stopping, whole_files
from ingest.schema.errors import StoreBusyError, StoreError, VersionError
from ingest.schema.space import Resolution

ARRIVING = "arriving"
"""Key of ``meta``: files that the last commit named and that are renamed into place right after it."""
LONGEST_WAIT_S = 60.0
"""How long a result waits for others to let go of the graph before it is given up."""


class Folder:
    """An open graph folder. One connection; ``cursor()`` for each further reader in this process.

    The connection cannot touch files (``enable_external_access`` is off), cannot fetch extensions, and its
    configuration is locked: data reach it as Arrow only, so no query can read or write beside the graph.
    """

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, read_only: bool, shared: bool = False,
        lock: Lock | None = None, sets: bool = False,
    ) -> None:  # fmt: skip
        self.path = path
        self._thread = threading.get_ident()
        self._own = threading.local()
        self._writer = threading.RLock()
        self._making = threading.Lock()
        self.closed = False
        self.connection = connection
        self.read_only = read_only
        self.sets = sets  # may be changed, though the graph is open for reading only
        self.shared = shared
        """Whether readers may come in but for the moments of a transaction."""
        self.lock = lock
        self._database: FileIdentity | None = identity(path / DATABASE)
        self._arriving: list[tuple[Path, Path]] = []
        self.opened: dict[Any, Any] = {}
        """Files that are mapped already, by their names: a file never changes once it has its name."""
        self.known: dict[Any, Any] = {}
        """Statistics and lists that the query engine keeps between questions; emptied when the tables change."""

    @classmethod
    def create(
        cls,
        path: str | Path,
        dataset: str | None = None,
        resolution: Any = None,
        materialization: str | None = None,
    ) -> Folder:
        """A new graph in ``path`` (made when missing).

        Args:
            dataset: name of the data set, shown everywhere.
            resolution: nm per voxel, ``"4,4,40"`` or three numbers; needed only where sources have voxels.
            materialization: version of the segmentation that root_ids belong to.

        Raises:
            StoreError: ``path`` holds a graph already, or is a file, or holds other things.
        """
        folder = Path(path).absolute()
        if folder.is_file():
            raise StoreError(f"{folder} is a file; wanted a folder for the graph")
        voxel = Resolution.parse(resolution) if resolution is not None else None
        require_room(folder)
        with disk_errors(folder):
            there = folder.is_dir()
            folder.mkdir(parents=True, exist_ok=True)
            lock = Lock(folder, alone=True)
        try:
            require_room(folder)
            with disk_errors(folder):
                sweeping.remove_unfinished(folder)
                connection = connect(folder / NEW, folder, read_only=False)
                made = cls(folder, connection, read_only=False)
                try:
                    with made.transaction():
                        migrate(connection, from_version=0)
                        made.set_meta("dataset", dataset)
                        made.set_meta("resolution_nm", list(voxel.xyz) if voxel else None)
                        made.set_meta("materialization", None if materialization is None else str(materialization))
                        made.set_meta("data_version", "0")
                    connection.execute("CHECKPOINT")
                finally:
                    made._close()
                with interrupts.delay_interrupts():
                    # The name appears only when the file is whole: a kill before this line leaves no half graph.
                    (folder / NEW).rename(folder / DATABASE)
                    whole_files.folder_to_disk(folder)
        except BaseException as error:
            with interrupts.delay_interrupts(), suppress(OSError):
                sweeping.remove_unfinished(folder)
                if not there:
                    folder.rmdir()
            if was_interrupted(error):
                raise KeyboardInterrupt from None
            raise
        finally:
            lock.release()
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False, shared: bool = False, sets: bool = False) -> Folder:
        """An existing graph; an older format is migrated, a newer one refused.

        Args:
            sets: with ``read_only``, sets of neurons may be saved; no other process may have it open then.
            shared: other processes may read, and only a transaction keeps them out: for long work that writes little.
                Cursors do not outlive a transaction then.

        Raises:
            StoreError: no graph there.
            StoreBusyError: another process has it open.
            VersionError: written by a newer graphlab.
        """
        folder = Path(path).absolute()
        file = folder / DATABASE
        if not file.is_file():
            problem = "does not exist" if not folder.exists() else f"holds no {DATABASE}"
            raise StoreError(f"{path} is no graph: it {problem}. Make one with `graphlab init {path}`")
        without_links(folder, file)
        alone = not (read_only or shared) or sets
        with disk_errors(folder, "opened"):
            lock = Lock(folder, alone=alone)
        try:
            connection = connect(file, folder, not alone)
            made = cls(folder, connection, read_only, shared, lock, sets)
            try:
                version = format_version(connection, folder)
                if version > database.FORMAT_VERSION:
                    raise VersionError(
                        f"{path} has graph format {version}, this graphlab reads up to {database.FORMAT_VERSION}; "
                        "upgrade graphlab-connectome"
                    )
                if version == database.FORMAT_VERSION:
                    made._tidy()
                elif not (read_only or shared):
                    with made.transaction():
                        migrate(connection, version)
            except BaseException:
                made._close()
                raise
        except BaseException:
            lock.release()
            raise
        if version < database.FORMAT_VERSION and (read_only or shared):
            made.close()
            cls.open(folder).close()
            return cls.open(folder, read_only, shared, sets)
        return made

    part: Any = None
    """Of ``views.parts.PartFolder``: which part of the graph is seen."""

    @property
    def whole(self) -> Folder:
        """The graph that this is, or is a part of."""
        return self

    def close(self) -> None:
        with interrupts.delay_interrupts():
            self._close()
            self.closed = True
            with suppress(OSError):
                (self.path / "tmp").rmdir()
            if self.lock is not None:
                self.lock.release()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread: another one than any other thread's, since none may share one.

        DuckDB refuses a connection that is busy, even to make a cursor of; so cursors are made of one that idles.
        Within ``transaction`` it stays the same; else only the thread that opened the graph gets one and the same.
        """
        if (pinned := getattr(self._own, "connection", None)) is not None:
            return pinned  # type: ignore[no-any-return]
        self._require_open()
        return self._first if threading.get_ident() == self._thread else self.cursor()

    @connection.setter
    def connection(self, opened: duckdb.DuckDBPyConnection) -> None:
        self._first = opened
        self._idle = opened.cursor()
        self._own.connection = None

    def _close(self) -> None:
        self._idle.close()
        self._first.close()

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """No other thread of this process writes the graph within the block; the same thread may enter it again.

        Raises:
            StoreBusyError: another thread did not end within ``LONGEST_WAIT_S``.
        """
        if not self._writer.acquire(timeout=LONGEST_WAIT_S):
            raise StoreBusyError(
                f"another thread of this process has been writing {self.path} for more than {LONGEST_WAIT_S:g} s; wait "
                "for it to end"
            )
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _pinned(self) -> Iterator[None]:
        before = getattr(self._own, "connection", None)
        self._own.connection = self.connection
        try:
            yield
        finally:
            self._own.connection = before

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees one committed state, whatever other threads write meanwhile."""
        with read_errors(self.path):
            cursor = self.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                yield cursor
            finally:
                cursor.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A further connection to the same database, with its own transaction and registered frames."""
        self._require_open()
        with self._making:
            cursor = self._idle.cursor()
        scope = stopping.current()
        if scope is not None:
            scope.enter(cursor)
        return cursor

    def _require_open(self) -> None:
        if self.closed:
            raise StoreError(f"the graph {self.path} is closed; open it again with Graph.open")

    @contextmanager
    def transaction(self, sets: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing: whatever leaves the block with an error, Ctrl-C included, leaves no trace.

        Raises:
            StoreBusyError: of a shared graph, when others did not let go of it for ``LONGEST_WAIT_S``.
        """
        if self.read_only and not (sets and self.sets):
            raise StoreError(f"{self.path} is open for reading only; open it with read_only=False to change it")
        with (
            self.only_writer(),
            self._alone() if self.shared else nullcontext(),
            self._pinned(),
            disk_errors(self.path),
        ):
            self.known = {}
            self._require_here()
            self._arriving = []
            committed = False
            self.connection.execute("BEGIN")
            try:
                with interrupts.stop_on_interrupt(self.connection.interrupt):
                    yield self.connection
                self._name_arriving()
                self._require_here()
                with interrupts.delay_interrupts():
                    self.connection.execute("COMMIT")
                    committed = True
                    self._finish_arrivals()
            except BaseException as error:
                try:
                    self._undo(committed)
                except KeyboardInterrupt:
                    # One Ctrl-C is two: the statement that was stopped, and the signal that Python hands on after it.
                    self._undo(committed)
                    raise
                if was_interrupted(error) and not isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt from None
                raise
            finally:
                # A new one: a question that began before goes on with what it knew.
                self.known = {}

    def checkpoint(self, name: str) -> None:
        """Move what was committed from the log into the database file; ``name`` is what was committed.

        Raises:
            StoreError: the disk is full or fails; nothing is lost.
        """
        try:
            with interrupts.delay_interrupts():
                self.connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return  # another thread is asking; what is in the log is as safe, and the next writer moves it
        except duckdb.Error as error:
            raise StoreError(
                f"{name} is in the graph, but its log could not be written into {self.path / DATABASE}: "
                f"{str(error).splitlines()[0]}. Free space on that disk and open the graph again; nothing is lost"
            ) from error

    def _undo(self, committed: bool) -> None:
        with interrupts.delay_interrupts():
            with suppress(duckdb.Error):
                self.connection.abort()
            with suppress(duckdb.Error):  # nothing to roll back once the database itself gave up
                self.connection.execute("ROLLBACK")
            for new, _ in self._arriving if not committed else ():
                whole_files.remove(new)

    @contextmanager
    def arriving(self, path: Path) -> Iterator[Path]:
        """The name to write a file to that is at ``path`` once the transaction around it is committed, and not before.

        A kill at any moment leaves the earlier file with the earlier tables, or the later one with the later: what is
        committed is renamed into place by whoever opens the graph next.
        """
        path.parent.mkdir(exist_ok=True)
        new = whole_files.temporary_path(path)
        self._arriving.append((new, path))
        yield new
        whole_files.to_disk(new)
        whole_files.folder_to_disk(path.parent)

    def _tidy(self) -> None:
        """Finish what the last commit named; what killed writers left goes, where nobody else can be writing."""
        self._finish_arrivals()
        if self.lock is not None and self.lock.first_writer:
            sweeping.sweep(self.path, self.connection)

    def _name_arriving(self) -> None:
        pairs = [[str(at.relative_to(self.path)) for at in pair] for pair in self._arriving]
        if pairs:
            self.set_meta(ARRIVING, pairs)
        elif self.meta(ARRIVING) is not None:
            self.connection.execute("DELETE FROM meta WHERE key = ?", [ARRIVING])

    def _finish_arrivals(self) -> None:
        """Rename into place what the last commit named; nothing where that was done."""
        for pair in self.meta(ARRIVING) or ():
            new, path = (arrived(self.path, name) for name in pair)
            try:
                new.replace(path)
                whole_files.folder_to_disk(path.parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(
                    f"{path} is recorded in the graph and could not be put into place: {error.strerror or error}. Open "
                    "the graph again where it may be written, and it is there"
                ) from error

    def _require_here(self) -> None:
        """Refuse to write where the folder is no more the one that was opened.

        Raises:
            StoreError: it was moved, removed or replaced.
        """
        if self.lock is None:
            return
        if identity(self.path) != self.lock.identity or identity(self.path / DATABASE) != self._database:
            raise StoreError(
                f"{self.path} was moved, removed or replaced while it was open here; nothing was written. Open the "
                "graph again where it is now"
            )

    def revive(self) -> None:
        """Open the database anew where it gave up, as DuckDB does where its log does not go into its file.

        Raises:
            StoreError: it cannot be opened, or another thread has a cursor of the old one still; try again.
        """
        with self.only_writer(), disk_errors(self.path, "opened"):
            try:
                self.connection.execute("SELECT 1")
            except (duckdb.FatalException, duckdb.ConnectionException):
                self._close()
                self.connection = connect(self.path / DATABASE, self.path, self.read_only)
                self.connection.execute("SELECT 1")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else reads or writes for as long as the block lasts."""
        self._close()
        try:
            self.connection = self._connect_soon(alone=True)
            self._tidy()
            yield
        finally:
            with interrupts.delay_interrupts():
                self._close()
                if self.lock is not None:
                    self.lock.share()
                self.connection = self._connect_soon(alone=False)

    def _connect_soon(self, alone: bool) -> duckdb.DuckDBPyConnection:
        """A connection as soon as no other process is in the way."""
        until = time.monotonic() + LONGEST_WAIT_S
        while True:
            try:
                if alone and self.lock is not None:
                    self.lock.take_alone()
                return connect(self.path / DATABASE, self.path, not alone)
            except StoreBusyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def meta(self, key: str, cursor: duckdb.DuckDBPyConnection | None = None) -> Any:
        """A value of ``meta``, None when absent; as ``cursor`` sees it where one is given."""
        row = first_row(cursor or self.connection, "SELECT value FROM meta WHERE key = ?", [key])
        return json.loads(row[0]) if row and row[0] is not None else None

    def set_meta(self, key: str, value: Any) -> None:
        """Set a value of ``meta`` (JSON); call inside ``transaction``."""
        self.connection.execute("DELETE FROM meta WHERE key = ?", [key])
        self.connection.execute("INSERT INTO meta VALUES (?, ?)", [key, json.dumps(value, sort_keys=True)])

    @property
    def resolution(self) -> Resolution | None:
        value = self.meta("resolution_nm")
        return Resolution.parse(value) if value else None

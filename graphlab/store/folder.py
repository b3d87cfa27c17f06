"""The graph folder and the one door to its database file: create, open, lock, versions, transactions."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.config import Limits
from ingest.errors import GraphlabError, StoreBusyError, StoreError, VersionError
from ingest.space import Resolution

DATABASE = "graph.duckdb"
FORMAT_VERSION = 4
LONGEST_WAIT_S = 60.0
"""How long a result waits for others to let go of the graph before it is given up."""


class Folder:
    """An open graph folder. One connection; ``cursor()`` for each further reader in this process.

    The connection cannot touch files (``enable_external_access`` is off), cannot fetch extensions, and its
    configuration is locked: data reach it as Arrow only, so no query can read or write beside the graph.
    """

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, read_only: bool, shared: bool = False
    ) -> None:
        self.path = path
        self.connection = connection
        self.read_only = read_only
        self.shared = shared
        """Whether readers may come in but for the moments of a transaction."""
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
        folder = Path(path)
        if folder.is_file():
            raise StoreError(f"{folder} is a file; wanted a folder for the graph")
        if (folder / DATABASE).exists():
            raise StoreError(f"{folder} is a graph already; open it, or choose another folder")
        if folder.is_dir() and any(not item.name.startswith("graph.duckdb.new") for item in folder.iterdir()):
            raise StoreError(f"{folder} is not empty and no graph; choose an empty or a new folder")
        voxel = Resolution.parse(resolution) if resolution is not None else None
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{DATABASE}.new{os.getpid()}"
        connection = _connect(new, folder, read_only=False)
        made = cls(folder, connection, read_only=False)
        with made.transaction():
            _migrate(connection, from_version=0)
            made.set_meta("dataset", dataset)
            made.set_meta("resolution_nm", list(voxel.xyz) if voxel else None)
            made.set_meta("materialization", None if materialization is None else str(materialization))
            made.set_meta("data_version", "0")
        connection.close()
        # The name appears only when the file is whole: a kill before this line leaves no half graph.
        new.rename(folder / DATABASE)
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False, shared: bool = False) -> Folder:
        """An existing graph; an older format is migrated, a newer one refused.

        Args:
            shared: other processes may read, and only a transaction keeps them out: for long work that writes little.
                Cursors do not outlive a transaction then.

        Raises:
            StoreError: no graph there.
            StoreBusyError: another process has it open.
            VersionError: written by a newer graphlab.
        """
        folder = Path(path)
        database = folder / DATABASE
        if not database.is_file():
            found = "does not exist" if not folder.exists() else f"holds no {DATABASE}"
            raise StoreError(f"{folder} is no graph: it {found}. Make one with `graphlab init {folder}`")
        connection = _connect(database, folder, read_only or shared)
        try:
            version = _format_version(connection, folder)
            if version > FORMAT_VERSION:
                raise VersionError(
                    f"{folder} has graph format {version}, this graphlab reads up to {FORMAT_VERSION}; "
                    "upgrade graphlab-connectome"
                )
            if version < FORMAT_VERSION:
                if read_only or shared:
                    connection.close()
                    cls.open(folder, read_only=False).close()
                    return cls.open(folder, read_only, shared)
                with Folder(folder, connection, read_only=False).transaction():
                    _migrate(connection, version)
        except GraphlabError:
            connection.close()
            raise
        return cls(folder, connection, read_only, shared)

    def close(self) -> None:
        self.connection.close()
        with suppress(OSError):
            (self.path / "tmp").rmdir()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A further connection to the same database, with its own transaction and registered frames."""
        return self.connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing: whatever leaves the block with an error, Ctrl-C included, leaves no trace.

        Raises:
            StoreBusyError: of a shared graph, when others did not let go of it for ``LONGEST_WAIT_S``.
        """
        if self.read_only:
            raise StoreError(f"{self.path} is open for reading only; open it with read_only=False to change it")
        self.known.clear()
        with self._alone() if self.shared else nullcontext(), disk_errors(self.path):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    self.connection.abort()
                with suppress(duckdb.Error):  # nothing to roll back once the database itself gave up
                    self.connection.execute("ROLLBACK")
                raise
            finally:
                self.known.clear()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else reads or writes for as long as the block lasts."""
        self.connection.close()
        try:
            self.connection = _connect_soon(self.path, read_only=False)
            yield
        finally:
            self.connection.close()
            self.connection = _connect_soon(self.path, read_only=True)

    def meta(self, key: str) -> Any:
        """A value of ``meta``, None when absent."""
        row = first_row(self.connection, "SELECT value FROM meta WHERE key = ?", [key])
        return json.loads(row[0]) if row and row[0] is not None else None

    def set_meta(self, key: str, value: Any) -> None:
        """Set a value of ``meta`` (JSON); call inside ``transaction``."""
        self.connection.execute("DELETE FROM meta WHERE key = ?", [key])
        self.connection.execute("INSERT INTO meta VALUES (?, ?)", [key, json.dumps(value, sort_keys=True)])

    @property
    def resolution(self) -> Resolution | None:
        value = self.meta("resolution_nm")
        return Resolution.parse(value) if value else None


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """A full disk, a folder one may not write to, memory that does not suffice: one StoreError each."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException) as error:
        if isinstance(error, GraphlabError):
            raise
        text = str(error).strip().splitlines()[0]
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "allow more memory (GRAPHLAB_MEMORY=8GB), or free space on the disk it spills to"
        else:
            hint = "free space on that disk, or choose a folder you may write to"
        raise StoreError(f"{folder} cannot be written: {text}; {hint}. The graph is as it was before") from error


def first_row(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = None) -> Any:
    """The first row of an answer as a tuple, None when it is empty; the answer is read to its end."""
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


def arrow(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = None) -> pa.Table:
    """An answer as an Arrow table."""
    return connection.sql(sql, params=parameters).to_arrow_table()


def exact_sum(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> str:
    """The SQL that sums ``column`` to the same bytes however many threads add it up.

    Whole numbers add up exactly in any order; fractions do not, so they are added from the smallest on.
    """
    row = first_row(
        connection, f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {column} <> floor({column}) LIMIT 1)"
    )
    return f"sum({column} ORDER BY {column})" if row[0] else f"sum({column})"


def quote(identifier: str) -> str:
    """A name as a SQL identifier, whatever it contains."""
    return '"' + identifier.replace('"', '""') + '"'


def _connect_soon(folder: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection as soon as no other process is in the way."""
    until = time.monotonic() + LONGEST_WAIT_S
    while True:
        try:
            return _connect(folder / DATABASE, folder, read_only)
        except StoreBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _connect(database: Path, folder: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    limits = Limits.from_environment()
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "preserve_insertion_order": "false",
        "temp_directory": str(folder / "tmp"),
        "memory_limit": limits.memory,
        "threads": str(limits.cores),
        "lock_configuration": "true",
    }
    try:
        return duckdb.connect(str(database), read_only=read_only, config=config)
    except duckdb.IOException as error:
        text = str(error)
        if "Could not set lock" in text:
            holder = re.search(r"PID (\d+)", text)
            who = f"process {holder.group(1)}" if holder else "another process"
            raise StoreBusyError(
                f"{folder} is in use by {who}. While one process writes a graph no other may open it: "
                "wait for it, stop it, or work on a copy of the folder"
            ) from None
        raise StoreError(f"{folder} cannot be opened: {text.strip().splitlines()[0]}") from None
    except duckdb.Error as error:
        raise StoreError(f"{folder} cannot be opened: {str(error).strip().splitlines()[0]}") from None


def _format_version(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    try:
        row = first_row(connection, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'format_version'")
    except duckdb.Error:
        row = None
    if row is None:
        raise StoreError(f"{folder} is no graph: its {DATABASE} is a database of something else")
    return int(row[0])


def _migrate(connection: duckdb.DuckDBPyConnection, from_version: int) -> None:
    """Apply the numbered SQL files after ``from_version``, in order."""
    folder = files("graphlab.store") / "migrations"
    for script in sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda s: s.name):
        if int(script.name.split("_")[0]) > from_version:
            connection.execute(script.read_text())
    connection.execute("DELETE FROM meta WHERE key = 'format_version'")
    connection.execute("INSERT INTO meta VALUES ('format_version', ?)", [str(FORMAT_VERSION)])

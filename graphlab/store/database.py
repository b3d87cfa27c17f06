"""The database file: opened, migrated, asked, and what it complains about in words of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.config import DuckDBSettings
from graphlab.store.files.places import DATABASE
from ingest.schema.errors import DiskError, GraphlabError, StoreBusyError, StoreError

FORMAT_VERSION = 16


@contextmanager
def disk_errors(folder: Path, done: str = "written") -> Iterator[None]:
    """A full disk, a folder one may not write to, memory that does not suffice: one StoreError each.

    Raises:
        DiskError: where it was the disk.
    """
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if isinstance(error, GraphlabError) or not (isinstance(error, OSError) or _is_of_disk(error)):
            raise
        text, _, original = str(error).partition("Original error: ")  # of a database that gave up at it
        text = (original.strip().strip('"') or text.strip()).splitlines()[0]
        cannot = f"{folder} cannot be {done}: {text}"
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "allow more memory (GRAPHLAB_MEMORY=8GB), or free space on the disk it spills to"
            raise StoreError(f"{cannot}; {hint}. The graph is as it was before") from error
        hint = "free space on that disk, or choose a folder you may write to"
        after = "The graph is as it was before"
        if isinstance(error, duckdb.FatalException):  # it gives up after a commit, while its log goes into its file
            after = "What is committed is safe, and there once the graph is opened again"
        raise DiskError(f"{cannot}; {hint}. {after}") from error


def _is_of_disk(error: duckdb.Error) -> bool:
    """Whether a disk or memory is full. A log that cannot be written is an error of the transaction for DuckDB."""
    if isinstance(error, duckdb.TransactionException):
        return "Failed to commit: " in str(error) and ' file "' in str(error)
    return isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.OutOfMemoryException)


def is_damage(error: duckdb.Error) -> bool:
    """Whether DuckDB met blocks that are not what they were; it has no class of its own for it."""
    kinds = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
    return type(error) is duckdb.Error or isinstance(error, kinds)


@contextmanager
def read_errors(folder: Path, *, damage_only: bool = False) -> Iterator[None]:
    """A database that says no to a question of the store's own, as a damaged one does: one StoreError."""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, duckdb.InterruptException) or (damage_only and not is_damage(error)):
            raise
        raise StoreError(
            f"{folder} cannot be read: {str(error).strip().splitlines()[0]}. Where its file is damaged, use a copy of "
            "the graph, or ingest its sources into a new one"
        ) from error


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


def connect(database: Path, folder: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The database file of a graph, closed to other files and to the network.

    Raises:
        StoreBusyError, StoreError: somebody else has it, or it cannot be opened. DiskError: for the disk's sake.
    """
    limits = DuckDBSettings.from_environment()
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
            raise StoreBusyError(
                f"{folder} is in use by another process (an older graphlab, or DuckDB itself). Wait for it, stop it, "
                "or work on a copy of the folder"
            ) from None
        raise DiskError(f"{folder} cannot be opened: {text.strip().splitlines()[0]}") from None
    except duckdb.Error as error:
        raise StoreError(f"{folder} cannot be opened: {str(error).strip().splitlines()[0]}") from None


@contextmanager
def in_memory(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database without a file, for tables of others; what is more than ``GRAPHLAB_MEMORY`` goes to a folder.

    Raises:
        StoreError: memory or disk do not suffice, or a table cannot be read.
    """
    limits = DuckDBSettings.from_environment()
    config: dict[str, str | bool | int | float | list[str]] = {
        "preserve_insertion_order": "false",
        "python_enable_replacements": "false",
        "temp_directory": str(folder),
        "memory_limit": limits.memory,
        "threads": str(limits.cores),
    }
    try:
        with duckdb.connect(config=config) as connection:
            yield connection
    except (duckdb.Error, pa.ArrowException) as error:
        hint = f"allow more memory (GRAPHLAB_MEMORY=8GB), or free space where {folder} is"
        raise StoreError(f"a table cannot be sorted: {str(error).strip().splitlines()[0]}; {hint}") from None


def format_version(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """The format that a database says it has; StoreError where it is no graph or damaged."""
    try:
        with read_errors(folder, damage_only=True):
            row = first_row(connection, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'format_version'")
    except duckdb.Error:
        row = None
    if row is None:
        raise StoreError(f"{folder} is no graph: its {DATABASE} is a database of something else")
    return int(row[0])


def migrate(connection: duckdb.DuckDBPyConnection, from_version: int) -> None:
    """Apply the numbered SQL files after ``from_version``, in order."""
    folder = files("graphlab.store") / "migrations"
    for script in sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda s: s.name):
        if int(script.name.split("_")[0]) > from_version:
            connection.execute(script.read_text())
    connection.execute("DELETE FROM meta WHERE key = 'format_version'")
    connection.execute("INSERT INTO meta VALUES ('format_version', ?)", [str(FORMAT_VERSION)])


def was_interrupted(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C: as such, or what DuckDB or a compiled kernel makes of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | duckdb.InterruptException):
            return True
        if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
            return True
        error = error.__cause__ if isinstance(error, SystemError) else None
    return False

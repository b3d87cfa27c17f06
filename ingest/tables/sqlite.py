"""Tables of SQLite databases, such as the edge lists of InfluenceCalculator (tables ``meta``, ``edgelist_simple``)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from ingest.columns import column_mapping
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import GraphlabError, ReadError, SchemaError, UnknownNameError
from ingest.schema.limits import most_bytes
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.files import begins, checked, named
from ingest.tables.types.cells import EXACT

MAGIC = b"SQLite f"
TABLE = "table"
HIDDEN = 1
"""Mark of the columns of virtual tables that are none."""
ROWS_AT_ONCE = 1 << 14
LONGEST = 16 << 20
"""Bytes of one value; SQLite makes longer ones from a few bytes where a table computes its columns."""
UNFINISHED = ("-wal", "-journal")
"""Files beside a database that hold what is not in it yet."""


class SqliteReader:
    """The table is ``--option table=NAME`` where several have the columns that are needed. Nothing is written."""

    uses = AcceptedOptions("SQLite databases", (TABLE, UNWEIGHTED), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        return Sure.FORMAT if begins(source, MAGIC) else named(source, ".sqlite", ".sqlite3")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        if not begins(path, MAGIC):
            raise ReadError(f"{path} is no SQLite database, whatever its name says")
        connection = _opened(path)
        try:
            tables = _tables(connection)
            chosen = _chosen(path, tables, request)
            shape = _shape(connection, path, chosen, tables[chosen])
        except (sqlite3.Error, ValueError, OverflowError) as error:
            connection.close()
            raise _as_ours(path, error) from None
        except BaseException:
            connection.close()
            raise
        name = f"{path} [{chosen}]"
        reading = assemble(name, request, shape.schema, _batches(connection, path, chosen, shape), shape.rows)
        others = [table for table in tables if table != chosen]
        if others:
            reading.notes.insert(0, f"read the table {chosen!r}; not read: {', '.join(others)}")
        return reading


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that reads, and leaves no file beside the database.

    Raises:
        ReadError: another program has not finished writing.
    """
    for ending in UNFINISHED:
        beside = path.with_name(path.name + ending)
        if beside.is_file() and beside.stat().st_size:
            raise ReadError(
                f"{path}: {beside.name} beside it holds changes that are not in it yet; close the program that writes "
                "it, or save it by VACUUM INTO"
            )
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _tables(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Tables and their columns; views and virtual tables, which run what the file says, are none."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    names = [str(name) for name, sql in found if not str(name).startswith("sqlite_") and not _virtual(str(sql))]
    return {
        name: [
            str(row[1])
            for row in connection.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
            if row[6] != HIDDEN
        ]
        for name in names
    }


def _virtual(sql: str) -> bool:
    return re.match(r"\s*CREATE\s+VIRTUAL\b", sql, re.IGNORECASE) is not None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _chosen(path: Path, tables: dict[str, list[str]], request: ReadRequest) -> str:
    """The table asked for, or the only one with the columns that are needed."""
    said = request.options.get(TABLE)
    if said is not None:
        if said not in tables:
            raise UnknownNameError(f"table of {path}", str(said), tables)
        return str(said)
    fits, faults = [], []
    for name, columns in tables.items():
        try:
            column_mapping(columns, request, f"{path} [{name}]")
            fits.append(name)
        except SchemaError as error:
            faults.append(error)
    if len(fits) == 1:
        return fits[0]
    if len(tables) == 1 and faults:
        raise faults[0]
    listed = "; ".join(f"{name} ({', '.join(columns)})" for name, columns in tables.items())
    raise SchemaError(
        f"{path}: {f'{len(fits)} tables have' if fits else 'no table has'} the columns that {request.as_} need; choose "
        f"one with --option {TABLE}=NAME{'' if fits else ', and name its columns with --columns'}. Found: "
        f"{listed or 'no table'}"
    )


@dataclass(frozen=True)
class Shape:
    """What the values of a table are: SQLite keeps any value in any column."""

    schema: pa.Schema
    rows: int
    at_once: int
    """Rows that are read together."""


def _shape(connection: sqlite3.Connection, path: Path, table: str, columns: list[str]) -> Shape:
    """Types of columns by the values in all rows, how many those are, and how long the longest value is."""
    kinds = ("integer", "real", "text", "blob")
    counts = ", ".join(
        ", ".join(f"max(typeof({c}) = '{kind}')" for kind in kinds)
        + f", max(CASE typeof({c}) WHEN 'integer' THEN {c} > {EXACT} OR {c} < -{EXACT} ELSE 0 END)"
        + f", max(length(CAST({c} AS BLOB)))"
        for c in map(_quoted, columns)
    )
    row = connection.execute(f"SELECT count(*), {counts} FROM {_quoted(table)}").fetchone()
    fields, widest = [], 1
    for i, name in enumerate(columns):
        whole, real, text, blob, large, longest = row[1 + 6 * i : 7 + 6 * i]
        if blob and (whole or real or text):
            raise SchemaError(
                f"{path} [{table}]: the column {name!r} holds bytes and other values; save it as one kind"
            )
        if blob:
            kind = pa.binary()
        elif text or (real and large):
            kind = pa.string()
        else:
            kind = pa.float64() if real else pa.int64() if whole else pa.null()
        fields.append(pa.field(name, kind))
        widest += longest or 0
    at_once = max(1, min(ROWS_AT_ONCE, most_bytes(path.stat().st_size) // (4 * widest)))
    return Shape(pa.schema(fields), int(row[0]), at_once)


def _batches(connection: sqlite3.Connection, path: Path, table: str, shape: Shape) -> Iterator[pa.RecordBatch]:
    names = ", ".join(map(_quoted, shape.schema.names))
    texts = [i for i, field in enumerate(shape.schema) if pa.types.is_string(field.type)]
    with closing(connection):
        try:
            cursor = connection.execute(f"SELECT {names} FROM {_quoted(table)}")
            while rows := cursor.fetchmany(shape.at_once):
                columns: list[Any] = list(zip(*rows, strict=True))
                for i in texts:
                    columns[i] = [cell if cell is None or isinstance(cell, str) else repr(cell) for cell in columns[i]]
                arrays = [pa.array(cells, field.type) for cells, field in zip(columns, shape.schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=shape.schema)
        except (sqlite3.Error, pa.ArrowException, ValueError, OverflowError) as error:
            raise _as_ours(path, error) from None


def _as_ours(path: Path, error: BaseException) -> BaseException:
    if isinstance(error, GraphlabError):
        return error
    why = " ".join(str(error).split())[:200]
    return ReadError(f"{path}: this is no whole SQLite database (truncated or damaged): {why}")

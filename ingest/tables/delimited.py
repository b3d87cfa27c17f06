"""CSV, TSV and lists separated by blanks, read by DuckDB: any size, gzip and zstd included.

The shape of a file is taken from its first line and held against every other: a sniffer that may skip lines,
change the separator or drop the quotes to make a damaged file fit would lose rows without a word.
"""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import NAMED, ColumnMapping, column_mapping, said
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.ids import is_id
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import BZIP2, GZIP, XZ, ZIP, ZSTD, begins, checked
from ingest.tables.matrix import as_edges, as_neurons, is_matrix, refuse_rows
from ingest.tables.types.labels import ROWS
from ingest.tables.types.text_types import typed, types_of

POSITIONS = {
    "connections": ("pre_root_id", "post_root_id", "weight"),
    "synapses": ("pre_root_id", "post_root_id"),
    "neurons": ("root_id",),
}
SAMPLE_LINES = 200
SEPARATORS = ",\t;|"
COMMENTS = ("#", "%")
"""Lines at the top of a file that begin so say something about it and are passed over."""


class DelimitedReader:
    """The last resort: anything that is text. Options: ``matrix`` (yes, no), ``encoding`` (latin-1, utf-16)."""

    uses = AcceptedOptions(
        "text tables", ("matrix", ROWS, "encoding", UNWEIGHTED), ("columns", "resolution", "keep", "header")
    )

    def accepts(self, source: object) -> Sure:
        return Sure.LAST if isinstance(source, str | Path) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        if begins(path, BZIP2, XZ, ZIP):
            raise ReadError(f"{path} is compressed in a way that is not read here; unpack it, or use gzip or zstd")
        encoding = request.options.get("encoding")
        if not begins(path, GZIP, ZSTD) and encoding is None:
            with path.open("rb") as file:
                if b"\0" in file.read(4096):
                    raise ReadError(
                        f"{path} is no text table: it holds zero bytes. Is the ending of its name right? "
                        "Text in UTF-16 needs --option encoding=utf-16"
                    )
        try:
            return self._read(_database(os.getpid()).cursor(), path, request)
        except duckdb.Error as error:
            raise _refused(path, error) from None

    def _read(self, connection: duckdb.DuckDBPyConnection, path: Path, request: ReadRequest) -> Reading:
        name = glob.escape(str(path))
        file: dict[str, Any] = {
            "compression": "gzip" if begins(path, GZIP) else "zstd" if begins(path, ZSTD) else "none"
        }
        if "encoding" in request.options:
            file["encoding"] = str(request.options["encoding"])
        lines, skip = _first_lines(connection, name, file)
        if not lines:
            raise ReadError(f"{path} is empty")
        if _runs_of_blanks(lines):
            return self._split(connection, path, {**file, "skip": skip}, lines, request)
        separator = _separator(lines[0])
        first = next(csv.reader([lines[0]], delimiter=separator))
        shape = {**file, "delim": separator, "quote": '"', "escape": '"', "skip": skip}
        texts = {f"column{i}": "VARCHAR" for i in range(len(first))}
        if is_matrix(lines, separator, request):
            rows = connection.execute(_sql({**shape, "header": False, "columns": texts}), [name]).fetchall()
            made = as_edges if request.as_ == "connections" else as_neurons
            return made(str(path), [list(row) for row in rows], request)
        refuse_rows(str(path), request)
        ours = _column_names(path, first, request)
        notes: list[str] = []
        ours = _with_ids(path, ours, [line.split(separator, 1)[0].strip(' "') for line in lines[1:]], request, notes)
        statement = _sql({**shape, "header": request.header, "columns": texts})
        schema = _schema(connection, statement, name, list(texts), column_mapping(ours, request, str(path)), ours)
        reader = connection.sql(statement, params=[name]).to_arrow_reader(BATCH_ROWS)
        reading = assemble(str(path), request, schema, _typed(_batches(path, reader, connection), schema))
        reading.notes[:0] = notes
        return reading

    def _split(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        file: dict[str, Any],
        lines: list[str],
        request: ReadRequest,
    ) -> Reading:
        """Columns separated by any number of blanks."""
        statement = f"SELECT string_split_regex(trim(line, ' \t\r'), '[ \t]+') AS cells {_lines_sql(file)}"
        statement += " WHERE trim(line, ' \t\r') <> ''"
        name = glob.escape(str(path))
        if request.as_ == "connections" and _square([line.split() for line in lines]):
            rows = [list(row[0]) for row in connection.execute(statement, [name]).fetchall()]
            return as_edges(str(path), rows, request)
        refuse_rows(str(path), request)
        first = lines[0].split()
        ours = _column_names(path, first, request)
        cells = [f"cells[{i + 1}]" for i in range(len(ours))]
        body = f"{statement} OFFSET 1" if request.header else statement
        schema = _schema(connection, body, name, cells, column_mapping(ours, request, str(path)), ours)
        reader = connection.sql(statement, params=[name]).to_arrow_reader(BATCH_ROWS)
        texts = pa.schema([pa.field(our, pa.string()) for our in ours])
        batches = _columns(path, _batches(path, reader, connection), texts, request.header)
        return assemble(str(path), request, schema, _typed(batches, schema))


def _with_ids(path: Path, ours: list[str], first: list[str], request: ReadRequest, notes: list[str]) -> list[str]:
    """Names of columns, the unnamed first one taken for the ids of neurons where nothing else could be, and told.

    Args:
        first: its first cells. Numbers of rows, as pandas saves them, are no ids.
    """
    if not (request.header and request.as_ == "neurons" and ours[0] == "column0" and first):
        return ours
    try:
        column_mapping(ours, request, str(path))
    except SchemaError:
        if first in ([str(i) for i in range(begin, begin + len(first))] for begin in (0, 1)):
            raise SchemaError(
                f"{path}: neurons need the column root_id or name; the first column has no name and numbers the rows. "
                "If these are ids say --columns root_id=column0"
            ) from None
        if said(request.columns)[1] or not all(map(is_id, first)):
            raise
        notes.append("the first column has no name and was read as root_id")
        return ["root_id", *ours[1:]]
    return ours


def _schema(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    name: str,
    cells: list[str],
    chosen: ColumnMapping,
    ours: list[str],
) -> pa.Schema:
    """Words of ours stay text, to be converted by their own rules; further columns get the type that their cells have.

    Args:
        rows: SQL of all rows; ``cells`` are its columns of text, called ``ours`` by the header.
    """
    others = [i for i, our in enumerate(ours) if our in chosen.extras]
    types = dict(zip(others, types_of(connection, rows, name, [cells[i] for i in others]), strict=True))
    for i, kind in types.items():
        if pa.types.is_floating(kind) and ours[i].lower().endswith("id"):  # a float would spoil 64-bit ids
            types[i] = pa.string()
    return pa.schema([pa.field(our, types.get(i, pa.string())) for i, our in enumerate(ours)])


def _typed(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches of text with the values of ``schema``; columns that stay text are left to whoever takes them."""
    for batch in batches:
        columns = [
            column if pa.types.is_string(field.type) else typed(column, field.type)
            for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _columns(
    path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, header: bool
) -> Iterator[pa.RecordBatch]:
    """Lists of cells to columns, the header line left out."""
    before = 0
    for batch in batches:
        cells = batch.column(0)
        wrong = pc.index(pc.equal(pc.list_value_length(cells), len(schema)), pa.scalar(False)).as_py()
        if wrong >= 0:
            width, line = len(cells[wrong]), before + wrong + 1
            raise SchemaError(f"{path}, line {line}: found {width} columns, the first line has {len(schema)}")
        if header and before == 0:
            cells = cells.slice(1)
        before += batch.num_rows
        yield pa.RecordBatch.from_arrays([pc.list_element(cells, i) for i in range(len(schema))], schema=schema)


def _sql(options: dict[str, Any]) -> str:
    """read_csv with literal options; names and types in them are quoted here, the path is bound."""
    literals = ", ".join(f"{key} = {_literal(value)}" for key, value in options.items())
    return f"FROM read_csv(?, auto_detect = false, {literals})"


def _lines_sql(file: dict[str, Any]) -> str:
    return _sql({**file, "delim": "\x1f", "quote": "", "escape": "", "header": False, "columns": {"line": "VARCHAR"}})


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def _first_lines(connection: duckdb.DuckDBPyConnection, name: str, file: dict[str, Any]) -> tuple[list[str], int]:
    """The first lines that hold something, and how many come before them."""
    rows = connection.execute(f"{_lines_sql(file)} LIMIT {SAMPLE_LINES}", [name]).fetchall()
    raw = [str(row[0] or "").lstrip("\ufeff") for row in rows]
    skip = next((i for i, line in enumerate(raw) if line.strip() and not line.startswith(COMMENTS)), len(raw))
    return [line for line in raw[skip:] if line.strip()], skip


def _separator(line: str) -> str:
    """The commonest separator of the first line outside quotes; a blank where there is none, then a comma."""
    bare = re.sub(r'"[^"]*"', "", line)
    best = max(SEPARATORS, key=bare.count)
    return best if bare.count(best) else " " if " " in bare.strip() else ","


def _runs_of_blanks(lines: list[str]) -> bool:
    if any(mark in line for line in lines for mark in ",;|"):
        return False
    if "\t" in lines[0] and len({line.count("\t") for line in lines}) == 1:
        return False  # tabs alone separate; blanks belong to the texts between them
    return any("  " in line.strip() or (" " in line.strip() and "\t" in line) or line[:1] == " " for line in lines)


def _square(rows: list[list[str]]) -> bool:
    return len(rows) > 3 and all(len(row) == len(rows) for row in rows)


def _column_names(path: Path, first: list[str], request: ReadRequest) -> list[str]:
    """Names from the header; without one by their place, unless --columns names them column0, column1, ..."""
    if request.header:
        names = [cell.strip() or f"column{i}" for i, cell in enumerate(first)]
        if len({*names}) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise SchemaError(f"{path}: the column {twice!r} occurs twice; rename one of them")
        return names
    numbered = [f"column{i}" for i in range(len(first))]
    if said(request.columns)[1]:
        return numbered
    words = POSITIONS[request.as_]
    if len(first) < len(words):
        raise SchemaError(
            f"{path}: found {len(first)} columns; without a header the first are {', '.join(words)}, in this order"
        )
    ids = [i for i, word in enumerate(words) if word in NAMED]
    if any(any(mark.isalpha() for mark in first[i]) for i in ids):  # the first row tells names from ids
        words = tuple(NAMED.get(word, word) for word in words)
    return [words[i] if i < len(words) else name for i, name in enumerate(numbered)]


def _batches(
    path: Path, reader: pa.RecordBatchReader, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise _refused(path, error) from None
    finally:
        connection.close()


@cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """One a process (a fork has none of its threads), as opening one takes longer than most files; holds nothing."""
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
            # A file is read again each time, whatever its date says.
            "enable_external_file_cache": "false",
        }
    )  # fmt: skip


def _refused(path: Path, error: Exception) -> ReadError:
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        _database.cache_clear()  # it answers nothing from now on
    return ReadError(_reason(path, error))


def _reason(path: Path, error: Exception) -> str:
    """DuckDB's page of advice as one sentence with the line."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"{path}, line {line.group(1)}" if line else str(path)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if counts:
        return f"{where}: found {counts.group(2)} columns, the first line has {counts.group(1)}"
    if "unterminated quote" in text:
        return f"{where}: a quote is opened and not closed"
    if "not utf-8" in text.lower():
        return f"{where}: this is no text in UTF-8; say --option encoding=latin-1, or save it as UTF-8"
    if re.search(r"GZIP|ZSTD|decompress|deflate|inflate", text, re.IGNORECASE):
        return f"{path}: the compressed file is truncated or damaged; fetch it again"
    if "Maximum line size" in text:
        return f"{where}: a line of more than 2,000,000 bytes; this is no table"
    message = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"{where}: this is no regular table of text: {message[:200]}"

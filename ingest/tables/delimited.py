"""CSV, TSV and lists separated by blanks, read by DuckDB: any size, gzip and zstd included."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.columns import plan
from ingest.errors import ReadError, SchemaError
from ingest.reader import Reading, ReadRequest
from ingest.tables.assemble import assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import GZIP, ZSTD, begins, checked
from ingest.tables.matrix import as_edges, is_matrix

POSITIONS = {
    "connections": ("pre_root_id", "post_root_id", "weight"),
    "synapses": ("pre_root_id", "post_root_id"),
    "neurons": ("root_id",),
}
SNIFFED_TYPES = ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"]
SAMPLE_LINES = 200


class DelimitedReader:
    """The last resort: anything that is text."""

    def accepts(self, source: Any) -> bool:
        return isinstance(source, str | Path)

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        if not begins(path, GZIP, ZSTD):
            with path.open("rb") as file:
                if b"\0" in file.read(4096):
                    raise ReadError(f"{path} is no text table: it holds zero bytes. Is the ending of its name right?")
        connection = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        try:
            return self._read(connection, path, request)
        except duckdb.Error as error:
            raise ReadError(_reason(path, error)) from None

    def _read(self, connection: duckdb.DuckDBPyConnection, path: Path, request: ReadRequest) -> Reading:
        name = glob.escape(str(path))
        lines = _first_lines(connection, name)
        if not lines:
            raise ReadError(f"{path} is empty")
        if _runs_of_blanks(lines):
            return self._split(path, request)
        options: dict[str, Any] = {"header": request.header}
        separator = _separator(lines)
        if separator:
            options["delim"] = separator
        text = _describe(connection, name, {**options, "all_varchar": True})
        if request.as_ == "connections" and is_matrix(lines, separator or ",", request):
            rows = connection.execute(_sql({**options, "all_varchar": True, "header": False}), [name]).fetchall()
            return as_edges(str(path), [list(row) for row in rows], request)
        names = [column for column, _ in text]
        ours = names if request.header else _positional(names, request)
        ours = _named_ids(ours, lines, separator, request)
        if request.header and request.as_ == "neurons" and re.fullmatch("column0+", ours[0]) and "root_id" not in ours:
            ours = ["root_id", *ours[1:]]  # the unnamed first column of a table saved by pandas
        chosen = plan(ours, request, str(path))
        # Words of ours come as text and are converted by our own rules; DuckDB finds the types of the others.
        words = {*chosen.ours.values(), *chosen.position}
        sniffed = {**options, "auto_type_candidates": SNIFFED_TYPES, "sample_size": -1}
        fixed = {theirs: "VARCHAR" for theirs, our in zip(names, ours, strict=True) if our in words}
        if len(fixed) < len(names):
            for column, kind in _describe(connection, name, {**sniffed, "types": fixed}):
                if kind == "DOUBLE" and column.lower().endswith("id"):
                    fixed[column] = "VARCHAR"  # 64-bit ids that a float would spoil
        reader = connection.sql(_sql({**sniffed, "types": fixed}), params=[name]).to_arrow_reader(BATCH_ROWS)
        schema = pa.schema([field.with_name(our) for field, our in zip(reader.schema, ours, strict=True)])
        batches = _batches(path, reader, schema, connection)
        return assemble(str(path), request, schema, batches)

    def _split(self, path: Path, request: ReadRequest) -> Reading:
        """Columns separated by runs of blanks, as in aligned lists."""
        rows = [
            line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        if request.as_ == "connections" and _square(rows):
            return as_edges(str(path), [list(row) for row in rows], request)
        width = len(rows[0])
        for number, row in enumerate(rows, 1):
            if len(row) != width:
                raise SchemaError(f"{path}, line {number}: found {len(row)} columns, line 1 has {width}")
        head = rows.pop(0) if request.header else [f"column{i}" for i in range(width)]
        ours = head if request.header else _positional(head, request)
        table = pa.table({our: pa.array([row[i] for row in rows], pa.string()) for i, our in enumerate(ours)})
        return assemble(str(path), request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), len(rows))


def _sql(options: dict[str, Any]) -> str:
    """read_csv with literal options; names and types in them are quoted here, the path is bound."""
    parts = [f"{key} = {_literal(value)}" for key, value in options.items() if value != {}]
    return f"FROM read_csv(?, {', '.join(parts)})"


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


def _describe(connection: duckdb.DuckDBPyConnection, name: str, options: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE {_sql(options)}", [name]).fetchall()]


def _first_lines(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    options = {"delim": "\x1f", "quote": "", "escape": "", "header": False, "columns": {"line": "VARCHAR"}}
    rows = connection.execute(f"{_sql(options)} LIMIT {SAMPLE_LINES}", [name]).fetchall()
    return [row[0] for row in rows if row[0]]


def _separator(lines: list[str]) -> str | None:
    """A blank, where no usual separator occurs; None lets DuckDB find out."""
    return " " if not any(mark in lines[0] for mark in ",;\t|") and " " in lines[0].strip() else None


def _runs_of_blanks(lines: list[str]) -> bool:
    plain = [line for line in lines if not any(mark in line for mark in ",;|")]
    return len(plain) == len(lines) and any(
        "  " in line.strip() or (" " in line.strip() and "\t" in line) or line[:1] == " " for line in lines
    )


def _square(rows: list[list[str]]) -> bool:
    return len(rows) > 3 and all(len(row) == len(rows) for row in rows)


def _positional(names: list[str], request: ReadRequest) -> list[str]:
    """Names of headerless columns by their place, unless --columns names them column0, column1, ..."""
    if isinstance(request.columns, dict):
        return names
    words = POSITIONS[request.as_]
    return [words[i] if i < len(words) else name for i, name in enumerate(names)]


def _named_ids(names: list[str], lines: list[str], separator: str | None, request: ReadRequest) -> list[str]:
    """Headerless lists of named neurons: the first row tells names from ids."""
    if request.header or isinstance(request.columns, dict):
        return names
    first = lines[0].split(separator) if separator else lines[0].replace("\t", ",").replace(";", ",").split(",")
    named = {"pre_root_id": "pre_name", "post_root_id": "post_name", "root_id": "name"}
    text = [bool(cell.strip(' "')) and any(mark.isalpha() for mark in cell) for cell in first]
    return [named.get(name, name) if i < len(text) and text[i] else name for i, name in enumerate(names)]


def _batches(
    path: Path, reader: pa.RecordBatchReader, schema: pa.Schema, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise ReadError(_reason(path, error)) from None
    finally:
        connection.close()


def _reason(path: Path, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "line" in line.lower() or "expected" in line.lower()][:2] or lines[:1]
    return f"{path}: this is no regular table of text: {'; '.join(told)}"

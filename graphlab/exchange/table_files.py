"""Result tables as files and as rows of JSON: Parquet, CSV, TSV, Excel, Feather, Arrow, JSON, whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphlab.store.files.places import checked_output
from ingest.running import whole_files
from ingest.schema.errors import GraphlabError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".parquet", ".csv", ".tsv", ".xlsx", ".feather", ".arrow", ".json")
MOST_ROWS, MOST_COLUMNS = 1_048_575, 16_384
"""Of a sheet, without its header."""
EXACT = 2**53
"""Whole numbers from here on lose digits in a spreadsheet, so they are text there."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that a spreadsheet takes for a formula, also inside of quotes."""


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows for JSON: unsigned 64-bit integers as text, in lists and structs, too; NaN and infinities as null."""
    kinds = {field.name: field.type for field in table.schema}
    return [{name: _told(value, kinds[name]) for name, value in row.items()} for row in table.to_pylist()]


def cells_of(table: pa.Table) -> list[list[Any]]:
    """Rows of cells for a browser: as ``rows_of``, and whole numbers that JavaScript would round as text."""
    columns = [
        [_whole(_told(value, field.type)) for value in table.column(place).to_pylist()]
        for place, field in enumerate(table.schema)
    ]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(table.num_rows)]


def _whole(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT:
        return str(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


def _told(value: Any, kind: pa.DataType) -> Any:
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_uint64(kind):
        return str(value)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_told(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {name: _told(item, kind.field(name).type) for name, item in value.items()}
    return plain(value)


def plain(value: Any) -> Any:
    """A value as JSON has it: NaN and infinities null, anything unknown as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def write_table(table: pa.Table, path: Path, *, spreadsheet: bool = False) -> int:
    """Write in the format of the file's ending, under another name until it is whole. Returns the rows.

    Args:
        spreadsheet: in CSV and TSV, a ' goes before text that a spreadsheet would take for a formula.
    """
    checked_table(path)
    if spreadsheet and path.suffix in (".csv", ".tsv"):
        table = _without_formulas(table)
    with whole_files.write_atomically(path) as new:
        _WRITERS[path.suffix](table, new)
    return int(table.num_rows)


def checked_table(path: Path) -> Path:
    """The path, if a table can be written there: asked before the work, not after it.

    Raises:
        GraphlabError: an ending that is no format, no such folder, a folder of that name, a file of a graph.
    """
    checked_output(path)
    if path.suffix not in FORMATS:
        raise GraphlabError(
            f"{path}: cannot write {path.suffix or 'a file without an ending'}{did_you_mean(path.suffix, FORMATS)}"
        )
    if not path.parent.is_dir():
        raise GraphlabError(f"{path}: the folder {path.parent} does not exist")
    return path


def _without_formulas(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    def escaped(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

    def is_text(kind: pa.DataType) -> bool:
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))

    columns = [
        pa.array([escaped(value) for value in column.to_pylist()], pa.large_string())
        if is_text(column.type)
        else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=[escaped(name) for name in table.schema.names])


def _write_parquet(table: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


def _write_tsv(table: pa.Table, path: Path) -> None:
    _write_csv(table, path, delimiter="\t")


def _write_xlsx(table: pa.Table, path: Path) -> None:
    """One sheet: ids and numbers past 2^53 as text, no text as a formula or a link.

    Raises:
        MissingExtraError: xlsxwriter is not installed. GraphlabError: more rows or columns than a sheet has.
    """
    import pyarrow as pa

    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtraError("xlsxwriter", "excel") from None
    if table.num_rows > MOST_ROWS or table.num_columns > MOST_COLUMNS:
        raise GraphlabError(
            f"a sheet holds {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns; found {table.num_rows:,} and "
            f"{table.num_columns:,}. Write .csv or .parquet, or fewer"
        )
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), {**options, "constant_memory": True}) as book:
        sheet = book.add_worksheet("rows")
        for column, name in enumerate(table.column_names):
            sheet.write_string(0, column, name)
        ids = [pa.types.is_uint64(field.type) for field in table.schema]
        row = 0
        for batch in table.to_batches():
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                row += 1
                for column, (value, is_id) in enumerate(zip(values, ids, strict=True)):
                    _write_cell(sheet, row, column, value, is_id)


def _write_cell(sheet: Any, row: int, column: int, value: Any, is_id: bool) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float) and not is_id and math.isfinite(value) and abs(value) < EXACT:
        sheet.write_number(row, column, value)
    else:
        sheet.write_string(row, column, str(value))


def _write_csv(table: pa.Table, path: Path, delimiter: str = ",") -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(table.schema.names)
        for batch in table.to_batches():
            writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _write_arrow(table: pa.Table, path: Path) -> None:
    from pyarrow import feather

    feather.write_feather(table, str(path), compression="uncompressed")


def _write_json(table: pa.Table, path: Path) -> None:
    path.write_text(json.dumps(rows_of(table)), encoding="utf-8")


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".xlsx": _write_xlsx,
    ".feather": _write_arrow,
    ".arrow": _write_arrow,
    ".json": _write_json,
}

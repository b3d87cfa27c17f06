"""Excel workbooks (.xls, .xlsx): edge lists and adjacency matrices, one sheet each."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.errors import ReadError, SchemaError, UnknownNameError
from ingest.reader import Reading, ReadRequest
from ingest.tables.assemble import assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import OLE, ZIP, begins, checked, ends
from ingest.tables.matrix import as_edges, looks_square

EXACT = 2**53
MOST_BYTES = 2 << 30
MOST_RATIO = 200
"""A workbook that unpacks to more than this many times its size, and past 50 MB, is refused unread."""


class WorkbookReader:
    """The sheet is ``--option sheet=NAME``, needed only where several sheets hold tables."""

    def accepts(self, source: Any) -> bool:
        return ends(source, ".xls", ".xlsx", ".xlsm", ".xlsb") or (begins(source, OLE) and not ends(source, ".mat"))

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        if begins(path, ZIP):
            _refuse_bombs(path)
        elif not begins(path, OLE):
            raise ReadError(f"{path} is no Excel workbook, whatever its name says; text tables end in .csv or .tsv")
        rows, sheet = _rows(path, request)
        name = f"{path} [{sheet}]"
        if request.as_ == "connections" and _is_matrix(rows, request):
            return as_edges(name, rows, request)
        if not request.header:
            raise SchemaError(f"{name}: an edge list in a workbook needs a first row with column names")
        head = [str(cell).strip() for cell in rows[0]]
        width = max((i + 1 for i, cell in enumerate(head) if cell), default=0)
        if not width:
            raise SchemaError(f"{name}: the first row is empty; wanted column names")
        columns = {}
        for j, title in enumerate(head[:width]):
            if title in columns:
                raise SchemaError(f"{name}: the column {title!r} occurs twice")
            columns[title or f"column{j}"] = _column([row[j] if j < len(row) else None for row in rows[1:]])
        table = pa.table(columns)
        return assemble(name, request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), table.num_rows)


def _rows(path: Path, request: ReadRequest) -> tuple[list[list[Any]], str]:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        wanted = request.options.get("sheet")
        if wanted is not None:
            if wanted not in names:
                raise UnknownNameError(f"sheet of {path}", str(wanted), names)
            return book.get_sheet_by_name(str(wanted)).to_python(skip_empty_area=False), str(wanted)
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}
    except UnknownNameError:
        raise
    except Exception as error:
        # calamine raises several classes of its own and Rust panics for damaged files
        raise ReadError(f"{path}: this is no whole Excel workbook (truncated or damaged): {error}") from None
    tables = [name for name, rows in sheets.items() if len(rows) > 1 and max(len(row) for row in rows) > 1]
    if not tables:
        raise ReadError(f"{path}: no sheet holds a table")
    if len(tables) > 1:
        raise SchemaError(
            f"{path} has {len(tables)} sheets with tables; choose one with --option sheet=NAME: {', '.join(tables)}"
        )
    return sheets[tables[0]], tables[0]


def _is_matrix(rows: list[list[Any]], request: ReadRequest) -> bool:
    said = str(request.options.get("matrix", "")).lower()
    if said:
        return said in ("yes", "true", "1")
    # Cook's sheets: groups in the first row and column, labels in the next ones, the corner empty.
    corner = all(not str(cell or "").strip() for row in rows[:2] for cell in row[:2])
    return looks_square(rows) or (corner and len(rows) > 3)


def _column(cells: list[Any]) -> pa.Array:
    """Numbers stay numbers, whole ones below 2^53 become integers (a sheet has floats only); the rest is text."""
    values = [None if cell is None or cell == "" else cell for cell in cells]
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        if all(float(value).is_integer() and abs(value) < EXACT for value in present):
            return pa.array([None if value is None else int(value) for value in values], pa.int64())
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if present and all(isinstance(value, bool) for value in present):
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else _label(value) for value in values], pa.string())


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse_bombs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile as error:
        raise ReadError(f"{path}: this is no whole Excel workbook (truncated or damaged): {error}") from None
    ratio = unpacked / max(path.stat().st_size, 1)
    if unpacked > MOST_BYTES or (ratio > MOST_RATIO and unpacked > 50 << 20):
        raise ReadError(
            f"{path} would unpack to {unpacked:,} bytes, {ratio:.0f} times its size; refused as a ZIP bomb. "
            "Save the sheet as CSV if it is really that large"
        )

"""Excel workbooks (.xls, .xlsx): edge lists and adjacency matrices, one sheet each."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ingest.columns import column_mapping
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.limits import VARIABLE, most_bytes
from ingest.tables.apart.run import run_in_child
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.files import OLE, ZIP, begins, checked, ends, named
from ingest.tables.matrix import as_edges, as_neurons, looks_square, matrix_option, refuse_rows
from ingest.tables.types.cells import EXACT, column_of
from ingest.tables.types.labels import ROWS

MOST_ID = 2.0**64
SMALL = 50 << 20
"""A workbook that unpacks to more than this, and to ``limits.RATIO`` times its size, is refused unread."""

CELL = 128
"""Bytes that a cell of a sheet takes, up to the last one, empty ones too: in the library, as an object, as a value."""


class WorkbookReader:
    """The sheet is ``--option sheet=NAME``, needed only where several sheets hold tables."""

    uses = AcceptedOptions("workbooks", ("sheet", "matrix", ROWS, UNWEIGHTED), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        if begins(source, OLE) and not ends(source, ".mat"):
            return Sure.FORMAT
        return named(source, ".xls", ".xlsx", ".xlsm", ".xlsb")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        if begins(path, ZIP):
            _refuse_bombs(path)
        elif not begins(path, OLE):
            raise ReadError(f"{path} is no Excel workbook, whatever its name says; text tables end in .csv or .tsv")
        rows, sheet = _rows(path, request)
        name = f"{path} [{sheet}]"
        if _is_matrix(rows, request):
            return (as_edges if request.as_ == "connections" else as_neurons)(name, rows, request)
        refuse_rows(name, request)
        head = [str(cell).strip() for cell in rows[0]]
        width = max((i + 1 for i, cell in enumerate(head) if cell), default=0)
        if not width:
            raise SchemaError(f"{name}: the first row is empty; wanted column names")
        columns: dict[str, list[Any]] = {}
        for j, title in enumerate(head[:width]):
            if title in columns:
                raise SchemaError(f"{name}: the column {title!r} occurs twice")
            columns[title or f"column{j}"] = [row[j] if j < len(row) else None for row in rows[1:]]
        for title in column_mapping(list(columns), request, name).extras:
            _refuse_rounded(name, title, columns[title])
        table = pa.table({title: _column(cells) for title, cells in columns.items()})
        return assemble(name, request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), table.num_rows)


def _rows(path: Path, request: ReadRequest) -> tuple[list[list[Any]], str]:
    wanted = request.options.get("sheet")
    sheets = _old_sheets(path) if begins(path, OLE) else _sheets(path, wanted)
    if wanted is not None:
        if wanted not in sheets:
            raise UnknownNameError(f"sheet of {path}", str(wanted), sheets)
        if not sheets[wanted]:
            raise ReadError(f"{path}: the sheet {wanted!r} is empty")
        return sheets[wanted], str(wanted)
    tables = [name for name, rows in sheets.items() if len(rows) > 1 and max(len(row) for row in rows) > 1]
    if not tables:
        raise ReadError(f"{path}: no sheet holds a table")
    if len(tables) > 1:
        raise SchemaError(
            f"{path} has {len(tables)} sheets with tables; choose one with --option sheet=NAME: {', '.join(tables)}"
        )
    return sheets[tables[0]], tables[0]


def _sheets(path: Path, wanted: Any) -> dict[str, list[list[Any]]]:
    """Cells of every sheet; of the wanted one alone where there is such."""
    import python_calamine

    _refuse_far_cells(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        names = [wanted] if wanted in book.sheet_names else book.sheet_names
        return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # calamine raises several classes of its own, and Rust panics that derive from BaseException
        raise ReadError(f"{path}: this is no whole Excel workbook (truncated or damaged): {error}") from None


def _old_sheets(path: Path) -> dict[str, list[list[Any]]]:
    """Cells of every sheet of an .xls, read by a process of its own, which a damaged file may end."""
    sheets: dict[str, list[list[Any]]] = json.loads(run_in_child("xls_cells.py", path, "Excel workbook"))
    return sheets


def _is_matrix(rows: list[list[Any]], request: ReadRequest) -> bool:
    stated = matrix_option(request)
    if stated is not None or request.as_ != "connections":
        return bool(stated)
    # Cook's sheets: groups in the first row and column, labels in the next ones, the corner empty.
    corner = all(not str(cell or "").strip() for row in rows[:2] for cell in row[:2])
    return looks_square(rows) or (corner and len(rows) > 3)


def _column(cells: list[Any]) -> pa.Array:
    """Numbers stay numbers, whole ones are integers (a sheet has floats only); the rest is text."""
    values = [int(cell) if _whole(cell) else cell for cell in cells]
    if any(isinstance(value, str) for value in values if value != ""):
        return column_of([None if value is None or value == "" else str(value) for value in values])
    return column_of(values)


def _refuse_rounded(name: str, title: str, cells: list[Any]) -> None:
    """A whole number past 2^53 has lost digits in the sheet already; ids tell that themselves."""
    for row, cell in enumerate(cells, 1):
        if isinstance(cell, float) and EXACT <= abs(cell) < MOST_ID:
            raise SchemaError(
                f"{name}, row {row}, column {title!r}: found the number {cell:.0f}; a workbook keeps 15 digits. "
                "Save the column as text"
            )


def _whole(cell: Any) -> bool:
    """Whether a number is whole and small enough for a sheet to hold all of its digits."""
    return isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT


def _refuse_bombs(path: Path) -> None:
    """Declared sizes first, then what really comes out, since a directory may lie."""
    size = path.stat().st_size
    most = most_bytes(size, SMALL)
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = archive.infolist()
            unpacked = sum(item.file_size for item in members)
            for item in members if unpacked <= most else ():
                if _unpacked(file, item, item.file_size) != item.file_size:
                    raise ReadError(
                        f"{path}: {item.filename!r} does not unpack to the {item.file_size:,} bytes it declares; "
                        "the workbook is damaged or a ZIP bomb"
                    )
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, struct.error, OSError, UnicodeDecodeError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: this is no whole Excel workbook (truncated or damaged): {error}") from None
    if unpacked > most:
        raise ReadError(
            f"{path} would unpack to {unpacked:,} bytes, {unpacked / size:.0f} times its size; refused as a ZIP bomb. "
            f"Save the sheet as CSV if it is really that large, or give more memory: {VARIABLE}=16GB in the environment"
        )


def _refuse_far_cells(path: Path) -> None:
    """A sheet is as large as its last cell is far, whatever the file's size.

    Raises:
        ReadError: too large a sheet, or a file that ends the process that looks at it.
    """
    advice = "a sheet is as large as its last cell is far: remove far cells, or save the table as CSV"
    try:
        sizes: dict[str, int] = json.loads(run_in_child("workbook_sizes.py", path, "Excel workbook"))
    except ReadError as error:
        raise ReadError(f"{error}; or a sheet is too large to be held ({advice})") from None
    for name, cells in sizes.items():
        most = most_bytes() // CELL
        if cells > most:
            raise ReadError(
                f"{path} [{name}] has {cells:,} cells up to its last one, at most {most:,} are read; {advice}, or give "
                f"more memory: {VARIABLE}=16GB in the environment"
            )


def _unpacked(file: BinaryIO, item: zipfile.ZipInfo, most: int) -> int:
    """Bytes that a member inflates to; counting stops beyond ``most``."""
    file.seek(item.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    file.seek(item.header_offset + 30 + name + extra)
    if item.compress_type == zipfile.ZIP_STORED:
        return item.compress_size
    inflate, left, done = zlib.decompressobj(-15), item.compress_size, 0
    while left > 0 and done <= most and not inflate.eof:
        data = file.read(min(left, 1 << 20))
        if not data:
            break
        left -= len(data)
        while data and done <= most:
            done += len(inflate.decompress(data, 1 << 20))
            data = inflate.unconsumed_tail
    # All input may be taken while a last piece of output waits inside.
    return done if inflate.eof or done > most else done + len(inflate.flush())

"""What people see in a terminal: progress bars, tables, JSON, files of results."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ingest.errors import GraphlabError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from queries.result import Result

Progress = Callable[[int, int], None]
SHOWN_ROWS = 40
FORMATS = (".parquet", ".csv", ".arrow", ".json")


@contextmanager
def progress_bars(off: bool = False) -> Iterator[Callable[[str], Progress | None]]:
    """A maker of progress callbacks with remaining time; none when standard error is no terminal."""
    if off or not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def bar(name: str) -> Callable[[int, int], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total or None)

        yield bar


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows for JSON: unsigned 64-bit integers as text, NaN and infinities as null."""
    import pyarrow as pa

    exact = {field.name for field in table.schema if pa.types.is_uint64(field.type)}
    return [
        {name: (str(value) if name in exact and value is not None else _plain(value)) for name, value in row.items()}
        for row in table.to_pylist()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def print_json(document: Any) -> None:
    typer.echo(json.dumps(_plain(document), allow_nan=False))


def print_table(table: pa.Table, title: str = "") -> None:
    """The first rows as an aligned table, and how many there are in all."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, header_style="bold")
    for field in table.schema:
        shown.add_column(Text(field.name), justify="right" if _is_number(field.type) else "left", overflow="fold")
    for row in table.slice(0, SHOWN_ROWS if sys.stdout.isatty() else table.num_rows).to_pylist():
        shown.add_row(*(Text(_cell(value)) for value in row.values()))
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(shown)
    left = table.num_rows - shown.row_count
    if left > 0:
        typer.echo(f"... {left:,} more rows; -o FILE writes all {table.num_rows:,}")


def print_result(result: Result) -> None:
    print_table(result.to_arrow())


def write_result(result: Result, path: Path) -> int:
    return write_table(result.to_arrow(), path)


def write_table(table: pa.Table, path: Path) -> int:
    """Write in the format of the file's ending, under another name until it is whole. Returns the rows."""
    if path.suffix not in FORMATS:
        raise GraphlabError(
            f"{path}: cannot write {path.suffix or 'a file without an ending'}{did_you_mean(path.suffix, FORMATS)}"
        )
    if not path.parent.is_dir():
        raise GraphlabError(f"{path}: the folder {path.parent} does not exist")
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _WRITERS[path.suffix](table, new)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    return int(table.num_rows)


def _write_parquet(table: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


def _write_csv(table: pa.Table, path: Path) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
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
    ".arrow": _write_arrow,
    ".json": _write_json,
}


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)

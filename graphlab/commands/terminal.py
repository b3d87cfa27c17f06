"""What people see in a terminal: progress bars, tables, JSON, files of results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from graphlab.exchange.table_files import plain, rows_of, write_table
from ingest.running.progress import Bars, Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from queries.result import Result

__all__ = ["print_json", "print_result", "print_table", "progress_bars", "rows_of", "short", "write_output"]

SHOWN_ROWS = 40
PIPED_WIDTH = 200
NARROWEST_TEXT = 8
EMPTY = "-"
"""What stands where there is no value."""
MOST_LINES = 20
LONGEST_LINE = 600
"""Of an error: what a person reads without scrolling."""


def short(message: str) -> str:
    """An error of at most MOST_LINES lines of LONGEST_LINE characters: its beginning, its end, and what is left out."""
    lines = message.strip("\n").splitlines()
    if len(lines) > MOST_LINES:
        end = MOST_LINES // 3
        left = len(lines) - (MOST_LINES - 1)
        lines = [*lines[: MOST_LINES - 1 - end], f"... {left:,} more lines ...", *lines[-end:]]
    cut = LONGEST_LINE // 2
    return "\n".join(
        line
        if len(line) <= LONGEST_LINE
        else f"{line[:cut]} ... {len(line) - 2 * cut:,} more letters ... {line[-cut:]}"
        for line in lines
    )


@contextmanager
def progress_bars(off: bool = False, an_hour: float | None = None) -> Iterator[Bars]:
    """A maker of progress callbacks with remaining time; none when standard error is no terminal.

    Args:
        an_hour: dollars; what was spent, and what it comes to, are shown then.
    """
    if off or not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns: list[rich.ProgressColumn] = [
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
    ]
    if an_hour is not None:
        columns.append(_cost_column(an_hour))
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def bar(name: str) -> Progress:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total or None)

        yield bar


def _cost_column(an_hour: float) -> Any:
    from rich import progress as rich
    from rich.text import Text

    class Cost(rich.ProgressColumn):
        def render(self, task: rich.Task) -> Text:
            return Text(cost_so_far(an_hour, task.elapsed or 0.0, task.time_remaining))

    return Cost()


def cost_so_far(an_hour: float, elapsed_s: float, remaining_s: float | None) -> str:
    """``0.50 of 2.00 dollars``; what it comes to is left out while nobody knows."""
    spent = an_hour * elapsed_s / 3600
    whole = "" if remaining_s is None else f" of {spent + an_hour * remaining_s / 3600:,.2f}"
    return f"{spent:,.2f}{whole} dollars"


def print_json(document: Any) -> None:
    typer.echo(json.dumps(plain(document), allow_nan=False))


def print_table(table: pa.Table, title: str = "", limit: int | None = None) -> None:
    """The first rows as an aligned table, and how many there are in all; links below it, each on a line of its own.

    Where a terminal is too narrow for the numbers of a row, each row is a record: a line a column.

    Args:
        limit: rows shown; when None, as many as fit a terminal, and all in a pipe.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else PIPED_WIDTH)
    head = table.slice(0, limit if limit is not None else SHOWN_ROWS if terminal else table.num_rows)
    links = [name for name in head.column_names if _are_links(head[name])]
    whole, table = table, table.drop_columns(links) if len(links) < table.num_columns else table
    rows = [[_cell(value) for value in row.values()] for row in head.select(table.column_names).to_pylist()]
    # An id folded over two lines cannot be copied, so texts give way to numbers, and a pipe grows as wide as needed.
    numbers = [_is_number(field.type) for field in table.schema]
    least = [
        max(len(field.name), *(len(row[at]) for row in rows)) if rows and number else NARROWEST_TEXT
        for at, (field, number) in enumerate(zip(table.schema, numbers, strict=True))
    ]
    needed = sum(least) + 3 * len(least) + 1
    if not terminal:
        console.width = max(PIPED_WIDTH, needed)
    elif needed > console.width:
        _print_records(table.column_names, rows, title)
        _print_rest(whole, head, links)
        return
    shown = Table(title=title or None, header_style="bold")
    for field, number in zip(table.schema, numbers, strict=True):
        shown.add_column(
            Text(field.name),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,
        )
    for row in rows:
        shown.add_row(*map(Text, row))
    console.print(shown)
    _print_rest(whole, head, links)


def _print_records(names: list[str], rows: list[list[str]], title: str) -> None:
    """Every row by itself, a line a column, names aligned."""
    width = max(map(len, names))
    if title:
        typer.echo(title)
    for row in rows:
        typer.echo("\n".join(f"{name:{width}}  {value}" for name, value in zip(names, row, strict=True)) + "\n")


def _print_rest(table: pa.Table, head: pa.Table, links: list[str]) -> None:
    """Links, and how many rows are not shown."""
    for name in links:
        for number, value in enumerate(head[name].to_pylist(), start=1):
            if value is not None:
                typer.echo(f"{name} {number}:\n{value}")
    left = table.num_rows - head.num_rows
    if left > 0:
        typer.echo(f"... {left:,} more rows; -o FILE writes all {table.num_rows:,}")


def _are_links(column: pa.ChunkedArray) -> bool:
    """Whether a column holds addresses and nothing else."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return False
    values = [value for value in column.to_pylist() if value is not None]
    return bool(values) and all(value.startswith(("https://", "http://")) for value in values)


def print_result(result: Result) -> None:
    print_table(result.to_arrow())
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)


def write_output(
    table: pa.Table,
    path: Path,
    about: dict[str, Any] | None = None,
    what: str = "rows",
    *,
    spreadsheet: bool = False,
) -> None:
    """What ``-o`` does: the table in a file, and how many rows.

    Args:
        about: with ``--json``, the document about the result; the file and its rows join it.
        spreadsheet: see ``write_table``.
    """
    rows = write_table(table, path, spreadsheet=spreadsheet)
    if about is None:
        typer.echo(f"{rows:,} {what} in {path}")
    else:
        print_json({**about, "output": str(path), "rows": rows})


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _cell(value: Any) -> str:
    from queries.result import float_text

    if value is None or value == "":
        return EMPTY
    return float_text(value) if isinstance(value, float) else str(value)

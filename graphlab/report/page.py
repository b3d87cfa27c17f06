"""The page itself: its pieces, and writing them as one HTML file with every table beside it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from graphlab.charts import drawings
from graphlab.charts.standing_alone import standalone
from graphlab.exchange.table_files import write_table
from graphlab.store.files.places import checked_output
from graphlab.store.runs.runs import versions
from ingest.running import interrupts, whole_files
from ingest.schema.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_ENDINGS = (".csv", ".parquet", ".json")
MARK = "made-by-graphlab.txt"
"""Stands in every folder of tables, so that only such a folder is ever replaced."""


@dataclass(frozen=True)
class Card:
    name: str
    value: str
    figure: Markup | None = None


@dataclass(frozen=True)
class Figure:
    svg: Markup
    caption: str
    name: str = ""
    """Of the file beside the page; no file when empty."""
    narrow: Markup | None = None
    """The same figure laid out for a telephone; None where the figure is narrow already."""


@dataclass(frozen=True)
class Cards:
    cards: list[Card]
    kind: str = "cards"


@dataclass(frozen=True)
class Figures:
    figures: list[Figure]
    kind: str = "figures"


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[str | Markup]]
    numbers: tuple[int, ...] = ()
    """Columns that are set right-aligned."""
    title: str = ""
    figure: Markup | None = None
    """Stands to the left of the table."""
    kind: str = "table"

    @property
    def width(self) -> float:
        """Rem that the table takes without breaking a word or a number."""
        longest = [0.0] * len(self.columns)
        for row in [self.columns, *self.rows]:
            for k, cell in enumerate(row):
                number = k in self.numbers and row is not self.columns
                longest[k] = max(longest[k], _longest_piece(cell, number))
        return sum(longest) + len(self.columns) * PADDING

    @property
    def room(self) -> int | str:
        """Where the page has less room than this, in rem, the style sheet sets the rows as lists."""
        return next((room for room in ROOM if self.width <= room), "all")


@dataclass(frozen=True)
class Notes:
    notes: list[str]
    kind: str = "notes"


@dataclass(frozen=True)
class Quote:
    text: str
    name: str = ""
    """Of the text file beside the page; no file when empty."""
    kind: str = "quote"


Block = Cards | Figures | Table | Notes | Quote


@dataclass(frozen=True)
class Section:
    """One part of the page, and the whole tables behind it, which are written beside the page."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    tables: dict[str, pa.Table] = field(default_factory=dict)


CHARACTER, THIN, PADDING, DRAWING = 0.56, 0.34, 1.4, 4.0
"""Of a table, in rem: a character on the wide side, a thin one, the space between two columns, a motif."""
THIN_ONES = " ,.:;()[]|'!ijl"
ROOM = (14, 18, 23, 30, 38, 46, 52, 58)
"""Widths in rem that the style sheet tells apart."""
LONGEST_WORD = 20
"""Characters of a text that are kept together; what is longer may break anywhere."""


def _longest_piece(cell: str | Markup, number: bool) -> float:
    """Rem of the longest part of a cell that stays on one line."""
    if isinstance(cell, Markup) and cell.startswith("<svg"):
        return DRAWING
    parts = pieces(cell) if number else str(cell.striptags() if isinstance(cell, Markup) else cell).split()
    return max((_rem(part if number else part[:LONGEST_WORD]) for part in parts), default=0.0)


def _rem(text: str) -> float:
    return sum(THIN if letter in THIN_ONES else CHARACTER for letter in text)


def pieces(cell: str) -> list[str]:
    """Parts of a cell of numbers: the value, and its interval in brackets or parentheses."""
    return [piece for piece in re.split(r" (?=[\[(])|(?<=[\])]) ", cell) if piece]


def unbroken(cell: str | Markup) -> Markup:
    """A cell of numbers whose lines break between its parts alone."""
    if isinstance(cell, Markup):
        return cell
    return Markup(" ").join(Markup("<span>{}</span>").format(piece) for piece in pieces(cell))


def breakable(cell: str | Markup) -> Markup:
    """A text whose lines may break inside words of more than ``LONGEST_WORD`` characters, and between words."""
    if isinstance(cell, Markup):
        return cell
    parts = (cell[k : k + LONGEST_WORD] for k in range(0, len(cell), LONGEST_WORD))
    if max(map(len, cell.split()), default=0) <= LONGEST_WORD:
        return escape(cell)
    return Markup("<wbr>").join(parts)


def link_to(address: str, text: str) -> Markup:
    """A link that a reader may follow; nothing is loaded until then."""
    return Markup(f'<a href="{escape(address)}" rel="noopener noreferrer">{escape(text)}</a>')


def write_page(path: Path, sections: Iterable[Section], title: str, subtitle: str) -> Path:
    """Write the page and, in the folder ``<name>_files``, every table (CSV, Parquet, JSON), figure and text.

    Args:
        path: the HTML file; its folder is made when missing. Both appear only when they are whole.
    """
    checked_output(path)
    made = list(sections)
    today = datetime.datetime.now().astimezone().date().isoformat()
    template = _environment().get_template("report.html.j2")
    beside = path.with_name(f"{path.stem}_files")

    def files_beside(section: Section) -> list[tuple[str, list[tuple[str, str]]]]:
        return [
            (name, [(f"{quote(beside.name)}/{file_name(name)}{ending}", ending[1:]) for ending in endings])
            for name, endings in files_of(section)
        ]

    text = template.render(
        title=title,
        subtitle=f"{subtitle}, {today}",
        version=versions()["graphlab-connectome"],
        sections=made,
        files=files_beside,
        arrow_head=drawings.arrow_head(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_files.sweep(beside)
    new_files = whole_files.temporary_path(beside)
    try:
        with whole_files.write_atomically(path) as new:
            new.write_text(text, encoding="utf-8")
            _write_files(new_files, made)
            _replace_folder(new_files, beside)
    finally:
        whole_files.remove(new_files)
    return path


def files_of(section: Section) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name of everything that lies beside the page, and the endings of its files."""
    for name in section.tables:
        yield name, TABLE_ENDINGS
    for block in section.blocks:
        if isinstance(block, Quote) and block.name:
            yield block.name, (".txt",)
        for figure in block.figures if isinstance(block, Figures) else ():
            if figure.name:
                yield figure.name, (".svg",)


def _write_files(folder: Path, sections: Sequence[Section]) -> None:
    folder.mkdir()
    (folder / MARK).write_text("Tables, figures and texts of the report beside this folder.\n", encoding="utf-8")
    for section in sections:
        for name, table in section.tables.items():
            for ending in TABLE_ENDINGS:
                write_table(table, folder / f"{file_name(name)}{ending}", spreadsheet=True)
        for block in section.blocks:
            if isinstance(block, Quote) and block.name:
                (folder / f"{file_name(block.name)}.txt").write_text(block.text + "\n", encoding="utf-8")
            for figure in block.figures if isinstance(block, Figures) else ():
                if figure.name:
                    (folder / f"{file_name(figure.name)}.svg").write_text(standalone(figure.svg), encoding="utf-8")


def file_name(name: str) -> str:
    """Letters, digits, ``-`` and ``_`` of a name, whatever it holds."""
    return re.sub(r"[^\w-]+", "_", name, flags=re.ASCII).strip("_") or "table"


def _replace_folder(new: Path, old: Path) -> None:
    if old.exists():
        if not (old / MARK).is_file():
            raise StoreError(f"{old} is there and was not made by a report; move it, or give the report another name")
        # Both are whole; the earlier one is out of the way for the moment between two renames.
        away = whole_files.temporary_path(old)
        with interrupts.delay_interrupts():
            old.rename(away)
            try:
                new.rename(old)
            except OSError:
                away.rename(old)
                raise
            finally:
                whole_files.remove(away)
        return
    new.rename(old)


def _environment() -> Environment:
    # Everything that is not Markup made in this package's own drawings is escaped.
    loader = PackageLoader("graphlab", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(unbroken=unbroken, breakable=breakable)
    return made

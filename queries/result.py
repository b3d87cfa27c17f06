"""Result: the rows of an answer as Arrow, with the doors to pandas and polars, and how it was found."""

from __future__ import annotations

import html
import json
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, overload

import pyarrow as pa

from ingest.schema.errors import MissingExtraError, SchemaError, UnknownNameError
from ingest.schema.ids import check_int64

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from queries.ir.pattern import Pattern

JSON_DOCUMENT = {"graphlab": "json"}
"""Metadata of a column of texts that are JSON documents: maps of Cypher whose keys are in the data."""
_SHOWN_ROWS = 20
_ROWS_AT_ONCE = 4_096
_SHOWN_TEXT = 60


@dataclass(frozen=True, eq=False)
class Result:
    """The answer to one query, whole unless ``truncated`` says otherwise.

    Column types are those of the query, with or without rows: ids uint64, counts int64.
    """

    table: pa.Table
    sql: str = ""
    """The SQL that ran, values as named parameters."""
    patterns: tuple[Pattern, ...] = ()
    """Every graph pattern of the query, in the order written."""
    engine: str = "duckdb"
    """Engines that answered the patterns, joined by ``+``."""
    truncated: bool = False
    """True when the ``limit`` of the call cut the answer; the rows left out were not counted."""
    plan: str = field(default="", repr=False)
    """What the planner saw and chose, as EXPLAIN prints it."""
    notes: tuple[str, ...] = ()
    """What to know beside the rows: which criterion matched nothing, which ids are no neurons, what was left out."""

    @property
    def pattern(self) -> Pattern | None:
        """The only pattern of the query, or None."""
        return self.patterns[0] if len(self.patterns) == 1 else None

    @property
    def columns(self) -> list[str]:
        return list(self.table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Row by row, as dictionaries."""
        for batch in self.table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from batch.to_pylist()

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, key: slice) -> Self: ...

    @overload
    def __getitem__(self, key: str) -> pa.ChunkedArray: ...

    def __getitem__(self, key: int | slice | str) -> dict[str, Any] | Self | pa.ChunkedArray:
        """A row by number, rows by a slice as a result of their own, or a column by name.

        Raises:
            IndexError: no such row. UnknownNameError: no such column.
        """
        if isinstance(key, str):
            if key not in self.columns:
                raise UnknownNameError("column of the answer", key, self.columns)
            return self.table.column(key)
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            part = self.table.slice(start, max(stop - start, 0)) if step == 1 else None
            return replace(self, table=self.table.take(list(range(start, stop, step))) if part is None else part)
        row = operator.index(key)
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of an answer with {len(self):,} rows")
        found: dict[str, Any] = self.table.slice(row % len(self), 1).to_pylist()[0]
        return found

    def head(self, rows: int = 5) -> Self:
        """The first rows, as a result of their own."""
        if rows < 0:
            raise SchemaError(f"rows is {rows}; wanted 0 or more")
        return self[:rows]

    def to_arrow(self) -> pa.Table:
        """The rows, ids uint64."""
        return self.table

    def to_pandas(self) -> pd.DataFrame:
        """The rows, ids int64 as CAVEclient, fafbseg and neuprint-python keep them; IdError past 2^63."""
        return to_pandas(self.table)

    def to_polars(self) -> pl.DataFrame:
        """The rows, ids UInt64."""
        return to_polars(self.table)

    def batches(self, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """The rows in pieces of at most ``rows``, without copying."""
        yield from self.table.to_batches(max_chunksize=rows)

    def scalar(self) -> Any:
        """The one value of a one-row, one-column answer, for example a count.

        Raises:
            SchemaError: any other shape.
        """
        if self.table.num_rows != 1 or self.table.num_columns != 1:
            raise SchemaError(
                f"the answer has {self.table.num_rows:,} rows and {self.table.num_columns} columns; "
                "one row of one column was wanted"
            )
        return self.table.column(0)[0].as_py()

    def _shown(self) -> tuple[list[list[str]], str]:
        head = self.table.slice(0, _SHOWN_ROWS)
        columns = [[_text(value) for value in head.column(i).to_pylist()] for i in range(head.num_columns)]
        rows = [list(row) for row in zip(*columns, strict=True)]
        note = f"{len(self):,} row{'' if len(self) == 1 else 's'}"
        if self.truncated:
            note = f"the first {note}; there are more (limit)"
        if len(self) > _SHOWN_ROWS:
            note += f", {_SHOWN_ROWS} shown"
        return rows, note

    def __repr__(self) -> str:
        rows, note = self._shown()
        names = self.columns
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [names, *rows]
        ]
        return "\n".join([*lines, f"[{note}; {self.engine}]", *(f"note: {told}" for told in self.notes)])

    def _repr_html_(self) -> str:
        rows, note = self._shown()
        return html_table(self.columns, rows, [f"{note}; {self.engine}", *(f"note: {told}" for told in self.notes)])


def html_table(columns: Sequence[str], rows: Iterable[Sequence[str]], below: Sequence[str] = ()) -> str:
    """A table for a notebook, and sentences below it; every text is escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    told = "".join(f"<p>{html.escape(one)}</p>" for one in below)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{told}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = float_text(value) if isinstance(value, float) else str(value)
    text = text.replace("\n", " ")
    return text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 1] + "…"


def float_text(value: float) -> str:
    """A float for people: six digits, but every digit of whole numbers, counts and sums.

    >>> [float_text(v) for v in (12345678.0, 12345678.25, 0.123456789, 1e300)]
    ['12345678', '12345678.25', '0.123457', '1e+300']
    """
    if not math.isfinite(value) or abs(value) < 1000 or abs(value) >= 2**53:
        return f"{value:.6g}" if abs(value) < 1000 else repr(value)
    return f"{value:.3f}".rstrip("0").rstrip(".")


def plain_types(table: pa.Table) -> pa.Table:
    """HUGEINT, which DuckDB's sums of integers have, as int64; other types as they are.

    Raises:
        SchemaError: a sum past 2^63.
    """
    for index, column in enumerate(table.schema):
        plain = _plain_type(column.type)
        if plain != column.type:
            try:
                values = table.column(index).cast(plain)
            except pa.ArrowInvalid:
                raise SchemaError(
                    f"column {column.name!r} holds a whole number past 2^63; "
                    f"write CAST(... AS DOUBLE) or CAST(... AS VARCHAR) around it"
                ) from None
            table = table.set_column(index, column.name, values)
    return table


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The type with int64 for every HUGEINT in it."""
    if pa.types.is_decimal(kind) and kind.precision == 38 and kind.scale == 0:
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    return kind


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a data frame: unsigned 64-bit ids as int64, other columns as pandas reads them.

    A column of ids with nulls becomes ``Int64``, since a float would lose digits.

    Raises:
        IdError: an id of 2^63 or above.
    """
    import pandas as pd
    import pyarrow.compute as pc

    for index, column in enumerate(table.schema):
        if pa.types.is_uint64(column.type):
            values = table.column(index)
            check_int64(pc.max(values).as_py(), column.name)
            table = table.set_column(index, column.name, values.cast(pa.int64()))

    def type_of(arrow: pa.DataType) -> Any:
        return pd.Int64Dtype() if pa.types.is_int64(arrow) else None

    frame: pd.DataFrame = table.to_pandas(types_mapper=type_of)
    for column in table.schema:
        if (column.metadata or {}).get(b"graphlab") == b"json":
            frame[column.name] = pd.Series(map(_parsed, frame[column.name]), index=frame.index, dtype=object)
    for name in frame.columns[frame.dtypes == "Int64"]:
        if not frame[name].hasnans:
            frame[name] = frame[name].astype("int64")
    return frame


def _parsed(value: Any) -> Any:
    """What JSON documents say; lists of them are gone through."""
    if isinstance(value, str):
        return json.loads(value)
    return [_parsed(item) for item in value] if hasattr(value, "__len__") else None


def to_polars(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a polars frame, ids UInt64.

    Raises:
        MissingExtraError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("polars", "polars") from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame

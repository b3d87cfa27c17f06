"""Tables in memory, as CAVEclient, fafbseg and neuprint-python return them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure, source_name
from ingest.schema.errors import ReadError, SchemaError
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.columnar import BATCH_ROWS
from ingest.tables.types.cells import column_of, empty


class FrameReader:
    """pandas, polars and pyarrow tables; ``df.attrs`` may say resolution and materialization."""

    uses = AcceptedOptions("tables in memory", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        ours = isinstance(source, pa.Table | pa.RecordBatch) or type(source).__name__ == "DataFrame"
        return Sure.NAME if ours else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        name = source_name(source)
        request.check(self.uses)
        attributes = dict(getattr(source, "attrs", {}) or {})
        frame = as_arrow(source, name)
        batches = frame.to_batches(max_chunksize=BATCH_ROWS)
        return assemble(name, request, frame.schema.remove_metadata(), batches, frame.num_rows, attributes)


def as_arrow(source: Any, name: str) -> pa.Table:
    """A frame as an Arrow table, with the named levels of its index as columns.

    Raises:
        ReadError: no frame. SchemaError: a column occurs twice, or is a level of the index, too.
    """
    if isinstance(source, pa.Table):
        table = source
    elif type(source).__name__ != "DataFrame" and not isinstance(source, pa.RecordBatch):
        raise ReadError(f"{name}: cannot be read. Wanted a path, or a pandas, polars or pyarrow table")
    elif isinstance(source, pa.RecordBatch):
        table = pa.Table.from_batches([source])
    elif hasattr(source, "to_arrow"):
        table = source.to_arrow()
    else:
        return _from_pandas(source, name)
    _once(table.column_names, name)
    return table


def _from_pandas(frame: Any, name: str) -> pa.Table:
    index = [level for level in frame.index.names if level is not None]  # root ids often sit there
    titles = [str(title) for title in frame.columns]
    both = next((str(level) for level in index if str(level) in titles), None)
    if both is not None:
        raise SchemaError(f"{name}: {both!r} is both an index and a column; rename one of them")
    _once(titles, name)
    columns = {str(level): frame.index.get_level_values(level) for level in index}
    columns |= {title: frame.iloc[:, i] for i, title in enumerate(titles)}
    return pa.table({title: _column(values, title, name) for title, values in columns.items()})


def _column(values: Any, title: str, name: str) -> pa.Array:
    """One column of pandas. Python objects keep every digit; numbers beside texts are refused."""
    try:
        made = pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        made = None
    if made is not None and not (values.dtype == object and pa.types.is_floating(made.type)):
        return made
    made = column_of(list(values))  # pyarrow rounds whole numbers among decimals
    kinds = sorted({type(value).__name__ for value in values if not empty(value)})
    if pa.types.is_string(made.type) and "str" in kinds:
        raise SchemaError(
            f"{name}: the column {title!r} mixes types: {', '.join(kinds)}; make them all text or numbers"
        )
    return made


def _once(titles: list[str], name: str) -> None:
    twice = next((title for i, title in enumerate(titles) if title in titles[:i]), None)
    if twice is not None:
        raise SchemaError(f"{name}: the column {twice!r} occurs twice; rename one of them")

"""Tables of every kind people keep connectomes in, through one door: ``open_source``.

Readers are asked in this order; the first that is meant for a source reads it.
"""

from __future__ import annotations

from typing import Any

from ingest.reader import READERS, Reading, ReadRequest, source_name
from ingest.schema.errors import ReadError
from ingest.tables.columnar import ColumnarReader
from ingest.tables.delimited import DelimitedReader
from ingest.tables.frames import FrameReader
from ingest.tables.mat import MatReader
from ingest.tables.records import JsonReader
from ingest.tables.workbook import WorkbookReader

READERS.register("frame", FrameReader())
READERS.register("columnar", ColumnarReader())
READERS.register("workbook", WorkbookReader())
READERS.register("mat", MatReader())
READERS.register("json", JsonReader())
READERS.register("delimited", DelimitedReader())


def open_source(source: Any, request: ReadRequest) -> Reading:
    """Open a table of neurons, synapses or connections.

    Args:
        source: a path, or a pandas, polars or pyarrow table.

    Raises:
        ReadError: nobody reads such a source; SchemaError and IdError for what is inside.
    """
    for _, reader in READERS:
        if reader.accepts(source):
            return reader.read(source, request)
    raise ReadError(
        f"{source_name(source)}: nobody reads this. Wanted a CSV, TSV, Parquet, Feather, Excel, MATLAB or JSON file, "
        "or a pandas, polars or pyarrow table"
    )

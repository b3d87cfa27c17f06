"""Tables of every kind people keep connectomes in, through one door: ``open_source``.

The reader that is surest of a source reads it; text tables are the last resort.
"""

from __future__ import annotations

from ingest.reader import READERS, Reading, ReadRequest, open_with
from ingest.tables.columnar import ColumnarReader
from ingest.tables.delimited import DelimitedReader
from ingest.tables.folders import FolderReader
from ingest.tables.frames import FrameReader
from ingest.tables.graphs.graphml import GraphMLReader
from ingest.tables.graphs.objects import GraphReader
from ingest.tables.live import LiveReader
from ingest.tables.matrices.mat import MatReader
from ingest.tables.matrices.stored import MatrixFileReader, MatrixReader
from ingest.tables.records import JsonReader
from ingest.tables.sqlite import SqliteReader
from ingest.tables.workbook import WorkbookReader

__all__ = ["READERS", "open_source"]

READERS.register("frame", FrameReader())
READERS.register("graph", GraphReader())
READERS.register("matrix", MatrixReader())
READERS.register("columnar", ColumnarReader())
READERS.register("folder", FolderReader())
READERS.register("live", LiveReader())
READERS.register("workbook", WorkbookReader())
READERS.register("mat", MatReader())
READERS.register("matrix file", MatrixFileReader())
READERS.register("graphml", GraphMLReader())
READERS.register("sqlite", SqliteReader())
READERS.register("json", JsonReader())
READERS.register("delimited", DelimitedReader())


def open_source(source: object, request: ReadRequest) -> Reading:
    """Open a table of neurons, synapses or connections.

    Args:
        source: a path, a ``cave://`` or ``neuprint://`` address, a pandas, polars or pyarrow table, a graph of networkx
            or igraph, or a matrix of NumPy or scipy.

    Raises:
        ReadError: there is no reader for such a source; SchemaError and IdError for what is inside.
    """
    return open_with(READERS, source, request)

"""Embeddings of every kind through one door: ``open_source``.

Tests: tests/ingest/segclr/test_csv_zip.py.
"""

from __future__ import annotations

from ingest.reader import EMBEDDING_READERS, Reading, ReadRequest, open_with
from ingest.segclr.csv_zip import NAME, SegclrReader
from ingest.segclr.embedding_table import EmbeddingTableReader

__all__ = ["EMBEDDING_READERS", "open_source"]

EMBEDDING_READERS.register("embedding_table", EmbeddingTableReader())
EMBEDDING_READERS.register(NAME, SegclrReader())


def open_source(source: object, request: ReadRequest) -> Reading:
    """Open a source of embeddings: shards, a pyarrow table, or what readers of other packages take.

    Raises:
        ReadError: nobody reads such a source; SchemaError and IdError for what is inside.
    """
    return open_with(EMBEDDING_READERS, source, request)

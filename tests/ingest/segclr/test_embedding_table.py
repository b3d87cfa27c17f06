"""Tables of embeddings: taken as they are, or refused with the column named."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.segclr.embedding_table import EmbeddingTableReader


def test_a_table_is_taken_as_it_is(embeddings: Callable[..., pa.RecordBatch]) -> None:
    table = pa.Table.from_batches([embeddings({5: 3, 2**63: 2}, 8)])
    reading = EmbeddingTableReader().read(table, ReadRequest("embeddings"))
    assert reading.to_reader().read_all() == table
    assert reading.rows == 5


def test_other_tables_are_refused(embeddings: Callable[..., pa.RecordBatch]) -> None:
    reader = EmbeddingTableReader()
    table = pa.Table.from_batches([embeddings({5: 3}, 8)])
    with pytest.raises(SchemaError, match="lack the column 'y_nm'"):
        reader.read(table.drop_columns("y_nm"), ReadRequest("embeddings"))
    loose = table.set_column(5, "vector", pa.array(table.column("vector").to_pylist(), pa.list_(pa.float32())))
    with pytest.raises(SchemaError, match="vector is list<item: float>; wanted a list of fixed size"):
        reader.read(loose, ReadRequest("embeddings"))
    with pytest.raises(UnknownNameError, match="did you mean 'model'"):
        reader.read(table, ReadRequest("embeddings", options={"modl": "x"}))

"""Embeddings that are an Arrow table already, as the encoder here makes them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import SchemaError
from ingest.schema.words import EMBEDDINGS

OPTIONS = ("model", "segmentation_version", "replace")


class EmbeddingTableReader:
    """A pyarrow table in the words of EMBEDDINGS, vectors of a fixed width."""

    uses = AcceptedOptions("tables of embeddings", OPTIONS)

    def accepts(self, source: object) -> Sure:
        return Sure.NAME if isinstance(source, pa.Table) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        """Batches of the table as it is.

        Raises:
            SchemaError: a missing column or another type.
        """
        request.check(self.uses)
        for column in EMBEDDINGS.columns:
            if column.name not in source.schema.names:
                raise SchemaError(f"embeddings lack the column {column.name!r}; wanted {', '.join(EMBEDDINGS.names())}")
            arrow_type = source.schema.field(column.name).type
            right = pa.types.is_fixed_size_list(arrow_type) if column.name == "vector" else arrow_type == column.type
            if not right:
                wanted = "a list of fixed size" if column.name == "vector" else column.type
                raise SchemaError(f"embeddings: {column.name} is {arrow_type}; wanted {wanted}")
        table = source.select(EMBEDDINGS.names())
        return Reading(table.schema, iter(table.to_batches(max_chunksize=1 << 16)), rows=table.num_rows)

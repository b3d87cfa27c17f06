"""What a source in memory holds, as tables: by their hash the same source is known again.

Tests: tests/graphlab/test_objects.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ingest.reader import source_name
from ingest.tables.frames import as_arrow
from ingest.tables.graphs.objects import is_graph, nodes_of
from ingest.tables.matrices.stored import is_matrix
from ingest.tables.types.cells import column_of


def contents(source: Any) -> list[pa.Table]:
    """Tables of a frame, a graph, a matrix, or a sequence of labels.

    Raises:
        ReadError: nothing of these.
    """
    if is_graph(source):
        graph = nodes_of(source)
        keys = {} if graph.keys is None else {"key": column_of([str(key) for key in graph.keys])}
        about = {f"about {name}": column_of(values) for name, values in graph.about.items()}
        ends = {"pre": pa.array(graph.ends[0], pa.int64()), "post": pa.array(graph.ends[1], pa.int64())}
        edges = {f"about {name}": column_of(values) for name, values in graph.edges.items()}
        shape = pa.table({"count": [graph.count], "directed": [graph.directed]})
        return [shape, pa.table({**keys, **about}), pa.table({**ends, **edges})]
    if isinstance(source, np.ndarray) and source.ndim == 1:
        return [pa.table({"values": pa.array(_native(source))})]
    if is_matrix(source):
        shape = pa.table({"shape": pa.array(source.shape, pa.int64())})
        if isinstance(source, np.ndarray):
            return [shape, pa.table({"values": pa.array(_native(np.ravel(source)))})]
        triples = source.tocoo()
        parts = {"row": triples.row, "column": triples.col, "values": triples.data}
        return [shape, pa.table({name: pa.array(_native(values)) for name, values in parts.items()})]
    if isinstance(source, list | tuple | pa.Array | pa.ChunkedArray) or type(source).__name__ in ("Series", "Index"):
        values = source.to_pylist() if isinstance(source, pa.Array | pa.ChunkedArray) else list(source)
        return [pa.table({"values": column_of(values)})]
    return [as_arrow(source, source_name(source))]


def _native(values: Any) -> Any:
    """Numbers as Arrow takes them; texts and Python objects as a list."""
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "biuf" else array.astype(str).tolist()

"""Embeddings to write and read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.schema import ID


def embedding_batch(segments: dict[int, int], width: int = 64, seed: int = 0) -> pa.RecordBatch:
    """A batch in the words of EMBEDDINGS: segment -> number of nodes."""
    rng = np.random.default_rng(seed)
    root = np.repeat(np.array(list(segments), dtype=np.uint64), list(segments.values()))
    node = np.concatenate([np.arange(count) for count in segments.values()]).astype(np.uint64)
    values = rng.normal(size=(len(root), width)).astype(np.float32)
    arrays: dict[str, Any] = {"root_id": pa.array(root, ID), "node_id": pa.array(node, ID)}
    for axis in "xyz":
        arrays[f"{axis}_nm"] = pa.array((rng.random(len(root)) * 1e6).astype(np.float32))
    arrays["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)
    return pa.RecordBatch.from_pydict(arrays)


@pytest.fixture
def embeddings() -> Callable[..., pa.RecordBatch]:
    return embedding_batch

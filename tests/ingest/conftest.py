"""Embeddings to write and read back."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.packed import PACKED
from ingest.schema.words import ID


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


def packed(data: bytes, ending: str) -> bytes:
    """Bytes as a file of such an ending holds them (``.gz``, ``.br``, ..; any other: as they are)."""
    kind = PACKED.get(ending.lower())
    own = {None: bytes, "gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if kind in own:
        return own[kind](data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, kind) as out:
        out.write(data)
    return bytes(sink.getvalue().to_pybytes())


@pytest.fixture(scope="session")
def pack() -> Callable[[bytes, str], bytes]:
    return packed

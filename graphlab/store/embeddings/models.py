"""The embedding models of a graph: their names, their vectors, and what SQL calls them.

Tests: tests/graphlab/store/embeddings/test_intake.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from graphlab.store.files import places
from graphlab.store.folder import Folder
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.store.embeddings.files import EmbeddingSet


def relation_of(model: str) -> str:
    """What SQL calls the embeddings of a model."""
    return "embeddings_" + re.sub(r"\W", "_", model)


def model_names(folder: Folder) -> list[str]:
    """Names of the embedding models of the graph, sorted."""
    rows = folder.connection.execute("SELECT DISTINCT model FROM embedding_files ORDER BY model").fetchall()
    return [str(row[0]) for row in rows]


def open_embeddings(folder: Folder, model: str | None) -> EmbeddingSet:
    """The vectors of one model.

    Raises:
        SchemaError: no embeddings, or several models and none named.
        UnknownNameError: no such model.
    """
    from graphlab.store.embeddings.files import EmbeddingSet

    known = model_names(folder)
    if not known:
        raise SchemaError(
            "this graph has no embeddings; bring some with `graphlab ingest GRAPH SHARDS --as embeddings`"
        )
    if model is None and len(known) > 1:
        raise SchemaError(f"this graph has embeddings of {len(known)} models; name one of {', '.join(known)}")
    if model is not None and model not in known:
        raise UnknownNameError("embedding model", model, known)
    chosen = model or known[0]
    rows = folder.connection.execute(
        "SELECT file, segmentation_version FROM embedding_files WHERE model = ? ORDER BY file", [chosen]
    ).fetchall()
    files = tuple(places.stored(folder.path, places.EMBEDDINGS, file) for file, _ in rows)
    opened = folder.opened.get(files)
    if not isinstance(opened, EmbeddingSet):
        opened = EmbeddingSet.open(files, model=chosen, segmentation_version=str(rows[0][1]))
        folder.opened[files] = opened
    return opened

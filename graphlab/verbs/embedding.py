"""Verbs about embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphlab.store import query_source
from graphlab.verbs.opened import Opened

if TYPE_CHECKING:
    from graphlab.store.embedding_files import EmbeddingSet


class Embedding(Opened):
    """Vectors of neurons and their parts."""

    def embeddings(self, model: str | None = None) -> EmbeddingSet:
        """Vectors of one model, memory-mapped; the model may be left out when there is one."""
        return query_source.embeddings(self._folder, model)

"""Verbs about embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source
from graphlab.verbs.opened import Opened

if TYPE_CHECKING:
    from gpu_embed.embed import Forecast
    from graphlab.embed_volumes import EmbedSummary, Progress
    from graphlab.store.embedding_files import EmbeddingSet


class Embedding(Opened):
    """Vectors of neurons and their parts."""

    def embeddings(self, model: str | None = None) -> EmbeddingSet:
        """Vectors of one model, memory-mapped; the model may be left out when there is one."""
        return query_source.embeddings(self._folder, model)

    def embed(
        self,
        em: Any,
        segmentation: Any,
        nodes: Any,
        checkpoint: Any,
        *,
        csvzip: str | Path | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> EmbedSummary:
        """Compute the embeddings of nodes in EM and segmentation volumes, and file them as a model of the graph.

        Stopped, it goes on where it was when called again; a node that has an embedding is not computed again. Nodes
        that fail (outside, another segment there, unreadable chunk) are in the summary's ``failures``.

        Args:
            em, segmentation: URLs or paths (see ``ingest.volumes.open_volume``), or opened Volumes.
            nodes: a file or folder (see ``ingest.nodes.read_nodes``), or a table with its columns.
            checkpoint: a ``.safetensors`` file with its card.
            csvzip: also write the model's rows there as SegCLR CSV-ZIP shards (8-byte keys, nm).
            options: ``model`` (name to file under), ``segmentation_version`` (the graph's materialization when
                absent), ``resolution``, ``segmentation_resolution`` (nm XYZ), ``offset``, ``segmentation_offset``
                (voxels XYZ), ``axes``, ``unit_nm`` and ``spacing_nm`` (of skeletons), ``engine``, ``precision``,
                ``device``, ``batch``, ``architecture``, ``memory_gib``, ``out_of_domain``.

        Raises:
            SchemaError, VersionError, ReadError, UnknownNameError: the graph is as it was.
        """
        from graphlab.embed_volumes import EmbedJob, EmbedRequest

        target = Path(csvzip) if csvzip else None
        request = EmbedRequest(em, segmentation, nodes, checkpoint, csvzip=target, **options)
        return EmbedJob(self._folder, request).run(progress)

    def embed_forecast(self, em: Any, segmentation: Any, nodes: Any, checkpoint: Any, **options: Any) -> Forecast:
        """What ``embed`` would read, hold and take, without writing anything; arguments as there."""
        from graphlab.embed_volumes import EmbedJob, EmbedRequest

        request = EmbedRequest(em, segmentation, nodes, checkpoint, **options)
        return EmbedJob(self._folder, request, keep=False).forecast()

"""Verbs about embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source
from graphlab.verbs.opened import Opened

if TYPE_CHECKING:
    from graphlab.store.embedding_files import EmbeddingSet
    from graphlab.store.embedding_places import NeuronJoin, SynapsePlaces


class Embedding(Opened):
    """Vectors of neurons and their parts."""

    def embeddings(self, model: str | None = None) -> EmbeddingSet:
        """Vectors of one model, memory-mapped; the model may be left out when there is one."""
        return query_source.embeddings(self._folder, model)

    def join_embeddings(
        self,
        model: str | None = None,
        *,
        id_map: Any = None,
        radius_nm: float | None = None,
        segmentation_version: str | None = None,
    ) -> NeuronJoin:
        """Find each neuron among the embedded segments: by id within one segmentation version, else by map or place.

        Kept in the table ``neuron_embeddings``; coverage and ambiguous neurons are in the answer.

        Args:
            id_map: file, table or frame with root_id (the graph's) and embedded_root_id (the embeddings').
            radius_nm: instead of a map: the segment whose node lies nearest to the neuron's point, within this reach.
            segmentation_version: of the graph's ids, where the graph names no materialization.

        Raises:
            VersionError: versions differ and neither a map nor a radius is given.
        """
        from graphlab.store.embedding_places import join_neurons
        from graphlab.store.id_maps import id_map as read_map

        return join_neurons(
            self._folder,
            self.embeddings(model),
            id_map=None if id_map is None else read_map(id_map),
            radius_nm=radius_nm,
            segmentation_version=segmentation_version,
        )

    def place_synapses(
        self, radius_nm: float, model: str | None = None, progress: Callable[[int, int], None] | None = None
    ) -> SynapsePlaces:
        """Keep, for every synapse, the nearest embedded node of its pre- and of its postsynaptic neuron.

        Rows of ``synapse_embeddings`` (synapse_id, side, root_id, embedded_root_id, node_id, distance_nm) are edge
        features that queries join with ``embeddings`` on (root_id, node_id). Neurons are joined by id first when
        ``join_embeddings`` was not called for this model.
        """
        from graphlab.store.embedding_places import is_joined, place_synapses

        embeddings = self.embeddings(model)
        if not is_joined(self._folder, embeddings.model):
            self.join_embeddings(embeddings.model)
        return place_synapses(self._folder, embeddings, radius_nm, progress)

    def _place_again(self, parameters: dict[str, Any]) -> str:
        from graphlab.store.embedding_places import place_again

        return place_again(self._folder, self.embeddings(parameters["model"]), parameters)

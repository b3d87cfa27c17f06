"""``graph.embeddings``: vectors of neurons and their parts, joined, placed, computed, averaged.

Tests: tests/graphlab/embeddings/test_aggregates.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphlab.store.embeddings.models import open_embeddings
from graphlab.store.runs.results import each_kept_run
from graphlab.verbs.open_graph import Namespace
from ingest.running.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from gpu_embed.embed import Forecast
    from graphlab.circuits.result import CircuitResult
    from graphlab.embeddings.aggregates import AggregateSummary
    from graphlab.embeddings.map import Projection
    from graphlab.embeddings.volumes import EmbedSummary
    from graphlab.store.embeddings.files import EmbeddingSet
    from graphlab.store.embeddings.partitioned import PartitionedEmbeddings
    from graphlab.store.embeddings.places import NeuronJoin, SynapsePlaces
    from ingest.skeletons.skeleton import Skeleton

MAP = "embedding_map"
"""Verb of the runs of maps."""


class Embeddings(Namespace):
    """Vectors of neurons and their parts."""

    def open(self, model: str | None = None) -> EmbeddingSet:
        """Vectors of one model, memory-mapped; the model may be left out when there is one."""
        return open_embeddings(self._folder, model)

    def join(
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
        from graphlab.store.embeddings.id_maps import id_map as read_map
        from graphlab.store.embeddings.places import join_neurons

        return join_neurons(
            self._folder,
            self.open(model),
            id_map=None if id_map is None else read_map(id_map),
            radius_nm=radius_nm,
            segmentation_version=segmentation_version,
        )

    def place_synapses(
        self, radius_nm: float, model: str | None = None, progress: Progress | None = None
    ) -> SynapsePlaces:
        """Keep, for every synapse, the nearest embedded node of its pre- and of its postsynaptic neuron.

        Rows of ``synapse_embeddings`` (synapse_id, side, root_id, embedded_root_id, node_id, distance_nm) are edge
        features that queries join with ``embeddings`` on (root_id, node_id). Neurons are joined by id first when
        ``join`` was not called for this model.
        """
        from graphlab.store.embeddings.places import is_joined, place_synapses

        embeddings = self.open(model)
        if not is_joined(self._folder, embeddings.model):
            self.join(embeddings.model)
        return place_synapses(self._folder, embeddings, radius_nm, progress)

    def map(
        self,
        model: str | None = None,
        *,
        method: str = "pca",
        neighbors: int = 15,
        min_distance: float = 0.1,
        seed: int = 0,
        record: bool = True,
    ) -> CircuitResult:
        """Neurons in a plane by their mean vectors: root_id, x, y. Kept with its run, for figures and the page.

        Args:
            method: ``pca`` (first two principal components) or ``umap`` (umap-learn; near is alike).
            neighbors, min_distance, seed: of UMAP.

        Raises:
            AnalysisError: fewer than three neurons have vectors, settings that are none.
            MissingExtraError: umap-learn is not installed.
        """
        import pyarrow as pa

        from graphlab.circuits.result import CircuitResult
        from graphlab.embeddings.map import by_components, by_umap, require_method

        require_method(method)
        embeddings = self.open(model)
        parameters: dict[str, Any] = {"model": embeddings.model, "method": method}
        if method == "umap":
            parameters |= {"neighbors": neighbors, "min_distance": min_distance, "seed": seed}
        run = self._start_run(MAP, parameters, seed=seed if method == "umap" else None, record=record)
        made = by_umap(embeddings, neighbors, min_distance, seed) if method == "umap" else by_components(embeddings)
        table = pa.table(
            {
                "root_id": pa.array(made.root_ids, pa.uint64()),
                "x": made.points[:, 0].copy(),
                "y": made.points[:, 1].copy(),
            }
        )
        run.finish(table, whole=table)
        about = {"axes": list(made.axes), "method": method}
        return CircuitResult(table, engine="embeddings", run_id=run.run_id, notes=made.notes, about=about)

    def kept_maps(self, model: str | None = None) -> list[tuple[str, Projection]]:
        """Run and map of every UMAP recorded on the present data, latest first."""
        import numpy as np

        from graphlab.embeddings.map import umap_projection

        found = []
        for run, table in each_kept_run(self._folder, MAP):
            said = dict(run.parameters)
            if said["method"] == "umap" and model in (None, said["model"]):
                points = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
                settings = (said["neighbors"], said["min_distance"], said["seed"])
                found.append(
                    (run.run_id, umap_projection(said["model"], table["root_id"].to_numpy(), points, *settings))
                )
        return found

    def projection(self, model: str | None = None, method: str = "pca", most: int | None = None) -> Projection:
        """The map of a model: principal components, found now; or the latest UMAP that was recorded.

        Args:
            most: neurons in it; of more, so many are sampled.

        Raises:
            AnalysisError: no UMAP of the present data was recorded.
        """
        from graphlab.embeddings.map import by_components, require_method
        from ingest.schema.errors import AnalysisError

        require_method(method)
        embeddings = self.open(model)
        if method == "pca":
            return by_components(embeddings, most)
        kept = self.kept_maps(embeddings.model)
        if not kept:
            raise AnalysisError(
                f"no UMAP of {embeddings.model} was recorded on the present data; `graphlab map-embeddings GRAPH`, or "
                "graph.embeddings.map(method='umap'), makes one"
            )
        return kept[0][1] if most is None else kept[0][1].sampled(most)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        from graphlab.store.embeddings.places import PLACE, place_again

        def again(**parameters: Any) -> None:
            assert self._repetition is not None
            self._repetition.compare_hash(place_again(self._folder, self.open(parameters["model"]), parameters))

        return {PLACE: again, MAP: self.map}

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
            em, segmentation: URLs or paths (see ``ingest.volumes.volume.open_volume``), or opened Volumes.
            nodes: a file or folder (see ``ingest.nodes.read_nodes``), or a table with its columns.
            checkpoint: a ``.safetensors`` file with its card.
            csvzip: also write the model's rows there as SegCLR CSV-ZIP shards (8-byte keys, nm).
            options: ``model`` (name to file under), ``segmentation_version`` (the graph's materialization when
                absent), ``resolution``, ``segmentation_resolution`` (nm XYZ), ``offset``, ``segmentation_offset``
                (voxels XYZ), ``axes``, ``segmentation_axes``, ``missing_chunks`` (``fill``: a chunk that is not
                there is the fill value, counted in ``notes``; ``refuse``: its nodes fail), ``unit_nm`` and
                ``spacing_nm`` (of skeletons), ``engine``, ``precision``, ``device``, ``batch``, ``architecture``,
                ``memory_gib``, ``out_of_domain``, ``cutting`` (``device``: blocks are kept and crops cut where the
                engine computes, what a GPU does by default; ``host``), ``part`` and ``shared`` (``"3/8"`` and a
                folder: compute that part of the nodes and file nothing; ``"gather"``: file what all parts computed),
                ``workers`` (a runner that computes all parts, such as ``RayTasks``; ``shared`` then is where finished
                parts are kept until they are filed, a folder of the graph when absent).

        Raises:
            SchemaError, VersionError, ReadError, UnknownNameError: the graph is as it was.
        """
        from graphlab.embeddings.volumes import EmbedJob, EmbedRequest

        target = Path(csvzip) if csvzip else None
        request = EmbedRequest(em, segmentation, nodes, checkpoint, csvzip=target, **options)
        return EmbedJob(self._folder, request).run(progress)

    def forecast(self, em: Any, segmentation: Any, nodes: Any, checkpoint: Any, **options: Any) -> Forecast:
        """What ``embed`` would read, hold and take, without writing anything; arguments as there."""
        from graphlab.embeddings.volumes import EmbedJob, EmbedRequest

        request = EmbedRequest(em, segmentation, nodes, checkpoint, **options)
        return EmbedJob(self._folder, request, keep=False).forecast()

    def aggregate(
        self,
        skeletons: Any,
        radius_nm: float = 10_000,
        model: str | None = None,
        *,
        by: str = "path",
        name: str | None = None,
        unit_nm: Any = None,
    ) -> AggregateSummary:
        """File means of a model along skeletons as a model of its own, weighted by cable.

        Args:
            skeletons: a ``.swc``, a folder of them or of precomputed skeletons, or Skeletons; of the embedded nodes.
            radius_nm: of path length, with ``by="path"``; 10,000 and 25,000 in Google's sets.
            by: ``path``: one mean around each node, under the node's id (``MODEL-within-10um``); ``compartment`` and
                ``neuron``: mixtures (``MODEL-compartment-mixtures``, node_id the SWC type; ``MODEL-neuron-mixtures``).
            name: instead of those. unit_nm: nm of one unit of SWC files.

        Run again, the same rows are there already; where the model has changed, its means are replaced.
        ``statistics`` gives count, cable and dispersion of each mean.

        Raises:
            SchemaError: a node that its skeleton has not, no embeddings, no compartments. UnknownNameError: ``by``.
        """
        from graphlab.embeddings.aggregates import aggregate, skeletons_of

        parsed = skeletons_of(skeletons, unit_nm)
        return aggregate(self._folder, self.open(model), parsed, by=by, radius_nm=radius_nm, name=name)

    def export(self, folder: str | Path, model: str | None = None, shards: int = 64) -> PartitionedEmbeddings:
        """Write vectors as Parquet files for other tools, neurons spread over them by a hash, with a manifest.

        ``folder/shard=K/0.parquet`` holds the words of EMBEDDINGS; the hash is that of the public releases with keys of
        8 bytes, so that a machine reads the files of its own neurons. All is written or nothing.

        Args:
            folder: new or empty. model: may be left out when there is one. shards: 1 to 512.

        Raises:
            AnalysisError: another number of shards. StoreError: the folder holds something.
        """
        from graphlab.store.embeddings.partitioned import write_partitioned

        return write_partitioned(self.open(model), Path(folder), shards)

    def statistics(self, model: str) -> pa.Table:
        """root_id, node_id, count, cable_nm, dispersion (and compartment) of each mean of an aggregated model."""
        from graphlab.embeddings.aggregates import statistics

        return statistics(self._folder, model)

    def along(self, skeletons: Iterable[Skeleton], radius_nm: float, model: str | None = None) -> pa.Table:
        """Around each embedded node, the mean within a path length along its skeleton, weighted by cable.

        Args:
            skeletons: those that the embedded nodes are of; one without embeddings gets no rows.
            radius_nm: 10,000 and 25,000 in Google's sets.

        Returns:
            The words of EMBEDDINGS, and count, cable_nm and dispersion of each mean.

        Raises:
            SchemaError: a node that its skeleton has not, or no embeddings at all.
        """
        from gpu_embed.aggregate import within_path

        return self._along(skeletons, model, lambda s, ids, v: within_path(s, ids, v, radius_nm).to_arrow())

    def mixtures(self, skeletons: Iterable[Skeleton], model: str | None = None) -> pa.Table:
        """One mean of each neuron, and of each of its compartments where the skeleton knows them.

        Returns:
            root_id, compartment, mixture, count, cable_nm, dispersion. A mixture of compartments is like no node.
        """
        from gpu_embed.aggregate import mixtures

        return self._along(skeletons, model, mixtures)

    def _along(self, skeletons: Iterable[Skeleton], model: str | None, mean: Any) -> pa.Table:
        import pyarrow as pa

        from ingest.schema.errors import SchemaError

        there = self.open(model)
        tables = []
        for skeleton in skeletons:
            vectors, _ = there.lookup([skeleton.root_id])
            if len(vectors):
                tables.append(mean(skeleton, there.nodes([skeleton.root_id])[0], vectors))
        if not tables:
            raise SchemaError(f"none of the skeletons has embeddings of model {there.model!r}")
        return pa.concat_tables(tables)

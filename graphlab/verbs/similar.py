"""The verb that asks embeddings: which neurons look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from graphlab.store.embeddings.models import open_embeddings
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from queries.result import Result


class SimilarityVerbs(OpenGraph):
    """Exact nearest neighbours among embedded neurons."""

    def similar(
        self,
        who: Any,
        k: int = 10,
        *,
        metric: Literal["standardised", "cosine"] = "standardised",
        model: str | None = None,
    ) -> Result:
        """The k neurons whose mean embeddings point most nearly the same way; all in the graph or subset are compared.

        A neuron's vector is the mean over its embedded nodes: a mixture of what its axon, dendrite and soma look
        like, so unlike neurons with like proportions of parts can come out alike.

        Args:
            who: one neuron, by id, name, or criteria that one meets.
            metric: ``standardised`` takes the mean over neurons from each dimension and divides by its standard
                deviation first, since SegCLR's outputs share a large common part; ``cosine`` compares as they are.
            model: name of the embedding model; may be left out when there is one.

        Returns:
            rank int64 from 1, root_id uint64, name, cell_type, similarity double (cosine, -1 to 1), vector text
            (``mixture: mean of n nodes``), nodes int64. The neuron itself is not among them.

        Raises:
            SchemaError: no embeddings, k below 1. UnknownNameError: no such metric, or a neuron without embeddings.
        """
        import numpy as np
        import pyarrow as pa

        from graphlab.selection.resolve import root_ids_of
        from ingest.schema.ids import rows_of
        from queries.result import Result

        if metric not in ("standardised", "cosine"):
            raise UnknownNameError("metric", metric, ["standardised", "cosine"])
        if k < 1:
            raise SchemaError(f"k is {k}; wanted 1 or more neurons")
        embeddings = open_embeddings(self._folder, model)
        ids = embeddings.root_ids
        asked = root_ids_of(self._folder, who)
        if len(asked) != 1:
            raise SchemaError(f"similar compares with one neuron; found {len(asked):,}. Say which by root_id or name")
        root_id = int(asked[0])
        own = int(rows_of(ids, asked)[0])
        if own < 0:
            raise SchemaError(f"neuron {root_id} has no embeddings of model {embeddings.model}")
        likeness = similarities(embeddings.mean(ids), own, standardised=metric == "standardised")
        # Equal ones by root_id, whatever the sort does.
        order = np.lexsort((ids, -likeness))
        order = order[order != own]
        if self._folder.part is not None:
            order = order[np.isin(ids[order], self._folder.part.root_ids)]
        best = order[:k]
        nodes = np.diff(embeddings.nodes(ids[best])[2])
        names, types = self._beside_ids(ids[best])
        table = pa.table(
            {
                "rank": pa.array(np.arange(1, len(best) + 1), pa.int64()),
                "root_id": pa.array(ids[best], pa.uint64()),
                "name": pa.array(names, pa.string()),
                "cell_type": pa.array(types, pa.string()),
                "similarity": pa.array(likeness[best], pa.float64()),
                "vector": pa.array([f"mixture: mean of {n} nodes" for n in nodes], pa.string()),
                "nodes": pa.array(nodes, pa.int64()),
            }
        )
        return Result(table, engine="exact")

    def _beside_ids(self, root_ids: Any) -> tuple[list[Any], list[Any]]:
        """Names and types of neurons."""
        import pyarrow as pa

        wanted = pa.table({"place": pa.array(range(len(root_ids)), pa.int64()), "root_id": pa.array(root_ids)})
        cursor = self._folder.cursor()
        cursor.register("wanted", wanted)
        sql = "SELECT n.name, n.cell_type FROM wanted w LEFT JOIN neurons n USING (root_id) ORDER BY w.place"
        rows = cursor.execute(sql).fetchall()
        return [row[0] for row in rows], [row[1] for row in rows]


def similarities(vectors: npt.NDArray[Any], own: int, standardised: bool) -> npt.NDArray[np.float64]:
    """Cosine of every row with row ``own``, float64 [n]; of z-scores where ``standardised``.

    A dimension that never varies is left out, and a vector of zeros resembles nothing (0).
    """
    import numpy as np

    values = np.asarray(vectors, dtype=np.float64)
    if standardised:
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    lengths = np.linalg.norm(values, axis=1)
    products: npt.NDArray[np.float64] = values @ values[own]
    scale = lengths * lengths[own]
    cosines: npt.NDArray[np.float64] = np.divide(products, scale, out=np.zeros(len(values)), where=scale > 0)
    return cosines

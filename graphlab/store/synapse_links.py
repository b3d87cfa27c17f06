"""Which embedded node lies nearest to each synapse, on both sides, kept in ``synapse_embeddings``."""

from __future__ import annotations

from graphlab.store import query_source, tables
from graphlab.store.embedding_joins import synapse_nodes
from graphlab.store.folder import Folder
from ingest.errors import SchemaError


def link_synapses(folder: Folder, model: str | None, radius_nm: float) -> tuple[int, int]:
    """Find and keep the nearest nodes of one model, in place of those kept before.

    Args:
        radius_nm: synapses without a node of their own neuron within it get no row.

    Returns:
        Rows written, and twice the number of synapses: what there would be if every side had a node.

    Raises:
        SchemaError: no synapses, no positions, or no embeddings; a radius that is not positive.
    """
    if not radius_nm > 0:
        raise SchemaError(f"radius of {radius_nm} nm; wanted a positive length")
    embeddings = query_source.embeddings(folder, model)
    synapses = tables.whole_table(folder, "synapses")
    if synapses.num_rows == 0:
        raise SchemaError(
            "this graph has no synapses to link; bring some with `graphlab ingest GRAPH FILE --as synapses`"
        )
    found = synapse_nodes(embeddings, synapses, radius_nm)
    with folder.transaction() as connection:
        connection.execute("DELETE FROM synapse_embeddings WHERE model = ?", [embeddings.model])
        connection.register("found_nodes", found)
        connection.execute("INSERT INTO synapse_embeddings BY NAME SELECT * FROM found_nodes")
        connection.unregister("found_nodes")
    return found.num_rows, 2 * synapses.num_rows

"""The graph as the objects colleagues expect: networkx and igraph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ingest.schema.ids import rows_of

if TYPE_CHECKING:
    import igraph
    import networkx


def to_networkx(neurons: pa.Table, connections: pa.Table) -> networkx.DiGraph:
    """A DiGraph: nodes are root_ids (Python integers) with the columns of ``neurons``, edges have ``weight``.

    Args:
        neurons: a table with root_id.
        connections: a table with pre_root_id, post_root_id, weight; one kind, so one edge a pair.
    """
    import networkx

    graph: networkx.DiGraph = networkx.DiGraph()
    for row in neurons.to_pylist():
        graph.add_node(row.pop("root_id"), **{name: value for name, value in row.items() if value is not None})
    for row in connections.to_pylist():
        values = {name: value for name, value in row.items() if value is not None}
        graph.add_edge(values.pop("pre_root_id"), values.pop("post_root_id"), **values)
    return graph


def to_igraph(neurons: pa.Table, connections: pa.Table) -> igraph.Graph:
    """A directed igraph.Graph: vertices in root_id order, ids as text in ``root_id`` (igraph saves floats).

    Args:
        neurons, connections: as for ``to_networkx``, neurons sorted by root_id.
    """
    import igraph

    root_ids = neurons["root_id"].combine_chunks().to_numpy()
    ends = [
        rows_of(root_ids, connections[side].combine_chunks().to_numpy()) for side in ("pre_root_id", "post_root_id")
    ]
    graph = igraph.Graph(n=len(root_ids), edges=np.stack(ends, axis=1), directed=True)
    for name in neurons.schema.names:
        values: list[Any] = neurons[name].to_pylist()
        graph.vs[name] = [str(value) for value in values] if name == "root_id" else values
    graph.es["weight"] = connections["weight"].to_pylist()
    return graph

"""Graphs that networkx and igraph hold in memory; neither is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure, source_name
from ingest.schema.errors import ReadError
from ingest.tables.graphs.rows import OPTIONS, WORDS, Nodes, collected, read_graph


class GraphReader:
    """Nodes are called by their keys (networkx), their attribute ``name`` (igraph), or as ``ids`` says."""

    uses = AcceptedOptions("graphs of networkx and igraph", OPTIONS, WORDS)

    def accepts(self, source: object) -> Sure:
        return Sure.NAME if is_graph(source) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        name = source_name(source)
        if not is_graph(source):
            raise ReadError(f"{name}: wanted a graph of networkx or igraph")
        request.check(self.uses)
        return read_graph(name, nodes_of(source), request)


def is_graph(source: object) -> bool:
    """Whether this is a graph of one of the two libraries, or a class made from one."""
    return _of(source) is not None


def _of(source: object) -> str | None:
    made = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(source).__mro__)
    return next((library for library, name in made if library in ("networkx", "igraph") and name == "Graph"), None)


def nodes_of(source: Any) -> Nodes:
    """Nodes and edges of a graph of either library."""
    return networkx_nodes(source) if _of(source) == "networkx" else _igraph_nodes(source)


def networkx_nodes(graph: Any) -> Nodes:
    """Of a graph of networkx; parallel edges of a multigraph are an edge each."""
    keys = list(graph.nodes)
    place = {key: at for at, key in enumerate(keys)}
    pre, post, rows = [], [], []
    if graph.is_multigraph():
        for left, right, key, about in graph.edges(keys=True, data=True):
            pre.append(place[left])
            post.append(place[right])
            # Keys that are whole numbers count parallel edges; any other says something.
            rows.append(about if isinstance(key, int) or "key" in about else {**about, "key": key})
    else:
        for left, right, about in graph.edges(data=True):
            pre.append(place[left])
            post.append(place[right])
            rows.append(about)
    nodes: list[Mapping[Any, Any]] = [graph.nodes[key] for key in keys]
    return Nodes(keys, len(keys), collected(nodes), (pre, post), collected(rows), graph.is_directed())


def _igraph_nodes(graph: Any) -> Nodes:
    about = {str(name): list(graph.vs[name]) for name in graph.vs.attributes()}
    ends = graph.get_edgelist()
    edges = {str(name): list(graph.es[name]) for name in graph.es.attributes()}
    sides = [left for left, _ in ends], [right for _, right in ends]
    return Nodes(about.get("name"), graph.vcount(), about, sides, edges, graph.is_directed())

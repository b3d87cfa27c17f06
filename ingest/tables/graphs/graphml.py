"""GraphML, as networkx, igraph, Gephi and Cytoscape write it; networkx reads it once it has been looked over."""

from __future__ import annotations

import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ingest.packed import bare_name, unpacked
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import GraphlabError, ReadError, SchemaError
from ingest.tables.files import checked, named
from ingest.tables.graphs.objects import networkx_nodes
from ingest.tables.graphs.rows import IDS, OPTIONS, WORDS, Nodes, read_graph, unique

LONGEST = 512 << 20
"""Bytes of a file, unpacked: it is read whole."""
DEEPEST = 64
NEEDED = {"node": ("id",), "edge": ("source", "target")}
"""What an element has to say."""
COUNTED = re.compile(r"n\d+")
"""How igraph, yEd and others count nodes, whose names are an attribute then."""


class GraphMLReader:
    """Edges have the direction that the file says; ``ids`` names the attribute that holds what nodes are called."""

    uses = AcceptedOptions("GraphML files", OPTIONS, WORDS)

    def accepts(self, source: object) -> Sure:
        if not isinstance(source, str | Path):
            return Sure.NO
        return named(bare_name(str(source)), ".graphml")

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = checked(source)
        request.check(self.uses)
        data = unpacked(path) if path.stat().st_size <= LONGEST else b""
        if not data or len(data) > LONGEST:
            raise ReadError(
                f"{path} has more than {LONGEST:,} bytes; GraphML is read whole. Save its edges as Parquet or CSV"
                if data or path.stat().st_size > LONGEST
                else f"{path} is empty"
            )
        _look_over(path, data)
        graph = networkx_nodes(_parsed(path, data))
        _refuse_counted(path, graph, request)
        return read_graph(str(path), graph, request)


def _look_over(path: Path, data: bytes) -> None:
    """Refuse entities, which may unfold to any size, and what networkx would pass over."""
    parser = expat.ParserCreate()
    graphs = depth = 0
    nodes: set[str] = set()
    ends: set[str] = set()

    def refuse(*_: Any) -> None:
        raise ReadError(f"{path}: it defines entities, which may unfold to any size; save it without")

    def begin(name: str, said: dict[str, str]) -> None:
        nonlocal graphs, depth
        depth += 1
        kind = name.rpartition(":")[2]
        graphs += kind == "graph" and depth == 2
        missing = [word for word in NEEDED.get(kind, ()) if word not in said]
        if missing:
            raise ReadError(f"{path}, line {parser.CurrentLineNumber}: a <{kind}> without {' and '.join(missing)}")
        if kind == "node" and said["id"] in nodes:
            raise ReadError(f"{path}, line {parser.CurrentLineNumber}: the node {said['id']!r} is there twice")
        if kind == "node":
            nodes.add(said["id"])
        if kind == "edge":
            ends.update((said["source"], said["target"]))
        if depth > DEEPEST:
            raise ReadError(f"{path}: nested too deeply to be a graph")
        if depth == 1 and name.rpartition(":")[2] != "graphml":
            raise ReadError(f"{path}: found <{name}>; wanted <graphml>")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.EntityDeclHandler, parser.StartElementHandler, parser.EndElementHandler = refuse, begin, end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeDecodeError, ValueError, LookupError) as error:
        raise ReadError(f"{path}: this is no whole GraphML file (truncated or damaged): {error}") from None
    if lost := ends - nodes:
        raise ReadError(f"{path}: an edge ends in {min(lost)!r}, which is no node of it (truncated or damaged)")
    if graphs != 1:
        raise SchemaError(f"{path}: holds {graphs} graphs; wanted one. Save each as a file of its own")


def _parsed(path: Path, data: bytes) -> Any:
    import networkx

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ports of edges are not supported, and say nothing of them
            return networkx.read_graphml(BytesIO(data))
    except GraphlabError:
        raise
    except Exception as error:  # its reader raises whatever a value of the file makes it meet
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReadError(f"{path}: this GraphML cannot be read: {why}") from None


def _refuse_counted(path: Path, graph: Nodes, request: ReadRequest) -> None:
    """Refuse to take the counter of a library (n0, n1, ...) for names where an attribute may hold them."""
    if IDS in request.options or not graph.keys or not all(COUNTED.fullmatch(str(key)) for key in graph.keys):
        return
    better = [name for name, values in graph.about.items() if unique(values)]
    if better:
        raise SchemaError(
            f"{path}: its nodes are n0, n1, ..., which a library counted; say which attribute holds what they are "
            f"called: --option {IDS}={better[0]}" + (f" (or {', '.join(better[1:])})" if len(better) > 1 else "")
        )

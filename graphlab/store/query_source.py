"""What the query engine is handed: a cursor, the embeddings registered on it, property graphs, snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from graphlab.store.folder import Folder
from graphlab.store.snapshots import snapshot
from ingest.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.store.embedding_files import EmbeddingSet
    from queries.engine import Source


def query_source(folder: Folder) -> Source:
    """A source for ``queries.engine.run``; embeddings appear as the relation ``embeddings``.

    With several models, ``embeddings`` is the first by name and each model is also ``embeddings_<model>`` with
    other characters than letters and digits as ``_``.
    """
    from queries.engine import Source
    from queries.property_graph import CONNECTOME
    from queries.sql_pgq import parse_property_graph

    cursor = folder.cursor()
    for number, model in enumerate(models(folder)):
        vectors = embeddings(folder, model).to_arrow()
        cursor.register("embeddings_" + re.sub(r"\W", "_", model), vectors)
        if number == 0:
            cursor.register("embeddings", vectors)
    for name, dataset in recordings(folder).items():
        cursor.register(name, dataset)
    graphs = {CONNECTOME.name: CONNECTOME}
    for name, definition in folder.connection.execute("SELECT name, definition FROM property_graphs").fetchall():
        graphs[name] = parse_property_graph(definition)
    return Source(
        connection=cursor,
        property_graphs=graphs,
        snapshot=lambda kind: snapshot(folder, kind),
    )


def recordings(folder: Folder) -> dict[str, Any]:
    """``recordings`` (a row a frame and trace) and ``behavior`` (a row a frame and behaviour), read when asked."""
    from pyarrow import dataset

    found: dict[str, Any] = {}
    rows = folder.connection.execute("SELECT part, file FROM recording_files ORDER BY part, animal, file").fetchall()
    for name, part in (("recordings", "activity"), ("behavior", "behavior")):
        files = [str(folder.path / file) for kind, file in rows if kind == part]
        if files:
            found[name] = dataset.dataset(files, format="parquet")
    return found


def models(folder: Folder) -> list[str]:
    """Names of the embedding models of the graph, sorted."""
    rows = folder.connection.execute("SELECT DISTINCT model FROM embedding_files ORDER BY model").fetchall()
    return [str(row[0]) for row in rows]


def embeddings(folder: Folder, model: str | None) -> EmbeddingSet:
    """The vectors of one model.

    Raises:
        SchemaError: no embeddings, or several models and none named.
        UnknownNameError: no such model.
    """
    from graphlab.store.embedding_files import EmbeddingSet

    known = models(folder)
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
    return EmbeddingSet.open(
        [folder.path / file for file, _ in rows], model=chosen, segmentation_version=str(rows[0][1])
    )


def create_property_graph(folder: Folder, definition: str) -> str:
    """Check and keep a CREATE PROPERTY GRAPH statement; a name is taken once. Returns the name."""
    from queries.property_graph import CONNECTOME
    from queries.sql_pgq import parse_property_graph

    graph = parse_property_graph(definition)
    rows = folder.connection.execute("SELECT name FROM property_graphs").fetchall()
    if graph.name.lower() in {str(row[0]).lower() for row in rows} | {CONNECTOME.name}:
        raise SchemaError(f"a property graph called {graph.name!r} exists already; choose another name")
    with folder.transaction() as connection:
        connection.execute("INSERT INTO property_graphs VALUES (?, ?)", [graph.name, definition])
    return graph.name

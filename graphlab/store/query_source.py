"""What the query engine is handed: a cursor, the embeddings registered on it, property graphs, snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.database import arrow, read_errors
from graphlab.store.embeddings.models import model_names, open_embeddings, relation_of
from graphlab.store.files import checksums, places
from graphlab.store.folder import Folder
from graphlab.store.recordings.files import REMEDY
from graphlab.store.tables import TABLES
from graphlab.store.wiring import functional_edges
from graphlab.store.wiring.functional_edges import resolved_kind
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.words import EMBEDDINGS

Counts = npt.NDArray[np.int64]
ON_DEMAND = ("embeddings", "recordings", "behavior", "functional_edges")
"""Relations that a question gets when it speaks of them."""
FUNCTIONAL_WORDS = ("functional", "response", "correlation", "lagged")
"""A question without any of them asks for no functional edges."""

if TYPE_CHECKING:
    from queries.engine import Source
    from queries.snapshot import Snapshot


def query_source(folder: Folder, text: str | None = None, kind: str = "chemical") -> Source:
    """A source for ``queries.engine.run``; embeddings appear as relations that are read only where a query does.

    Each model is ``embeddings_<model>``, other characters than letters and digits as ``_``. ``embeddings`` is the
    one model there is; with several there is none of that name, since vectors of two models must not meet by
    accident; without any it is empty.

    ``functional_edges`` are the connected pairs of the latest run of each kind of functional edges.

    Args:
        text: the question; where neither it nor a property graph speaks of embeddings, their files stay closed.
        kind: of the edges that a pattern means where no label says otherwise.

    Raises:
        UnknownNameError: no such kind. AnalysisError: functional edges of which there are none.
    """
    from queries.engine import Source
    from queries.ir.property_graph import connectome
    from queries.languages.sql_pgq.parser import parse_property_graph

    cursor = folder.cursor()
    defined = folder.connection.execute("SELECT name, definition FROM property_graphs").fetchall()
    spoken_of = [text or "embeddings", *(definition for _, definition in defined)]
    if any("embeddings" in item.lower() for item in spoken_of):
        known = model_names(folder)
        for model in known:
            vectors = open_embeddings(folder, model).to_arrow()
            cursor.register(relation_of(model), vectors)
            if len(known) == 1:
                cursor.register("embeddings", vectors)
        if not known:
            cursor.register("embeddings", pa.schema([(c.name, c.type) for c in EMBEDDINGS.columns]).empty_table())
    if any(
        word in item.lower() for item in [text or "recordings", *spoken_of[1:]] for word in ("recordings", "behavior")
    ):
        for name, dataset in recordings(folder).items():
            cursor.register(name, dataset)
    name, _, run_id = resolved_kind(folder, kind).partition("@")
    words = [text or "functional", *spoken_of[1:]]
    if run_id or any(word in item.lower() for item in words for word in FUNCTIONAL_WORDS):
        cursor.execute(functional_edges.relation({name: run_id} if run_id else {}))
    graphs = {"connectome": connectome(name)}
    for name, definition in defined:
        graphs[name] = parse_property_graph(definition)
    return Source(
        connection=cursor,
        property_graphs=graphs,
        snapshot=lambda kind: snapshot(folder, kind, cursor=cursor),
        suggested=lambda: public_names(folder),
        # What is kept of edges is kept by the name of their relation, which another run or kind changes.
        cache=folder.known if kind == "chemical" else {},
    )


@contextmanager
def asking(folder: Folder, text: str | None = None, kind: str = "chemical") -> Iterator[Source]:
    """``query_source`` for one question: one committed state, whatever other threads write meanwhile."""
    from queries.duckdb.executor import one_state

    with read_errors(folder.path):
        source = query_source(folder, text, kind)
        try:
            with one_state(source.connection):
                yield source
        finally:
            source.connection.close()


def public_names(folder: Folder) -> list[str]:
    """Tables and views meant for people, whether or not a question has them registered; the store's own are not."""
    views = folder.connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    own = [relation_of(model) for model in model_names(folder)]
    demanded = [name for name in ON_DEMAND if name != "embeddings" or len(own) < 2]  # of several, each by its own name
    return sorted({*TABLES, *demanded, *own, *(str(row[0]) for row in views)})


def pattern_counter(folder: Folder, text: str, language: str | None, kind: str) -> Callable[[Snapshot], Counts]:
    """How often a pattern matches over the graph's neurons and the connections of any snapshot.

    Returns:
        a function, safe in threads, from a snapshot (of the same neurons) to int64 [1].
    """
    from queries.engine import Source, run
    from queries.ir.property_graph import FUNCTIONAL_EDGES, connectome

    name, _, run_id = kind.partition("@")
    edges, graphs = FUNCTIONAL_EDGES if run_id else "connections", {"connectome": connectome(name)}
    neurons = arrow(folder.cursor(), "FROM neurons ORDER BY root_id")
    own = threading.local()

    def count(view: Snapshot) -> Counts:
        connections = pa.table(
            {
                "pre_root_id": pa.array(view.root_ids[view.sources()], pa.uint64()),
                "post_root_id": pa.array(view.root_ids[view.out_target], pa.uint64()),
                "weight": pa.array(view.weight, pa.float64()),
                "kind": pa.array([name] * view.m, pa.string()),
            }
        )
        if not hasattr(own, "connection"):  # connecting takes longer than most patterns
            own.connection = duckdb.connect(config={"threads": 1, "enable_external_access": "false"})
            own.connection.register("neurons", neurons)
        own.connection.register(edges, connections)
        source = Source(own.connection, graphs, snapshot=lambda wanted: view)
        found = run(text, source, language=language, count=True).to_arrow()
        return np.array([found.column(0)[0].as_py()], dtype=np.int64)

    return count


def recordings(folder: Folder) -> dict[str, Any]:
    """``recordings`` (a row a frame and trace) and ``behavior`` (a row a frame and behaviour), read when asked."""
    from pyarrow import dataset

    found: dict[str, Any] = {}
    rows = folder.connection.execute("SELECT part, file FROM recording_files ORDER BY part, animal, file").fetchall()
    for name, part in (("recordings", "activity"), ("behavior", "behavior")):
        files = [str(places.stored(folder.path, places.RECORDINGS, file)) for kind, file in rows if kind == part]
        for file in files:
            checksums.require_named(Path(file), "the recording", REMEDY)
        if files:
            found[name] = dataset.dataset(files, format="parquet")
    return found

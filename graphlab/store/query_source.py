"""What the query engine is handed: a cursor, the embeddings registered on it, property graphs, snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store import neuprint_views
from graphlab.store.database import arrow, read_errors
from graphlab.store.embeddings.models import model_names, open_embeddings, relation_of
from graphlab.store.files import checksums, places
from graphlab.store.folder import Folder
from graphlab.store.tables import TABLES
from graphlab.store.wiring import functional_edges
from graphlab.store.wiring.compartments.choice import (
    Compartment,
    chosen_part,
    part_of_connections,
    resolved_compartment,
)
from graphlab.store.wiring.functional_edges import resolved_kind
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.words import EMBEDDINGS, KINDS
from queries.ir.connectome import FUNCTIONAL_EDGES, PART_OF_CONNECTIONS
from queries.ir.identifiers import OURS
from queries.ir.synapse_nodes import RELATIONS

Counts = npt.NDArray[np.int64]
RECORDED = {"recordings": "activity", "behavior": "behavior"}
"""Relation -> the part of recordings that it has."""
ON_DEMAND = ("embeddings", *RECORDED, FUNCTIONAL_EDGES)
"""Relations that are made for a question that reads them."""

if TYPE_CHECKING:
    from queries.engine import Source
    from queries.ir.property_graph import PropertyGraph
    from queries.snapshot import Snapshot


def query_source(folder: Folder, kind: str = "chemical", compartment: Compartment = None) -> Source:
    """A source for ``queries.engine.run``; relations of ON_DEMAND are made when a question turns out to read them.

    Each embedding model is ``embeddings_<model>``, other characters than letters and digits as ``_``. ``embeddings``
    is the one model there is; with several there is none of that name, since vectors of two models must not meet by
    accident; without any it is empty.

    ``functional_edges`` are the connected pairs of the latest run of each kind of functional edges.

    Args:
        kind: of the edges that a pattern means where no label says otherwise.
        compartment: synaptic edges are what pairs have there, as ``snapshot`` takes it; tables are whole.

    Raises:
        UnknownNameError: no such kind, no such compartment. AnalysisError: functional edges of which there are none,
            no connection with a compartment.
    """
    from queries.engine import Source

    cursor = folder.cursor()
    name, _, run_id = resolved_kind(folder, kind).partition("@")
    graphs = {"connectome": _connectome(folder, name, compartment is not None)}
    part = resolved_compartment(folder, compartment)
    if part is not None:
        chosen_part(cursor, part, None if name in KINDS else name)
    graphs |= _kept_graphs(folder)
    return Source(
        connection=cursor,
        property_graphs=graphs,
        snapshot=lambda kind: snapshot(folder, kind, cursor=cursor, compartment=part),
        suggested=lambda: public_names(folder),
        # What is kept of edges is kept by the name of their relation, which another run or kind changes.
        cache=folder.known if kind == "chemical" and part is None else {},
        provide=_OnDemand(folder, cursor, {name: run_id} if run_id else {}, part),
    )


def _connectome(folder: Folder, kind: str, part: bool) -> PropertyGraph:
    """The property graph of the folder; the same object until anything is written."""
    from queries.ir.connectome import connectome

    known, key = folder.known, ("connectome", kind, part)
    if key not in known or folder.shared:
        known[key] = connectome(kind, part, folder.meta("dataset"))
    made: PropertyGraph = known[key]
    return made


def _kept_graphs(folder: Folder) -> dict[str, PropertyGraph]:
    """The property graphs that people keep in the graph, by name; read again when anything was written."""
    from queries.languages.sql_pgq.parser import parse_property_graph

    known = folder.known
    if "property graphs" not in known or folder.shared:  # others write a shared graph
        rows = folder.connection.execute("SELECT name, definition FROM property_graphs").fetchall()
        known["property graphs"] = {str(name): parse_property_graph(definition) for name, definition in rows}
    graphs: dict[str, PropertyGraph] = known["property graphs"]
    return graphs


class _OnDemand:
    """Makes a relation of a graph that is none of its database, when it is first told that somebody reads it.

    Args:
        runs: kind of functional edges -> the run they are of, where it is not the latest.
        part: compartments that synaptic edges are of.
    """

    def __init__(
        self, folder: Folder, cursor: duckdb.DuckDBPyConnection, runs: Mapping[str, str], part: str | None
    ) -> None:
        self._folder, self._cursor, self._runs, self._part = folder, cursor, runs, part
        self._made: set[str] = set()

    def __call__(self, relation: str) -> None:
        name = relation.lower()
        if name in self._made:
            return
        self._made.add(name)
        if name.startswith("embeddings"):
            self._embeddings(name)
        elif name in RECORDED:
            dataset = recordings(self._folder, name)
            if dataset is not None:
                self._cursor.register(name, dataset)
        elif name == FUNCTIONAL_EDGES:
            self._cursor.execute(functional_edges.relation(self._runs))
        elif name in RELATIONS:
            self._cursor.execute(neuprint_views.relation(self._folder, self._cursor, name))
        elif name == PART_OF_CONNECTIONS and self._part is not None:
            self._connections_in(self._part)

    def _connections_in(self, compartment: str) -> None:
        """Rows of ``connections`` with the weight that they have in the compartments."""
        chosen = chosen_part(self._cursor, compartment)
        self._cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {PART_OF_CONNECTIONS} AS SELECT c.* EXCLUDE (neuropil) "
            "REPLACE (p.weight AS weight) FROM connections AS c "
            f"JOIN ({part_of_connections(self._cursor, chosen)}) AS p USING (pre_root_id, post_root_id, kind)",
            chosen.parameters,
        )

    def _embeddings(self, name: str) -> None:
        known = model_names(self._folder)
        if name == "embeddings" and not known:
            empty = pa.schema([(c.name, c.type) for c in EMBEDDINGS.columns]).empty_table()
            self._cursor.register(name, empty)
        for model in known:
            if name == relation_of(model).lower() or (name == "embeddings" and len(known) == 1):
                self._cursor.register(name, open_embeddings(self._folder, model).to_arrow())


@contextmanager
def question_source(folder: Folder, kind: str = "chemical", compartment: Compartment = None) -> Iterator[Source]:
    """``query_source`` for one question: one committed state, whatever other threads write meanwhile."""
    from queries.duckdb.executor import one_state

    with read_errors(folder.path):
        source = query_source(folder, kind, compartment)
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
    named = {str(row[0]) for row in views if not str(row[0]).startswith(OURS)}
    return sorted({*TABLES, *demanded, *own, *named})


def pattern_counter(folder: Folder, text: str, language: str | None, kind: str) -> Callable[[Snapshot], Counts]:
    """How often a pattern matches over the graph's neurons and the connections of any snapshot.

    Returns:
        a function, safe in threads, from a snapshot (of the same neurons) to int64 [1].
    """
    from queries.engine import Source, run
    from queries.ir.connectome import connectome

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
        result = run(text, source, language=language, count=True).to_arrow()
        return np.array([result.column(0)[0].as_py()], dtype=np.int64)

    return count


def recordings(folder: Folder, name: str) -> Any:
    """``recordings`` (a row a frame and trace) or ``behavior`` (a row a frame and behaviour); None without any."""
    from pyarrow import dataset

    from graphlab.store.recordings.files import REMEDY

    rows = folder.connection.execute(
        "SELECT file FROM recording_files WHERE part = ? ORDER BY animal, file", [RECORDED[name]]
    ).fetchall()
    files = [str(places.stored(folder.path, places.RECORDINGS, file)) for (file,) in rows]
    for file in files:
        checksums.require_named(Path(file), "the recording", REMEDY)
    return dataset.dataset(files, format="parquet") if files else None

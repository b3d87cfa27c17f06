"""What was made with a source that is dropped: made again, forgotten, or named.

Tests: tests/graphlab/store/removal/test_sources.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb
import numpy as np

from graphlab.store.database import arrow, first_row, quote
from graphlab.store.definitions import property_graphs
from graphlab.store.embeddings.intake import forget_joins
from graphlab.store.embeddings.models import model_names
from graphlab.store.folder import Folder
from graphlab.store.neuron_sets import saved_sets
from graphlab.store.query_source import question_source
from graphlab.store.recordings.intake import ids_of_names
from graphlab.store.runs.runs import MOVING
from graphlab.store.sources.ledger import KeptSource
from graphlab.store.wiring.compartments.choice import PLACED
from graphlab.store.wiring.predicted.labels import delete_labels, forgotten
from ingest.schema.errors import GraphlabError, SchemaError

NAMED = 8
"""Runs that are named before it is said how many more there are."""


def remember(folder: Folder) -> str:
    """The data version that results are of."""
    return str(folder.meta("data_version"))


def named(folder: Folder, before: str, dropped: KeptSource) -> tuple[list[str], list[str]]:
    """Runs whose results were of the data until now, and that in words; results that hold again are told, too."""
    now = str(folder.meta("data_version"))
    asked = (
        "SELECT run_id, verb FROM runs WHERE data_version = ? AND NOT list_contains(?, verb) ORDER BY started, run_id"
    )
    stale = folder.connection.execute(asked, [before, list(MOVING)]).fetchall() if now != before else []
    again = folder.connection.execute(asked, [now, list(MOVING)]).fetchall() if now != before else []
    notes = []
    if stale:
        verbs = ", ".join(f"{count} of {verb}" for verb, count in sorted(Counter(row[1] for row in stale).items()))
        some = ", ".join(f"{row[1]} {row[0]}" for row in stale[:NAMED])
        more = f" and {len(stale) - NAMED:,} more" if len(stale) > NAMED else ""
        notes.append(
            f"{len(stale):,} results are of the data with {dropped.name} ({verbs}): {some}{more}; they stay under "
            "their runs, run them again for the data of now"
        )
    if again:
        notes.append(f"{len(again):,} results from before it came are of the data of now again")
    return [str(row[0]) for row in stale], notes


def sets_without_neurons(folder: Folder) -> list[str]:
    """Saved sets some of whose neurons are no more in the graph, in words."""
    present = arrow(folder.connection, "SELECT root_id FROM neurons")["root_id"].to_numpy()
    gone = {name: int((~np.isin(one.root_ids, present)).sum()) for name, one in saved_sets(folder).items()}
    return [
        f"{count:,} neurons of the saved set {name} are no more in the graph" for name, count in gone.items() if count
    ]


def forget_placed(folder: Folder, dropped: KeptSource, staying: list[KeptSource]) -> list[str]:
    """Forget the skeleton nodes and predicted compartments of synapses where synapses go or get other ids; notes."""
    if dropped.as_ != "synapses" and not any(source.as_ == "synapses" and source.by_name for source in staying):
        return []
    notes = []
    row = first_row(folder.connection, "SELECT count(DISTINCT synapse_id) FROM synapse_nodes")
    if row[0]:
        folder.connection.execute("DELETE FROM synapse_nodes")
        folder.connection.execute("DELETE FROM meta WHERE key = ?", [PLACED])
        notes.append(f"the places of {row[0]:,} synapses on skeletons are forgotten: place them again")
    if labelled := delete_labels(folder.connection):
        notes.append(forgotten(labelled))
    return notes


def traces(folder: Folder) -> list[tuple[str, str, int, int]]:
    """(animal, name, neuron of the trace, neuron that the graph has by that name) of named traces."""
    rows = folder.connection.execute(
        "SELECT animal, name, root_id FROM recorded_neurons WHERE name IS NOT NULL AND root_id IS NOT NULL ORDER BY ALL"
    ).fetchall()
    known = ids_of_names(folder, sorted({str(row[1]) for row in rows})) if rows else {}
    return [(str(animal), str(name), int(root_id), known[str(name)]) for animal, name, root_id in rows]


def require_same_traces(folder: Folder, before: list[tuple[str, str, int, int]], dropped: KeptSource) -> None:
    """Refuse a drop that takes away the names by which traces found their neurons.

    Raises:
        SchemaError: an animal whose traces would be other neurons.
    """
    for (animal, name, root_id, then), (*_, now) in zip(before, traces(folder), strict=True):
        if root_id == then and now != then:
            raise SchemaError(
                f"{dropped.name} cannot be dropped: animal {animal!r} found its neuron {name!r} by the name that this "
                f"source gave it. Drop the recording first (`graphlab drop-animal`)"
            )


@dataclass(frozen=True, slots=True)
class Places:
    """Which neurons and synapses there are, and where: what embeddings were joined to."""

    neurons: tuple[int, int]
    synapses: tuple[int, int]

    @classmethod
    def of(cls, folder: Folder) -> Places:
        """Of the graph as the transaction around it sees it; both (0, 0) where nothing was joined."""
        joined = first_row(folder.connection, "SELECT count(*) FROM neuron_embeddings")
        if not joined[0]:
            return cls((0, 0), (0, 0))
        return cls(
            _fingerprint(folder, "neurons", "root_id, x_nm, y_nm, z_nm"),
            _fingerprint(folder, "synapses", "synapse_id, pre_root_id, post_root_id, x_nm, y_nm, z_nm"),
        )

    def joins_that_changed(self, folder: Folder) -> list[str]:
        """Forget joins of embeddings to neurons or synapses that are others now; notes."""
        if Places.of(folder) == self:
            return []
        return [note for model in model_names(folder) for note in forget_joins(folder, model)]


def _fingerprint(folder: Folder, table: str, columns: str) -> tuple[int, int]:
    row = first_row(folder.connection, f"SELECT count(*), coalesce(bit_xor(hash({columns})), 0) FROM {table}")
    return int(row[0]), int(row[1])


def broken_definitions(folder: Folder) -> list[str]:
    """Views and property graphs that name something which went with the source, in words."""
    from queries.languages.sql_pgq.ddl import parse_definition
    from queries.planning.definition import check_tables

    notes = []
    views = folder.connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall()
    for (view,) in views:
        try:
            folder.connection.execute(f"DESCRIBE {quote(view)}").fetchall()
        except duckdb.Error as error:
            notes.append(f"the view {view} cannot be asked any more: {str(error).splitlines()[0]}")
    for name, definition in property_graphs(folder).items():
        try:
            with question_source(folder) as source:
                check_tables(parse_definition(definition).graph, source, definition)
        except GraphlabError as error:
            notes.append(f"the property graph {name} cannot be asked any more: {str(error).splitlines()[0]}")
    return notes

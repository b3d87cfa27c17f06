"""What a graph holds: versions, counts, and what a person should know before asking questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from graphlab.store.database import FORMAT_VERSION, arrow, first_row
from graphlab.store.folder import Folder
from graphlab.store.runs.runs import MOVING
from graphlab.store.sources.ledger import sources
from graphlab.store.wiring.recipe import Recipe
from ingest.schema.errors import SchemaError, UnknownNameError, VersionError
from ingest.schema.space import Resolution

MOST_PARTS = 6
"""Pairs of compartments that a note names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class GraphInfo:
    """The facts of ``graphlab info``."""

    path: str
    format_version: int
    dataset: str | None
    materialization: str | None
    resolution: str | None
    data_version: str
    counts: dict[str, int | float]
    """Whole numbers, but for ``total_weight`` of fractional weights."""
    embeddings: list[dict[str, Any]]
    recipe: dict[str, Any]
    notes: list[str]
    subset: str | None = None
    """Which part of the graph this is about; None for the whole."""
    sources: list[dict[str, Any]] = field(default_factory=list)
    """What was ingested and is there, in its order: source, as_, rows (None where not known), run_id."""


def information(folder: Folder) -> GraphInfo:
    """Count and describe; one pass over connections, none over synapses."""
    connection = folder.connection
    row = first_row(
        connection,
        """
        SELECT (SELECT count(*) FROM neurons), (SELECT count(*) FROM neurons WHERE in_graph),
               (SELECT count(*) FROM synapses), count(*),
               count(*) FILTER (kind = 'chemical'), count(*) FILTER (kind = 'electrical'),
               count(*) FILTER (kind = 'extrasynaptic'), count(*) FILTER (pre_root_id = post_root_id),
               CAST(coalesce(sum(weight) FILTER (kind = 'chemical'), 0) AS DOUBLE),
               count(DISTINCT pre_root_id), count(DISTINCT post_root_id),
               (SELECT count(*) FROM connections_left_out)
        FROM connections
        """,
    )
    connected = first_row(
        connection,
        """SELECT count(*) FROM (SELECT pre_root_id FROM connections UNION SELECT post_root_id FROM connections)""",
    )
    names = (
        "neurons",
        "neurons_in_graph",
        "synapses",
        "connections",
        "chemical",
        "electrical",
        "extrasynaptic",
        "autapses",
        "total_weight",
        "presynaptic_neurons",
        "postsynaptic_neurons",
        "left_out",
    )
    counts = {name: value if value % 1 else int(value) for name, value in zip(names, row, strict=True)}
    counts["connected_neurons"] = int(connected[0])
    embeddings = connection.execute(
        """SELECT model, segmentation_version, any_value(width), CAST(sum(nodes) AS BIGINT),
                  CAST(sum(neurons) AS BIGINT) FROM embedding_files GROUP BY 1, 2 ORDER BY 1, 2"""
    ).fetchall()
    fields = ("model", "segmentation_version", "width", "nodes", "neurons")
    resolution = folder.resolution
    return GraphInfo(
        path=str(folder.path),
        format_version=FORMAT_VERSION,
        dataset=folder.meta("dataset"),
        materialization=folder.meta("materialization"),
        resolution=str(resolution) if resolution else None,
        data_version=str(folder.meta("data_version")),
        counts=counts,
        embeddings=[dict(zip(fields, item, strict=True)) for item in embeddings],
        recipe=recipe_of(folder),
        notes=[*_notes(counts), *_derived(folder)],
        subset=None if folder.part is None else str(folder.part),
        sources=[
            {"source": one.name, "as_": one.as_, "rows": one.rows, "run_id": one.run_id} for one in sources(folder)
        ],
    )


def describe(folder: Folder, dataset: str | None, resolution: Any, materialization: str | None) -> list[str]:
    """Say of a graph what was not said when it was made; what is None stays as it is. Notes for people.

    Raises:
        SchemaError: nothing was said, or no three lengths of a voxel; positions were read with other voxels of the
            graph.
        VersionError: the ids are of another materialization already.
    """
    voxel = Resolution.parse(resolution) if resolution is not None else None
    if dataset is None and voxel is None and materialization is None:
        raise SchemaError("nothing to say of the graph: name --dataset, --resolution or --materialization")
    notes = []
    with folder.transaction():
        known = folder.meta("materialization")
        if materialization is not None and known not in (None, str(materialization)):
            raise VersionError(
                f"the graph is of materialization {known}; its root ids are none of {materialization}. Make a new "
                "graph, and ingest tables of that version"
            )
        if voxel is not None:
            _require_no_other_voxels(folder, voxel)
            folder.set_meta("resolution_nm", list(voxel.xyz))
        if dataset is not None:
            before = folder.meta("dataset")
            if before not in (None, dataset):
                notes.append(
                    f"the data set was called {before!r} until now, as in what was exported and trained before"
                )
            folder.set_meta("dataset", dataset)
        if materialization is not None:
            folder.set_meta("materialization", str(materialization))
    return notes


def _require_no_other_voxels(folder: Folder, voxel: Resolution) -> None:
    """Refuse a voxel size that positions contradict which were read by the graph's own.

    Raises:
        SchemaError: the source, and what to do.
    """
    for source in sources(folder):
        read = source.said.get("resolution_nm")
        if read is not None and Resolution.parse(read) != voxel:
            raise SchemaError(
                f"positions of {source.name} (run {source.run_id}) were read with the graph's voxels of {read} nm, so "
                f"it is not of {voxel} nm: drop that source (`graphlab drop-source`), say --resolution {voxel}, and "
                "ingest it again; or name --resolution with the later sources only"
            )


def runs_of(folder: Folder, verb: str | None = None) -> pa.Table:
    """Every recorded run, the latest last.

    Columns run_id, verb, started (UTC), seconds, inputs, parameters, seed, current, message. ``current``: whether a
    result is of the data that the graph has now; null where a run left no result of them.

    Raises:
        UnknownNameError: no run of such a verb.
    """
    connection = folder.connection
    verbs = [str(row[0]) for row in connection.execute("SELECT DISTINCT verb FROM runs").fetchall()]
    if verb is not None and verb not in verbs:
        raise UnknownNameError("verb of a run", verb, verbs)
    return arrow(
        connection,
        """SELECT run_id, verb, date_trunc('second', started) AS started, round(seconds, 3) AS seconds,
                  array_to_string(map_keys(CAST(inputs AS MAP(VARCHAR, VARCHAR))), ', ') AS inputs,
                  CAST(parameters AS VARCHAR) AS parameters, seed,
                  CASE WHEN NOT list_contains($moving, verb) THEN data_version = $now END AS current, message
           FROM runs WHERE $verb IS NULL OR verb = $verb ORDER BY runs.started, run_id""",
        {"verb": verb, "moving": list(MOVING), "now": str(folder.meta("data_version"))},
    )


def recipe_of(folder: Folder) -> dict[str, Any]:
    """How connections were made, and what one unit of weight counts."""
    recipe = Recipe(**(folder.meta("recipe") or {})).to_dict()
    ready = first_row(
        folder.connection,
        """SELECT (SELECT count(*) FROM pair_sources WHERE kind = 'chemical' AND origin = 'connections')
                  + (SELECT count(*) FROM (SELECT 1 FROM synapses WHERE weight IS NOT NULL LIMIT 1))""",
    )
    return {**recipe, "weight_counts": "weights of the source"} if ready[0] else recipe


def _derived(folder: Folder) -> list[str]:
    """What was worked out and kept beside the sources: signs, joined and placed embeddings."""
    rows = folder.connection.execute(
        """SELECT message FROM runs WHERE run_id IN (SELECT DISTINCT run_id FROM neuron_embeddings
           UNION SELECT DISTINCT run_id FROM synapse_embeddings
           UNION SELECT DISTINCT run_id FROM synapse_compartments) AND message IS NOT NULL ORDER BY message"""
    ).fetchall()
    recorded = first_row(
        folder.connection,
        """SELECT count(DISTINCT animal), count(*), count(*) FILTER (root_id IN (SELECT root_id FROM neurons)),
                  (SELECT count(DISTINCT animal) FROM recording_files WHERE part = 'behavior')
           FROM recorded_neurons""",
    )
    nodes = first_row(folder.connection, "SELECT count(DISTINCT root_id), count(*), count(compartment) FROM skeletons")
    parts = folder.connection.execute(
        """SELECT coalesce(pre_compartment, 'unknown') || '->' || coalesce(post_compartment, 'unknown'),
                  CAST(sum(weight) AS DOUBLE) AS total
           FROM connections_by_compartment WHERE kind = 'chemical' GROUP BY 1 ORDER BY total DESC, 1"""
    ).fetchall()
    signs = folder.meta("transmitters")
    lines = [f"signs by the transmitter map {signs['map']!r}"] if signs else []
    if nodes[0]:
        lines.append(
            f"skeletons of {nodes[0]:,} neurons, {nodes[1]:,} nodes, {nodes[2]:,} of them in a known compartment"
        )
    if parts:
        told = ", ".join(f"{name} {total:,.10g}" for name, total in parts[:MOST_PARTS])
        more = f" and {len(parts) - MOST_PARTS} more" if len(parts) > MOST_PARTS else ""
        lines.append(f"chemical weight by compartments (--compartment): {told}{more}")
    if recorded[0]:
        lines.append(
            f"animals recorded: {recorded[0]:,}, with behaviour: {recorded[3]:,}; traces: {recorded[1]:,}, "
            f"of neurons of the graph: {recorded[2]:,}"
        )
    return lines + [str(row[0]) for row in rows]


def _notes(counts: dict[str, int | float]) -> list[str]:
    notes = []
    if counts["connections"]:
        notes.append(
            f"{counts['connected_neurons']:,} neurons in {counts['connections'] - counts['autapses']:,} "
            f"connections{' of all kinds' if counts['connections'] > counts['chemical'] else ''}, "
            f"{counts['presynaptic_neurons']:,} of them presynaptic and {counts['postsynaptic_neurons']:,} postsynaptic"
        )
    if counts["connections"] and counts["presynaptic_neurons"] < counts["connected_neurons"] / 2:
        notes.append(
            "fewer than half of the connected neurons are presynaptic: the outputs of the others were probably not "
            "traced, so compare counts over observable pairs only"
        )
    if counts["autapses"]:
        notes.append(f"{counts['autapses']:,} autapses, in the table and out of graphs and censuses")
    if counts["neurons"] > counts["neurons_in_graph"]:
        notes.append(
            f"{counts['neurons'] - counts['neurons_in_graph']:,} neurons are no graph nodes (in_graph is false)"
        )
    if counts["left_out"]:
        notes.append(f"{counts['left_out']:,} connections with a partner outside the graph are kept apart")
    return notes
